"""What the vendor does about an invoice, and what an account then has."""

import itertools

from sqlalchemy import select

from portal.audit import SYSTEM, operator
from portal.billing import (
    accounts,
    add_ons,
    credit_notes,
    ledger,
    plan_changes,
    price_list,
    refunds,
    subscriptions,
)
from portal.billing.credit_notes import Wish
from portal.billing.gateways import Answer
from portal.billing.rules.roles import Role
from portal.collecting import collection
from portal.extensions import db
from portal.models import (
    Account,
    BillingDetails,
    CreditNote,
    Invoice,
    InvoiceStatus,
    Notice,
    Payment,
    PlanChange,
    Price,
    Refund,
    RefundTo,
    Subscription,
    SubscriptionStatus,
)
from portal.transaction import transaction
from tests.cast import Cast

VENDOR = operator("the vendor")
REASON = "Charged by mistake"
_numbers = itertools.count(1)


def credit(cast: Cast, invoice: Invoice, *lines: int, to: RefundTo = RefundTo.METHOD) -> CreditNote:
    """A credit note for all of an invoice, or for some of its lines."""
    invoice_id, account_id = invoice.id, invoice.account_id
    wish = Wish(REASON, to, frozenset(lines) or None)
    with transaction() as session:
        account = accounts.lock(session, account_id)
        row = session.get_one(Invoice, invoice_id)
        note = credit_notes.issue(session, account, row, wish, now=cast.clock.now(), actor=VENDOR)
        note_id = note.id
    return db.session.get_one(CreditNote, note_id)


def subscribe(cast: Cast, account: Account, price: Price, **wanted: int) -> PlanChange:
    """A first plan with add-ons, by their keys with _ for -."""
    with transaction() as session:
        change_id = plan_changes.subscribe(
            session,
            accounts.lock(session, account.id),
            price,
            op_id=f"story-{next(_numbers)}",
            add_ons=_price_ids(price, wanted),
            now=cast.clock.now(),
            actor=SYSTEM,
        ).id
    return collection.carry_change(change_id)


def buy(cast: Cast, account: Account, **wanted: int) -> PlanChange:
    """More add-ons for the days left."""
    now = cast.clock.now()
    subscription = subscriptions.live(db.session(), account.id)
    assert subscription is not None
    ids = _price_ids(subscription.price, wanted)
    quote = add_ons.quote(db.session(), account, ids, now=now)
    confirmation = plan_changes.Confirmation(
        f"story-{next(_numbers)}", quote.fingerprint(), quote.valid_until
    )
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        change_id = add_ons.confirm(session, locked, ids, confirmation, now=now, actor=SYSTEM).id
    return collection.carry_change(change_id)


def settle(cast: Cast, note: CreditNote, answer: Answer) -> None:
    """What became of a note's refund is recorded by hand."""
    note_id, account_id = note.id, note.account_id
    with transaction() as session:
        account = accounts.lock(session, account_id)
        refund = session.scalars(select(Refund).where(Refund.credit_note_id == note_id)).one()
        refunds.settle(session, account, refund, answer, now=cast.clock.now())


def unpaid(cast: Cast) -> Account:
    """5 users since 1 March, whose renewal of $50.00 was declined on 31 March."""
    account = cast.account("Unpaid", "standard", "5-users", card="card_declines_later")
    cast.member(account, "Uma", Role.ADMIN)
    cast.let_pass(days=31)
    assert newest(account).status is InvoiceStatus.OPEN
    return account


def change_details(account: Account, **details: object) -> None:
    """The account's billing details as they are from now on."""
    account_id = account.id
    with transaction() as session:
        row = session.get_one(BillingDetails, account_id)
        for name, value in details.items():
            setattr(row, name, value)


def newest(account: Account) -> Invoice:
    statement = select(Invoice).where(Invoice.account_id == account.id)
    return db.session.scalars(statement.order_by(Invoice.id.desc()).limit(1)).one()


def parts(note: CreditNote) -> tuple[int, int, int]:
    """Off the invoice, back to the method, to the balance."""
    return note.off_invoice_minor, note.to_method_minor, note.to_balance_minor


def refund_of(note: CreditNote) -> Refund:
    return db.session.scalars(select(Refund).where(Refund.credit_note_id == note.id)).one()


def payments_of(invoice: Invoice) -> list[Payment]:
    statement = select(Payment).where(Payment.invoice_id == invoice.id).order_by(Payment.id)
    return list(db.session.scalars(statement))


def status_of(account: Account) -> SubscriptionStatus:
    statement = select(Subscription.status).where(Subscription.account_id == account.id)
    return db.session.scalars(statement).one()


def balance(account: Account) -> int:
    return ledger.credit_balance(db.session(), account).amount


def owed(account: Account) -> int:
    return ledger.receivable(db.session(), account).amount


def emails(account: Account, name: str) -> list[Notice]:
    statement = select(Notice).where(Notice.account_id == account.id, Notice.name == name)
    return list(db.session.scalars(statement.order_by(Notice.id)))


def _price_ids(price: Price, wanted: dict[str, int]) -> dict[int, int]:
    sold = price_list.add_ons_for(db.session(), price)
    by_key = {each.add_on.key.replace("-", "_"): each.id for each in sold}
    return {by_key[key]: quantity for key, quantity in wanted.items()}
