"""One account in the real portal: what people do in it, and everything it says about money."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import (
    accounts,
    add_ons,
    bounds,
    cancellations,
    clients,
    credit_notes,
    credited_lines,
    forecast,
    ledger,
    open_invoices,
    payment_methods,
    people,
    plan_changes,
    situations,
    statuses,
    subscriptions,
    usage,
)
from portal.billing.gateways import sandbox
from portal.billing.gateways.sandbox import CARDS
from portal.billing.intentions import Confirmation
from portal.billing.payment_methods import WayToPay
from portal.billing.payments import FINAL
from portal.billing.rules.client_details import ClientDetails
from portal.billing.rules.plan_change import Quote
from portal.billing.rules.roles import Role
from portal.collecting import collection
from portal.extensions import db
from portal.models import (
    Account,
    Invoice,
    Membership,
    Payment,
    PaymentState,
    PlanChange,
    Price,
    RefundTo,
)
from portal.transaction import transaction
from tests.cast import FixedClock
from tests.model import reading
from tests.model.picture import Picture

# Where the account reads its dates.
HOME = ZoneInfo("Europe/Helsinki")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Offer:
    """A quote as a page shows it: what was asked for, and the form's confirmation."""

    price_id: int | None
    wanted: Mapping[int, int] | None
    terms: Quote
    confirmation: Confirmation


