"""The ways to pay that forms offer: the sandbox's test cards, or a bank transfer.

Shared by signing up, changing plan and the page of the payment method. Where cards are entered on
a gateway's own pages there is nothing to choose here.
"""

from typing import Any

from flask import current_app, request
from wtforms import RadioField
from wtforms.validators import AnyOf

from portal.billing.gateways import MANUAL, SANDBOX
from portal.billing.gateways.sandbox import CARDS
from portal.billing.payment_methods import WayToPay
from portal.billing.rules.kept_words import translated
from portal.language import gettext as _
from portal.language import message
from portal.models import PaymentMethod

TRANSFER = WayToPay(MANUAL, "bank-transfer", message("Bank transfer"))


def gateway() -> str:
    """By which gateway people pay from now on."""
    name: str = current_app.config["PORTAL"].gateway
    return name


def has_card_page() -> bool:
    """Whether cards are entered on the gateway's own page."""
    return gateway() not in (SANDBOX, MANUAL)


def test_cards() -> list[tuple[str, str]]:
    """Each test card by its reference, with what it does; none outside the sandbox gateway."""
    if gateway() != SANDBOX:
        return []
    return [
        (key, _("%(card)s, which %(does)s", card=translated(card.label), does=_(card.does)))
        for key, card in CARDS.items()
    ]


def card_field() -> RadioField:
    """The choice of a test card; to be taken off forms where there are none."""
    return RadioField(
        message("Test card"),
        choices=test_cards,
        default=next(iter(CARDS)),
        validate_choice=False,
        validators=[AnyOf(CARDS, message("Choose one of the test cards."))],
    )


def choice(method: PaymentMethod | None) -> dict[str, Any]:
    """What a form that pays shows, for `payment_method/_choice.html`: the account's way to pay, and
    the test cards to choose from with the one it begins with."""
    return {
        "method": method,
        "cards": test_cards(),
        "card": preselected(request.form.get("card"), method),
        "has_card_page": has_card_page(),
    }


def preselected(asked: str | None, method: PaymentMethod | None) -> str:
    """The test card a form begins with: the one asked for, else the one paid with now."""
    wanted = asked or (method.reference if method else None)
    return wanted if wanted in CARDS else next(iter(CARDS))


def chosen(card: str | None) -> WayToPay | None:
    """What a form says: the test card by its reference, or a transfer; None where it says none."""
    match gateway():
        case "sandbox":
            known = CARDS.get(card or "")
            return WayToPay(SANDBOX, known.reference, known.label) if known else None
        case "manual":
            return TRANSFER
        case _:
            return None
