"""A gateway that moves no money: its test cards do what real cards do, on purpose.

It keeps its own books, in its own connection, as the foreign system it plays: what it took stays
taken whatever happens to the portal afterwards.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from portal.billing.gateways import Answer, Charge, Outcome, Repayment
from portal.billing.rules.money import Money
from portal.engine import WRITES
from portal.extensions import db
from portal.language import message
from portal.models import SandboxCharge, SandboxRefund, SandboxState

DECLINED = message("The card was declined.")
NOT_AUTHENTICATED = message("The payment was not authenticated.")
ASKS_FOR_AUTHENTICATION = message(
    "The bank asks for authentication, and nobody was there to give it: pay the invoice yourself."
)
CALLED_OFF = message("Called off.")
UNKNOWN_CARD = message("The sandbox does not know this card.")
MORE_THAN_LEFT = message("More than what is left of the payment can't be given back.")
# The page on which its bank asks for authentication.
PAGE = "/sandbox/cards/"


@dataclass(frozen=True)
class TestCard:
    """How a test card behaves: what it does when the customer is there and when not, and whether
    its answers come through. `does` is a message that ends a sentence which begins with "A card
    which"."""

    reference: str
    label: str
    does: str
    on_session: SandboxState = SandboxState.PAID
    off_session: SandboxState = SandboxState.PAID
    answers: bool = True


PAID, REFUSED, WAITING = SandboxState.PAID, SandboxState.DECLINED, SandboxState.WAITING
CARDS = {
    card.reference: card
    for card in (
        TestCard("card_pays", "Test card ending 4242", message("pays")),
        TestCard(
            "card_declines", "Test card ending 0002", message("is declined"), REFUSED, REFUSED
        ),
        TestCard(
            "card_authenticates",
            "Test card ending 3155",
            message("needs authentication: pays when you confirm it, is declined at renewals"),
            WAITING,
            REFUSED,
        ),
        TestCard(
            "card_declines_later",
            "Test card ending 0341",
            message("pays now and is declined at renewals"),
            PAID,
            REFUSED,
        ),
        TestCard(
            "card_times_out_paid",
            "Test card ending 4319",
            message("pays, but its answer gets lost: the portal has to ask what became of it"),
            answers=False,
        ),
        TestCard(
            "card_times_out_unpaid",
            "Test card ending 0119",
            message(
                "is declined, but its answer gets lost: the portal has to ask what became of it"
            ),
            REFUSED,
            REFUSED,
            answers=False,
        ),
    )
}


class SandboxGateway:
    """Keeps to the protocol of `PaymentGateway`."""

    def charge(self, charge: Charge) -> Answer:
        card = CARDS.get(charge.method_reference)
        if card is None:
            return Answer(Outcome.DECLINED, message=UNKNOWN_CARD)
        state = card.on_session if charge.on_session else card.off_session
        answer = _written(lambda session: _charged(session, charge, state))
        return answer if card.answers else Answer(Outcome.UNKNOWN)

    def enquire(self, charge: Charge) -> Answer:
        return _written(lambda session: _known(session, charge))

    def call_off(self, charge: Charge) -> Answer:
        return _written(lambda session: _called_off(session, charge))

    def refund(self, repayment: Repayment) -> Answer:
        """Of a card whose answers get lost, a refund's does too."""
        return _written(lambda session: _heard_of_refund(session, repayment))

    def enquire_refund(self, repayment: Repayment) -> Answer:
        return _written(lambda session: _known_refund(session, repayment))


@dataclass(frozen=True)
class Waiting:
    """A charge at the sandbox's bank, for the page on which it asks for authentication."""

    key: str
    card: TestCard
    amount: Money
    state: SandboxState


def find_charge(key: str) -> Waiting | None:
    """What the bank knows of a charge."""
    with _books() as session:
        row = session.get(SandboxCharge, key)
        if row is None or row.card not in CARDS:
            return None
        return Waiting(key, CARDS[row.card], Money(row.amount_minor, row.currency), row.state)


def decide(key: str, *, authenticated: bool) -> None:
    """The customer's answer to the bank; one that comes too late changes nothing."""
    with _books() as session:
        row = _locked(session, key)
        if row is not None and row.state is WAITING:
            row.state = PAID if authenticated else REFUSED


def _charged(session: Session, charge: Charge, state: SandboxState) -> Answer:
    row = _locked(session, charge.idempotency_key) or _enter(session, charge, state)
    return _answer(charge, row)