class Driver:
    """The operations of one account. What the rules refuse raises RuleBroken or StaleQuote."""

    def __init__(self, clock: FixedClock, *, currency: str, country: str) -> None:
        self.clock = clock
        with transaction() as session:
            self.account_id = accounts.open_account(
                session,
                name="Acme",
                country=country,
                currency=currency,
                time_zone=HOME.key,
                now=clock.now(),
                actor=SYSTEM,
            ).id
        self.members: list[int] = []
        self.clients: list[str] = []
        self.join(Role.ADMIN)

    def join(self, role: Role = Role.MEMBER) -> None:
        """One more person takes a seat."""
        number = next(_numbers)
        with transaction() as session:
            account, now = accounts.lock(session, self.account_id), self.clock.now()
            user = people.add_user(
                session,
                email=f"person-{number}@example.com",
                name=f"Person {number}",
                password_hash="never used",
                now=now,
            )
            row = people.add_member(session, account, user, role, now=now, actor=SYSTEM)
            self.members.append(row.id)

    def leave(self) -> None:
        """The one who joined last is deactivated."""
        with transaction() as session:
            row = session.get_one(Membership, self.members.pop())
            people.deactivate(session, row, now=self.clock.now(), actor=SYSTEM)

    def add_client(self) -> None:
        with transaction() as session:
            account, now = accounts.lock(session, self.account_id), self.clock.now()
            status = statuses.built_in(statuses.of(session, account.id), statuses.CLIENT)
            client = clients.add(
                session,
                account,
                ClientDetails(name=f"Client {next(_numbers)}"),
                status,
                accepted=len(self.clients) + 1,
                now=now,
                actor=SYSTEM,
            )
            self.clients.append(client.public_id)

    def suspend_client(self) -> None:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            chosen = clients.Selection(public_ids=(self.clients.pop(),))
            clients.suspend(session, account, chosen, now=self.clock.now(), actor=SYSTEM)

    def use_card(self, card: str) -> None:
        """Pay by another card from now on; what was declined is tried with it at once."""
        way = WayToPay("sandbox", card, CARDS[card].label)
        with transaction() as session:
            account, now = accounts.lock(session, self.account_id), self.clock.now()
            payment_methods.change(session, account, way, now=now, actor=SYSTEM)
            tried = open_invoices.try_new_method(session, account, now=now, actor=SYSTEM)
            payment_ids = [payment.id for payment in tried]
        for payment_id in payment_ids:
            collection.carry_payment(payment_id)
        # A card that is added at the instant of a purchase is taken for a part of it.
        self.clock.advance(microseconds=1)

    def pay(self) -> None:
        """Pay now, on the page of the open invoice."""
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            invoice = open_invoices.unpaid(session, account.id)[0]
            seen = open_invoices.mark(session, invoice)
            payment = open_invoices.pay(
                session, account, invoice, seen, now=self.clock.now(), actor=SYSTEM
            )
            payment_id = payment.id if payment else None
        if payment_id is not None:
            collection.carry_payment(payment_id)

    def authenticate(self, *, succeeds: bool) -> None:
        """The customer answers the bank, and comes back to the portal."""
        payment = self._asked()
        assert payment is not None
        db.session.rollback()
        sandbox.decide(payment.idempotency_key, authenticated=succeeds)
        collection.look_again(payment)

    def move_to(self, country: str) -> None:
        """The account is taxed by another country's rate from now on."""
        with transaction() as session:
            accounts.lock(session, self.account_id).billing.country = country

    def quote(self, price_id: int, wanted: Mapping[int, int] | None) -> Offer:
        """The Change Plan page for a plan."""
        price = db.session.get_one(Price, price_id)
        terms = plan_changes.quote(
            db.session(), self._account, price, add_ons=wanted, now=self.clock.now()
        )
        return self._offer(price_id, wanted, terms)

    def quote_add_ons(self, wanted: Mapping[int, int]) -> Offer:
        terms = add_ons.quote(db.session(), self._account, wanted, now=self.clock.now())
        return self._offer(None, wanted, terms)

    def confirm(self, offer: Offer) -> PlanChange:
        """Post the form of an offer, and carry its payment; returns what became of it."""
        with transaction() as session:
            account, now = accounts.lock(session, self.account_id), self.clock.now()
            if offer.price_id is None:
                assert offer.wanted is not None
                change = add_ons.confirm(
                    session, account, offer.wanted, offer.confirmation, now=now, actor=SYSTEM
                )
            else:
                change = plan_changes.confirm(
                    session,
                    account,
                    session.get_one(Price, offer.price_id),
                    offer.confirmation,
                    add_ons=offer.wanted,
                    now=now,
                    actor=SYSTEM,
                )
            change_id = change.id
        return collection.carry_change(change_id)

    def renew_only(self, price_id: int, renewing: int) -> None:
        self._command(add_ons.renew_only, price_id, renewing)

    def withdraw_downgrade(self) -> None:
        self._command(plan_changes.withdraw)

    def cancel(self) -> None:
        self._command(cancellations.cancel)

    def withdraw_cancellation(self) -> None:
        self._command(cancellations.withdraw)

    def credit(
        self, number: int, amounts: list[tuple[int, int]] | None, *, to_balance: bool
    ) -> None:
        """A credit note for the account's invoice `number` (from 0), or for lines of these amounts
        (net and tax) of which something is left."""
        positions = None if amounts is None else self._positions(number, amounts)
        wish = credit_notes.Wish(
            "A correction",
            RefundTo.BALANCE if to_balance else RefundTo.METHOD,
            None if positions is None else frozenset(positions),
        )
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            invoice = self._invoices()[number]
            credit_notes.issue(session, account, invoice, wish, now=self.clock.now(), actor=SYSTEM)

    def asked(self) -> int:
        """The id of the payment that waits for an answer of the gateway or the customer's bank."""
        payment = self._asked()
        assert payment is not None
        return payment.id

    def is_settled(self, payment_id: int) -> bool:
        return db.session.get_one(Payment, payment_id).state in FINAL

    def release(self) -> bool:
        """The vendor lets an account be charged again that was parked; False where none was."""
        if self._account.parked_at is None:
            return False
        self._command(bounds.release)
        return True

    def usage(self) -> dict[str, int]:
        used = usage.counts(db.session(), self.account_id)
        return {metric.value: count for metric, count in used.items()}

    def picture(self) -> Picture:
        """All that the account's pages say about money, read from the rows."""
        db.session.rollback()
        return reading.picture(db.session(), self.account_id)

    def next_charge(self) -> tuple[datetime, int] | None:
        """What My Account foretells: when something is charged next, and how much is to be paid."""
        session, account = db.session(), self._account
        running = subscriptions.live(session, account.id)
        if running is None:
            return None
        coming = forecast.coming(
            session,
            account,
            running,
            balance=ledger.credit_balance(session, account),
            scheduled=situations.scheduled(session, account.id),
            now=self.clock.now(),
            until=running.cycle_end_at,
        )
        return (coming[0].at, coming[0].draft.due.amount) if coming else None

    @property
    def _account(self) -> Account:
        return db.session.get_one(Account, self.account_id)

    def _asked(self) -> Payment | None:
        statement = select(Payment).where(
            Payment.account_id == self.account_id,
            Payment.state.in_((PaymentState.PROCESSING, PaymentState.UNKNOWN)),
        )
        return db.session.scalars(statement).first()

    def _command(self, command: Callable[..., object], *given: object) -> None:
        with transaction() as session:
            account = accounts.lock(session, self.account_id)
            command(session, account, *given, now=self.clock.now(), actor=SYSTEM)

    def _offer(self, price_id: int | None, wanted: Mapping[int, int] | None, terms: Quote) -> Offer:
        confirmation = Confirmation(
            f"model-{next(_numbers)}", terms.fingerprint(), terms.valid_until
        )
        db.session.rollback()
        return Offer(price_id, wanted, terms, confirmation)

    def _invoices(self) -> list[Invoice]:
        statement = select(Invoice).where(Invoice.account_id == self.account_id)
        return list(db.session.scalars(statement.order_by(Invoice.id)))

    def _positions(self, number: int, amounts: list[tuple[int, int]]) -> list[int]:
        lines = credited_lines.of(db.session(), self._invoices()[number])
        left = [line.charged for line in lines if not line.charged.left.is_zero]
        db.session.rollback()
        found = []
        for net, tax in amounts:
            line = next(li for li in left if (li.amount.amount, li.tax_amount.amount) == (net, tax))
            left.remove(line)
            found.append(line.position)
        return found
