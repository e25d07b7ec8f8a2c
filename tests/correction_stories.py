"""The vendor voids an invoice, or issues one again with the details of today."""

from sqlalchemy import select

from portal.billing import accounts, reissues, voids
from portal.billing.reissues import Offer
from portal.extensions import db
from portal.models import Account, CreditNote, Invoice
from portal.transaction import transaction
from tests.cast import Cast
from tests.credit_stories import VENDOR

WRONG_INVOICE = "Issued by mistake"
WRONG_DETAILS = "The company had moved"


def void(cast: Cast, invoice: Invoice) -> CreditNote:
    invoice_id, account_id = invoice.id, invoice.account_id
    with transaction() as session:
        account = accounts.lock(session, account_id)
        row = session.get_one(Invoice, invoice_id)
        note_id = voids.void(
            session, account, row, WRONG_INVOICE, now=cast.clock.now(), actor=VENDOR
        ).id
    return db.session.get_one(CreditNote, note_id)


def reissue(cast: Cast, invoice: Invoice, *, by_customer: bool = False) -> Invoice:
    """By somebody who reads both details and confirms at once; may be refused."""
    invoice_id, account_id = invoice.id, invoice.account_id
    seen = offer(cast, invoice, by_customer=by_customer).fingerprint()
    with transaction() as session:
        account = accounts.lock(session, account_id)
        row_id = reissues.reissue(
            session,
            account,
            session.get_one(Invoice, invoice_id),
            WRONG_DETAILS,
            seen=seen,
            by_customer=by_customer,
            now=cast.clock.now(),
            actor=VENDOR,
        ).id
    return db.session.get_one(Invoice, row_id)


def offer(cast: Cast, invoice: Invoice, *, by_customer: bool = False) -> Offer:
    account = db.session.get_one(Account, invoice.account_id)
    now = cast.clock.now()
    return reissues.offer(db.session(), account, invoice, by_customer=by_customer, now=now)


def as_it_is(invoice: Invoice) -> Invoice:
    """The row as the database has it now."""
    db.session.rollback()
    return db.session.get_one(Invoice, invoice.id)


def note_of(invoice: Invoice) -> CreditNote:
    statement = select(CreditNote).where(CreditNote.invoice_id == invoice.id)
    return db.session.scalars(statement).one()


def numbered(account: Account) -> list[tuple[str, str]]:
    """Every invoice of the account and how it stands, the first first."""
    statement = select(Invoice).where(Invoice.account_id == account.id).order_by(Invoice.id)
    return [(row.number_text, row.status.value) for row in db.session.scalars(statement)]
