"""Bank transfer: nothing is collected by itself; the vendor records what arrived."""

from portal.billing.gateways import Answer, Charge, Outcome


class ManualGateway:
    def charge(self, charge: Charge) -> Answer:
        return Answer(Outcome.AWAITED, reference=charge.idempotency_key)

    def enquire(self, idempotency_key: str) -> Answer:
        return Answer(Outcome.AWAITED, reference=idempotency_key)
