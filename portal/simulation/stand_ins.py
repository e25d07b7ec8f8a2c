"""Who answers in a simulation for the world outside: a clock that is moved, a bank of no books."""

from dataclasses import dataclass
from datetime import datetime

from portal.billing.gateways import Answer, Charge, Outcome, Repayment
from portal.billing.gateways.sandbox import (
    ASKS_FOR_AUTHENTICATION,
    CALLED_OFF,
    CARDS,
    DECLINED,
    NOT_AUTHENTICATED,
    TestCard,
)
from portal.models import SandboxState

PAYS = CARDS["card_pays"]


@dataclass
class MovedClock:
    """Stands still at an instant until it is moved."""

    at: datetime

    def now(self) -> datetime:
        return self.at


class StandInGateway:
    """Keeps to the protocol of `PaymentGateway`: every charge goes as a test card's would.

    As `card`'s, where one is given; else as that of the charge's own, where that is a test card;
    else it succeeds. Nobody is there to authenticate: such a charge waits until it is called off.
    """

    def __init__(self, card: TestCard | None = None) -> None:
        self._card = card
        self._charges = dict[str, SandboxState]()
        self._refunds = set[str]()

    def charge(self, charge: Charge) -> Answer:
        card = self._card_of(charge)
        state = card.on_session if charge.on_session else card.off_session
        self._charges.setdefault(charge.idempotency_key, state)
        return self._known(charge) if card.answers else Answer(Outcome.UNKNOWN)

    def enquire(self, charge: Charge) -> Answer:
        """Of a charge from before the simulation nobody knows: it is sent again, and goes as one
        that begins now."""
        if charge.idempotency_key not in self._charges:
            return Answer(Outcome.NEVER_HEARD)
        return self._known(charge)

    def call_off(self, charge: Charge) -> Answer:
        state = self._charges.get(charge.idempotency_key, SandboxState.WAITING)
        if state is not SandboxState.WAITING:
            return self._known(charge)
        self._charges[charge.idempotency_key] = SandboxState.DECLINED
        return Answer(Outcome.DECLINED, _reference(charge.idempotency_key), CALLED_OFF)

    def refund(self, repayment: Repayment) -> Answer:
        self._refunds.add(repayment.idempotency_key)
        return Answer(Outcome.SUCCEEDED, _reference(repayment.idempotency_key))

    def enquire_refund(self, repayment: Repayment) -> Answer:
        if repayment.idempotency_key not in self._refunds:
            return Answer(Outcome.NEVER_HEARD)
        return self.refund(repayment)

    def _card_of(self, charge: Charge) -> TestCard:
        return self._card or CARDS.get(charge.method_reference, PAYS)

    def _known(self, charge: Charge) -> Answer:
        reference = _reference(charge.idempotency_key)
        match self._charges[charge.idempotency_key]:
            case SandboxState.PAID:
                return Answer(Outcome.SUCCEEDED, reference)
            case SandboxState.WAITING:
                return Answer(Outcome.NEEDS_ACTION, reference, action_url=charge.return_url)
            case _:
                return Answer(Outcome.DECLINED, reference, self._why_declined(charge))

    def _why_declined(self, charge: Charge) -> str:
        if self._card_of(charge).on_session is not SandboxState.WAITING:
            return DECLINED
        return NOT_AUTHENTICATED if charge.on_session else ASKS_FOR_AUTHENTICATION


def _reference(key: str) -> str:
    return f"simulated_{key}"