def _known(session: Session, charge: Charge) -> Answer:
    row = session.get(SandboxCharge, charge.idempotency_key)
    return _answer(charge, row) if row else Answer(Outcome.NEVER_HEARD)


def _called_off(session: Session, charge: Charge) -> Answer:
    """One that never arrived is entered as declined, so that it can't arrive later either."""
    row = _locked(session, charge.idempotency_key) or _enter(session, charge, WAITING)
    if row.state is not WAITING:
        return _answer(charge, row)
    row.state = REFUSED
    return Answer(Outcome.DECLINED, _reference(row), CALLED_OFF)


def _heard_of_refund(session: Session, repayment: Repayment) -> Answer:
    answer = _refunded(session, repayment)
    charge = session.get(SandboxCharge, repayment.charge_key)
    card = CARDS.get(charge.card) if charge else None
    return answer if card is None or card.answers else Answer(Outcome.UNKNOWN)


def _refunded(session: Session, repayment: Repayment) -> Answer:
    """The charge is locked first: of two with the same key, the second finds the first's row."""
    charge = _locked(session, repayment.charge_key)
    known = _known_refund(session, repayment)
    if known.outcome is not Outcome.NEVER_HEARD:
        return known
    amount = repayment.amount
    if charge is None or charge.state is not PAID or charge.currency != amount.currency:
        return Answer(Outcome.DECLINED, message=MORE_THAN_LEFT)
    if _given_back(session, charge) + amount.amount > charge.amount_minor:
        return Answer(Outcome.DECLINED, message=MORE_THAN_LEFT)
    session.add(
        SandboxRefund(
            idempotency_key=repayment.idempotency_key,
            charge_key=charge.idempotency_key,
            amount_minor=amount.amount,
            currency=amount.currency,
        )
    )
    return Answer(Outcome.SUCCEEDED, f"sandbox_{repayment.idempotency_key}")


def _known_refund(session: Session, repayment: Repayment) -> Answer:
    row = session.get(SandboxRefund, repayment.idempotency_key)
    if row is None:
        return Answer(Outcome.NEVER_HEARD)
    return Answer(Outcome.SUCCEEDED, f"sandbox_{row.idempotency_key}")


def _given_back(session: Session, charge: SandboxCharge) -> int:
    statement = select(func.coalesce(func.sum(SandboxRefund.amount_minor), 0)).where(
        SandboxRefund.charge_key == charge.idempotency_key
    )
    return int(session.execute(statement).scalar_one())


def _written(act: Callable[[Session], Answer]) -> Answer:
    """Do it in the sandbox's books; of two who enter the same key at once, one finds the other's.

    When the books can't be opened the gateway is one that doesn't answer.
    """
    try:
        try:
            with _books() as session:
                return act(session)
        except IntegrityError:
            with _books() as session:
                return act(session)
    except SQLAlchemyError:
        return Answer(Outcome.UNKNOWN)


@contextmanager
def _books() -> Iterator[Session]:
    with Session(db.engine, expire_on_commit=False) as session, session.begin():
        session.connection(execution_options={WRITES: True})
        yield session


def _locked(session: Session, key: str) -> SandboxCharge | None:
    return session.get(SandboxCharge, key, with_for_update=True)


def _enter(session: Session, charge: Charge, state: SandboxState) -> SandboxCharge:
    row = SandboxCharge(
        idempotency_key=charge.idempotency_key,
        card=charge.method_reference,
        amount_minor=charge.amount.amount,
        currency=charge.amount.currency,
        state=state,
    )
    session.add(row)
    session.flush()
    return row


def _answer(charge: Charge, row: SandboxCharge) -> Answer:
    reference = _reference(row)
    if row.state is PAID:
        return Answer(Outcome.SUCCEEDED, reference)
    if row.state is WAITING:
        return Answer(Outcome.NEEDS_ACTION, reference, action_url=_action_url(charge))
    if row.card != "card_authenticates":
        return Answer(Outcome.DECLINED, reference, DECLINED)
    message = NOT_AUTHENTICATED if charge.on_session else ASKS_FOR_AUTHENTICATION
    return Answer(Outcome.DECLINED, reference, message)


def _reference(row: SandboxCharge) -> str:
    return f"sandbox_{row.idempotency_key}"


def _action_url(charge: Charge) -> str:
    """The bank's page, on the site that the customer comes back to."""
    back = urlsplit(charge.return_url)
    path = f"{back.path}?{back.query}" if back.query else back.path
    page = f"{PAGE}{quote(charge.idempotency_key, safe='')}?back={quote(path, safe='')}"
    return back._replace(path="", query="", fragment="").geturl() + page
