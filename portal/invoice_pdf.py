"""The PDF of an invoice: made once, by the worker, from what was fixed when it was issued.

Three steps, and a kill between any two of them leaves an invoice without a document, which the
next attempt makes: read the rows; set and store the bytes, with no transaction open; record
their hash in one transaction. A file that no row names yet is served to nobody.
"""

from flask import current_app

from portal import clock, document_store, events, invoice_display
from portal.billing import accounts
from portal.extensions import db
from portal.invoice_display import IssuedInvoice
from portal.models import Invoice, InvoiceDocument
from portal.transaction import after_commit, assert_outside, transaction

# Kept with each document: an invoice issued under one template is never set in another.
TEMPLATE = "invoice_v1"


def make(invoice_id: int) -> None:
    """Set, store and record the PDF of an invoice; nothing happens when it has one.

    Raises NoResultFound for an unknown id, OSError when the bytes can't be stored.
    """
    invoice = _read(invoice_id)
    assert_outside()
    if invoice is not None:
        content = render(invoice)
        _record(invoice_id, document_store.put(content), len(content))


def render(invoice: IssuedInvoice) -> bytes:
    """The PDF, the same bytes every time."""
    # Imported here: it takes seconds and 60 MB, and web processes never render.
    from portal import typesetting

    # Not flask.render_template: what pages share (navigation, who is signed in) has no place here.
    html = current_app.jinja_env.get_template(f"pdf/{TEMPLATE}.html").render(invoice=invoice)
    return typesetting.pdf(html, sheet=f"{TEMPLATE}.css", identifier=invoice.number)


def warm_up() -> None:
    """Load what rendering needs; a worker does so once, before it forks for each job."""
    from portal import typesetting

    typesetting.prepared(f"{TEMPLATE}.css")


def _read(invoice_id: int) -> IssuedInvoice | None:
    session = db.session()
    invoice = session.get_one(Invoice, invoice_id)
    if session.get(InvoiceDocument, invoice_id) is not None:
        return None
    return invoice_display.issued(session, invoice)


def _record(invoice_id: int, sha256: str, size_bytes: int) -> None:
    """Name the bytes in a row; where another renderer was first, its row stays."""
    with transaction() as session:
        invoice = session.get_one(Invoice, invoice_id)
        account_id, number = invoice.account_id, invoice.number_text
        accounts.lock(session, account_id)
        if session.get(InvoiceDocument, invoice_id, populate_existing=True) is not None:
            return
        session.add(
            InvoiceDocument(
                invoice_id=invoice_id,
                account_id=account_id,
                template=TEMPLATE,
                sha256=sha256,
                size_bytes=size_bytes,
                rendered_at=clock.now(),
            )
        )
        after_commit(session, lambda: events.publish(account_id, "invoice", number=number))
