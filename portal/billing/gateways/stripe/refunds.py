"""Giving back by Stripe's Refunds."""

import stripe

from portal.billing.gateways import Answer, Outcome, Repayment
from portal.billing.gateways.stripe import answers
from portal.billing.gateways.stripe.answers import JSON, REFUND
from portal.billing.gateways.stripe.calls import PAGE_LENGTH, Api, facts_of, key_is_young, note


class Refunds:
    """What `PaymentGateway` says of refunds, but raising what Stripe raises."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def give_back(self, repayment: Repayment) -> Answer:
        amount = answers.amount_of(repayment.amount)
        if amount is None:
            return Answer(Outcome.DECLINED, message=answers.not_exact(repayment.amount))
        if not key_is_young(repayment.created_at):
            known = self.look_up(repayment)
            if known.outcome is not Outcome.NEVER_HEARD:
                return known
        try:
            refund = self._api.refunds.create(
                {
                    "payment_intent": repayment.charge_reference,
                    "amount": amount,
                    "metadata": {REFUND: repayment.idempotency_key},
                },
                {"idempotency_key": repayment.idempotency_key},
            )
        except stripe.InvalidRequestError as error:
            note(error)
            return Answer(Outcome.DECLINED, message=answers.refund_refusal(facts_of(error)))
        return _outcome(refund.to_dict())

    def look_up(self, repayment: Repayment) -> Answer:
        refund = self._find(repayment)
        return Answer(Outcome.NEVER_HEARD) if refund is None else _outcome(refund)

    def _find(self, repayment: Repayment) -> JSON | None:
        if repayment.gateway_reference:
            return self._api.refunds.retrieve(repayment.gateway_reference).to_dict()
        refunds = self._api.refunds.list(
            {"payment_intent": repayment.charge_reference, "limit": PAGE_LENGTH}
        )
        for refund in refunds.auto_paging_iter():
            found = refund.to_dict()
            if answers.key_of(found, REFUND) == repayment.idempotency_key:
                return found
        return None


def _outcome(refund: JSON) -> Answer:
    """Pending ones are on their way; Stripe sends news when they have arrived, or can't."""
    reference, status = refund["id"], refund["status"]
    if status == "succeeded":
        return Answer(Outcome.SUCCEEDED, reference)
    if status in ("failed", "canceled"):
        return Answer(Outcome.DECLINED, reference, answers.refund_failure(refund))
    return Answer(Outcome.AWAITED, reference)
