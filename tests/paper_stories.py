"""An account with every kind of document, whose looks are kept as pictures."""

from dataclasses import dataclass, replace

from portal.audit import SYSTEM
from portal.billing import accounts, billing_details
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.jobs import schedule
from portal.models import Account, CreditNote, Invoice, RefundTo, User
from portal.transaction import transaction
from tests.cast import Cast
from tests.credit_stories import change_details, credit, newest

GERMAN = {"country": "DE", "address": ["2 Example Lane", "10115 Berlin"], "po_number": "PO 77"}


@dataclass(frozen=True)
class Papers:
    """What an account got, and who reads it."""

    account: Account
    reader: User
    first: Invoice
    credit_note: CreditNote
    upgrade: Invoice


def company(cast: Cast, language: str = "en") -> Account:
    """A German company with 10 users since 1 March: $100.00 and 19 %, paid by card."""
    account = cast.account("Example Studio", None)
    change_details(account, company="Example Studio GmbH", **GERMAN)
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        details = replace(billing_details.of(locked), language=language)
        billing_details.change(session, locked, details, now=cast.clock.now(), actor=SYSTEM)
    cast.subscribe(account, cast.price("standard", "10-users", Interval.MONTHLY))
    return account


def papers(cast: Cast, language: str = "en") -> Papers:
    """On 6 March two more seats, credited to the balance a day later; on 11 March the upgrade to
    20 users, which uses that balance."""
    account = company(cast, language)
    reader = ada(cast, account)
    first = newest(account)
    cast.let_pass(days=5)
    cast.buy(account, seat=2)
    cast.let_pass(days=1)
    note = credit(cast, newest(account), to=RefundTo.BALANCE)
    cast.let_pass(days=4)
    cast.change_plan(account, cast.price("standard", "20-users"))
    upgrade = newest(account)
    schedule.run_due()
    return Papers(account, reader, first, note, upgrade)


def ada(cast: Cast, account: Account) -> User:
    """Its Admin, whose address stands on pages: the same in every run."""
    user_id = cast.member(account, "Ada", Role.ADMIN).id
    with transaction() as session:
        session.get_one(User, user_id).email = "ada@example.com"
    return db.session.get_one(User, user_id)
