"""Stripe's objects, amounts and refusals, in the portal's words. Objects are plain JSON here."""

from collections.abc import Mapping
from typing import Any

from portal.billing.rules import kept_words
from portal.billing.rules.money import Money, minor_digits
from portal.language import message

JSON = Mapping[str, Any]

# What customers, payments and refunds carry at Stripe, so that they are found again.
ACCOUNT, PAYMENT, REFUND = "portal_account", "portal_payment", "portal_refund"

CALLED_OFF = message("Called off.")
ASKS_FOR_AUTHENTICATION = message(
    "The bank asks for authentication, and nobody was there to give it: pay the invoice yourself."
)
NO_REASON = message(
    "The bank declined the card and gave no reason. Ask the bank, or use another card."
)
ANOTHER_CARD = message("The card can't be used for this payment: use another card.")
MORE_THAN_LEFT = message("More than what is left of the payment can't be given back.")

# By error code or decline code. What a bank suspects is never told: those codes give no reason.
DECLINES = {
    "authentication_not_handled": ASKS_FOR_AUTHENTICATION,
    "authentication_required": ASKS_FOR_AUTHENTICATION,
    "payment_intent_authentication_failure": message(
        "The authentication failed or was broken off."
    ),
    "insufficient_funds": message("There is not enough money on the card."),
    "withdrawal_count_limit_exceeded": message("The card's limit is reached: use another card."),
    "card_velocity_exceeded": message("The card's limit is reached: use another card."),
    "expired_card": message("The card has expired: use another card."),
    "card_not_supported": ANOTHER_CARD,
    "currency_not_supported": message(
        "The card can't be charged in this currency: use another card."
    ),
    "incorrect_cvc": message("The card's security code is wrong: enter the card again."),
    "invalid_cvc": message("The card's security code is wrong: enter the card again."),
    "incorrect_number": message("The card's number is wrong: enter the card again."),
    "invalid_number": message("The card's number is wrong: enter the card again."),
    "invalid_expiry_month": message("The card's expiry date is wrong: enter the card again."),
    "invalid_expiry_year": message("The card's expiry date is wrong: enter the card again."),
    "incorrect_address": message("The card's address is wrong: enter the card again."),
    "incorrect_zip": message("The card's postcode is wrong: enter the card again."),
    "invalid_account": message("The card or its account is closed: use another card."),
    "new_account_information_available": message("The card was replaced: enter the new one."),
    "service_not_allowed": ANOTHER_CARD,
    "transaction_not_allowed": ANOTHER_CARD,
    "testmode_decline": message("This is a test card: use a real one."),
    "processing_error": message("The bank could not process the card: try again later."),
    "issuer_not_available": message("The bank could not be reached: try again later."),
    "try_again_later": message("The bank asks to try again later."),
    "reenter_transaction": message("The bank asks to try again."),
    "approve_with_id": message("The bank asks to try again."),
    "amount_too_small": message("The amount is smaller than cards can be charged."),
    "amount_too_large": message("The amount is larger than cards can be charged."),
}
# A request that Stripe refuses because of one of its parameters was not carried out.
REFUSED_PARAMETERS = {
    "payment_method": message("The card is no longer kept: enter it again, or use another card."),
    "currency": message("The card can't be charged in this currency: use another card."),
}
REFUND_REFUSALS = {
    "amount_too_large": MORE_THAN_LEFT,
    "charge_already_refunded": MORE_THAN_LEFT,
    "charge_disputed": message(
        "The payment is disputed at the bank, and can't be refunded meanwhile."
    ),
    "charge_not_refundable": message("The card's bank takes no refund of this payment."),
    "refund_disputed_payment": message(
        "The payment is disputed at the bank: it can't be refunded."
    ),
}
REFUND_FAILURES = {
    "expired_or_canceled_card": message("The card has expired or was cancelled."),
    "lost_or_stolen_card": message("The card was cancelled."),
    "insufficient_funds": message("There was not enough money to refund it."),
}
NOT_REFUNDABLE = message("This payment can't be refunded to the card.")
SENT_BACK = message("The card's bank sent the refund back.")

# Where Stripe counts otherwise than ISO 4217; for UGX its documentation contradicts itself.
STRIPE_DIGITS = {"ISK": 2, "MGA": 0}
NOT_COUNTED = frozenset({"UGX"})
BRANDS = {
    "amex": "American Express",
    "cartes_bancaires": "Cartes Bancaires",
    "diners": "Diners Club",
    "eftpos_au": "Eftpos",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
}


def amount_of(money: Money) -> int | None:
    """The amount as Stripe counts it, in the currency's smallest unit; None where that isn't
    exact. Of currencies with three digits Stripe takes amounts whose last digit is 0."""
    if money.currency in NOT_COUNTED:
        return None
    digits = minor_digits(money.currency)
    shift = STRIPE_DIGITS.get(money.currency, digits) - digits
    if shift >= 0:
        amount = money.amount * 10**shift
        return amount if digits < 3 or amount % 10 == 0 else None
    whole, rest = divmod(money.amount, 10**-shift)
    return whole if rest == 0 else None


def is_over(thing: JSON, money: Money) -> bool:
    """Whether a payment or a refund at Stripe is over this amount."""
    return (
        thing.get("amount") == amount_of(money)
        and str(thing.get("currency")).upper() == money.currency
    )


def not_exact(money: Money) -> str:
    return kept_words.NOT_BY_CARD % {"currency": money.currency}


def decline(error: JSON | None) -> str:
    """Why a card was declined, from an error of the API or a payment's last one."""
    codes = ((error or {}).get("decline_code"), (error or {}).get("code"))
    return next((DECLINES[code] for code in codes if code in DECLINES), NO_REASON)


def refusal(error: JSON) -> str | None:
    """Why Stripe did not carry out a charge; None where it doesn't lie with customer or card."""
    known = DECLINES.get(str(error.get("code")))
    return known or REFUSED_PARAMETERS.get(str(error.get("param")))


def refund_refusal(error: JSON) -> str:
    """Why Stripe will not refund."""
    known = REFUND_REFUSALS.get(str(error.get("code")))
    return known or (MORE_THAN_LEFT if error.get("param") == "amount" else NOT_REFUNDABLE)


def refund_failure(refund: JSON) -> str:
    return REFUND_FAILURES.get(str(refund.get("failure_reason")), SENT_BACK)


def action_url(intent: JSON) -> str | None:
    """Where the customer authenticates."""
    action = intent.get("next_action") or {}
    redirect = action.get("redirect_to_url") or {}
    url = redirect.get("url")
    return str(url) if url else None


def key_of(thing: JSON, kind: str) -> str | None:
    """What the portal calls a payment or a refund at Stripe; None for what isn't its own."""
    metadata = thing.get("metadata") or {}
    return metadata.get(kind)


def card_label(method: JSON) -> str:
    """As in "Visa ending 4242"."""
    card = method.get("card") or {}
    brand = str(card.get("brand") or "card")
    name = BRANDS.get(brand, brand.title())
    return kept_words.CARD % {"card": name, "digits": card.get("last4", "????")}
