"""Addresses that invoices are sent to besides people's own: put on the list, asked, agreed to."""

import re

from flask.testing import FlaskClient
from sqlalchemy import select

from portal import clock
from portal.billing import accounts, invoice_addresses
from portal.extensions import db
from portal.models import Account, InvoiceAddress, Notice
from portal.transaction import transaction

FORM = {
    **{"company": "Acme", "country": "US", "language": "en"},
    **{"address": "", "tax_id": "", "po_number": ""},
}
LINK = re.compile(r"https?://[^\s\"]*?(/invoice-address/[\w-]+)")


def send_to(client: FlaskClient, *emails: str) -> int:
    """An Admin enters the addresses on the billing details; gives the status of the answer."""
    form = FORM | {"invoice_emails": "\n".join(emails)}
    return client.post("/billing", data=form).status_code


def agreed(account: Account, *emails: str) -> None:
    """The addresses are on the list, and whoever reads there has said yes."""
    with transaction() as session:
        accounts.lock(session, account.id).billing.invoice_emails = list(emails)
        at = {"added_at": clock.now(), "confirmed_at": clock.now()}
        for email in emails:
            session.add(InvoiceAddress(account_id=account.id, email=email.lower(), **at))


def questions() -> list[Notice]:
    """The emails that ask, oldest first."""
    db.session.rollback()
    statement = select(Notice).where(Notice.name == invoice_addresses.QUESTION)
    return list(db.session.scalars(statement.order_by(Notice.id)))


def link_in(notice: Notice) -> str:
    """The path that an email's own link leads to, the same in text and HTML."""
    (text,), (html,) = (set(LINK.findall(body)) for body in (notice.body_text, notice.body_html))
    assert text == html
    return str(text)
