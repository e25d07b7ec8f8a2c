"""Collecting by Stripe's PaymentIntents."""

import stripe
from stripe.params import PaymentIntentCreateParams

from portal.billing.gateways import Answer, Charge, Outcome
from portal.billing.gateways.stripe import answers
from portal.billing.gateways.stripe.answers import CALLED_OFF, JSON, PAYMENT
from portal.billing.gateways.stripe.calls import (
    LOG,
    PAGE_LENGTH,
    Api,
    facts_of,
    key_is_young,
)


class Charges:
    """What `PaymentGateway` says of charges, but raising what Stripe raises."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def collect(self, charge: Charge) -> Answer:
        amount = answers.amount_of(charge.amount)
        if amount is None:
            return Answer(Outcome.DECLINED, message=answers.not_exact(charge.amount))
        if not key_is_young(charge.created_at):
            known = self.look_up(charge)
            if known.outcome is not Outcome.NEVER_HEARD:
                return known
        try:
            intent = self._api.payment_intents.create(
                _params(charge, amount), {"idempotency_key": charge.idempotency_key}
            )
        except stripe.CardError as error:
            return self._declined(facts_of(error))
        except stripe.InvalidRequestError as error:
            message = answers.refusal(facts_of(error))
            if message is None:
                raise
            return Answer(Outcome.DECLINED, message=message)
        return self._outcome(charge, intent.to_dict())

    def look_up(self, charge: Charge) -> Answer:
        intent = self._find(charge)
        return Answer(Outcome.NEVER_HEARD) if intent is None else self._outcome(charge, intent)

    def call_off(self, charge: Charge) -> Answer:
        intent = self._find(charge)
        if intent is None:
            return Answer(Outcome.DECLINED, message=CALLED_OFF)
        if intent["status"] in ("succeeded", "canceled"):
            return self._outcome(charge, intent)
        return self._close(intent["id"], CALLED_OFF)

    def _find(self, charge: Charge) -> JSON | None:
        """By what Stripe called it, else among all payments of the customer.

        Not only among those since `created_at`: a sandbox clock may be ahead of Stripe's.
        """
        if charge.gateway_reference:
            return self._api.payment_intents.retrieve(charge.gateway_reference).to_dict()
        intents = self._api.payment_intents.list(
            {"customer": charge.customer_reference, "limit": PAGE_LENGTH}
        )
        for intent in intents.auto_paging_iter():
            found = intent.to_dict()
            if answers.key_of(found, PAYMENT) == charge.idempotency_key:
                return found
        return None

    def _outcome(self, charge: Charge, intent: JSON) -> Answer:
        reference, status = intent["id"], intent["status"]
        error = intent.get("last_payment_error")
        if not answers.is_over(intent, charge.amount):
            LOG.error("Stripe's payment %s is over another amount than the portal's", reference)
            return Answer(Outcome.UNKNOWN)
        match status:
            case "succeeded":
                return Answer(Outcome.SUCCEEDED, reference)
            case "canceled":
                message = answers.decline(error) if error else CALLED_OFF
                return Answer(Outcome.DECLINED, reference, message)
            case "requires_action":
                return self._action(charge, intent)
            case "requires_payment_method" | "requires_confirmation":
                return self._close(reference, answers.decline(error))
        return Answer(Outcome.UNKNOWN, reference)

    def _action(self, charge: Charge, intent: JSON) -> Answer:
        url = answers.action_url(intent)
        if charge.on_session and url:
            return Answer(Outcome.NEEDS_ACTION, intent["id"], action_url=url)
        return self._close(intent["id"], answers.ASKS_FOR_AUTHENTICATION)

    def _declined(self, error: JSON) -> Answer:
        message, intent = answers.decline(error), error.get("payment_intent")
        if intent is None:
            return Answer(Outcome.DECLINED, message=message)
        return self._close(intent["id"], message)

    def _close(self, reference: str, message: str) -> Answer:
        """Cancel a payment so that it stays uncollected; it may have been collected meanwhile."""
        try:
            intent = self._api.payment_intents.cancel(reference)
        except stripe.InvalidRequestError:
            intent = self._api.payment_intents.retrieve(reference)
        if intent.status == "canceled":
            return Answer(Outcome.DECLINED, reference, message)
        outcome = Outcome.SUCCEEDED if intent.status == "succeeded" else Outcome.UNKNOWN
        return Answer(outcome, reference)


def _params(charge: Charge, amount: int) -> PaymentIntentCreateParams:
    """The same for the same charge, whenever it is sent: Stripe compares."""
    params: PaymentIntentCreateParams = {
        "amount": amount,
        "currency": charge.amount.currency.lower(),
        "customer": charge.customer_reference,
        "payment_method": charge.method_reference,
        "allowed_payment_method_types": ["card"],
        "confirm": True,
        "metadata": {PAYMENT: charge.idempotency_key},
    }
    if charge.description:
        params["description"] = charge.description
    if charge.on_session:
        params["return_url"] = charge.return_url
    else:
        params["off_session"] = True
    return params
