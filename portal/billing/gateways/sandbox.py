"""A gateway that moves no money: its test cards do what real cards do, on purpose.

It keeps its own books, in its own connection, as the foreign system it plays: what it took stays
taken whatever happens to the portal afterwards.
"""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal.billing.gateways import Answer, Charge, Outcome
from portal.engine import WRITES
from portal.extensions import db
from portal.models import SandboxCharge

DECLINED = "The card was declined."


@dataclass(frozen=True)
class TestCard:
    """How a test card behaves: whether it pays, and whether the answer comes through."""

    reference: str
    label: str
    pays: bool = True
    answers: bool = True


CARDS = {
    card.reference: card
    for card in (
        TestCard("card_pays", "Test card ending 4242"),
        TestCard("card_declines", "Test card ending 0002", pays=False),
        TestCard("card_times_out_paid", "Test card ending 4319", answers=False),
        TestCard("card_times_out_unpaid", "Test card ending 0119", pays=False, answers=False),
    )
}


class SandboxGateway:
    def charge(self, charge: Charge) -> Answer:
        card = CARDS[charge.method_reference]
        record = self._remember(charge, succeeded=card.pays)
        return _answer(record) if card.answers else Answer(Outcome.UNKNOWN)

    def enquire(self, idempotency_key: str) -> Answer:
        with Session(db.engine) as session:
            record = session.get(SandboxCharge, idempotency_key)
        return _answer(record) if record else Answer(Outcome.NEVER_HEARD)

    def _remember(self, charge: Charge, *, succeeded: bool) -> SandboxCharge:
        with Session(db.engine, expire_on_commit=False) as session:
            session.connection(execution_options={WRITES: True})
            record = session.get(SandboxCharge, charge.idempotency_key) or SandboxCharge(
                idempotency_key=charge.idempotency_key,
                card=charge.method_reference,
                amount_minor=charge.amount.amount,
                currency=charge.amount.currency,
                succeeded=succeeded,
            )
            session.add(record)
            session.commit()
            return record


def _answer(record: SandboxCharge) -> Answer:
    reference = f"sandbox_{record.idempotency_key}"
    if record.succeeded:
        return Answer(Outcome.SUCCEEDED, reference)
    return Answer(Outcome.DECLINED, reference, DECLINED)
