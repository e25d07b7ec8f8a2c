"""The PDFs of invoices and credit notes: made once, by the worker, from what was fixed at issue.

Three steps, and a kill between any two of them leaves an invoice without a document, which the
next attempt makes: read the rows; set and store the bytes, with no transaction open; record
their hash in one transaction. A file that no row names yet is served to nobody.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy.orm import Session

from portal import clock, document_store, enclosures, events
from portal.billing import accounts
from portal.extensions import db
from portal.models import CreditNote, CreditNoteDocument, Invoice, InvoiceDocument
from portal.papers import credit_note_display, invoice_display
from portal.papers.credit_note_display import IssuedCreditNote
from portal.papers.invoice_display import IssuedInvoice
from portal.transaction import after_commit, assert_outside, transaction

Issued = IssuedInvoice | IssuedCreditNote
# Both kinds look alike.
SHEET = "invoice_v1.css"


@dataclass(frozen=True)
class Paper:
    """A kind of document. `name` is what its template and open pages call it, `key` the column
    by which a document names its row.

    `template` is kept with each document: one issued under a template is never set in another.
    """

    name: str
    template: str
    row: type[Any]
    document: type[Any]
    key: str
    issued: Callable[[Session, Any], Issued]


INVOICE = Paper(
    "invoice", "invoice_v1", Invoice, InvoiceDocument, "invoice_id", invoice_display.issued
)
CREDIT_NOTE = Paper(
    "credit_note",
    "credit_note_v1",
    CreditNote,
    CreditNoteDocument,
    "credit_note_id",
    credit_note_display.issued,
)


def make(invoice_id: int) -> None:
    """Set, store and record the PDF of an invoice; nothing happens when it has one.

    Raises NoResultFound for an unknown id, OSError when the bytes can't be stored.
    """
    _make(INVOICE, invoice_id)


def make_credit_note(credit_note_id: int) -> None:
    """The same for a credit note."""
    _make(CREDIT_NOTE, credit_note_id)


def render(issued: Issued) -> bytes:
    """The PDF, the same bytes every time."""
    # Imported here: it takes seconds and 60 MB, and web processes never render.
    from portal.papers import typesetting

    paper = CREDIT_NOTE if isinstance(issued, IssuedCreditNote) else INVOICE
    template = current_app.jinja_env.get_template(f"pdf/{paper.template}.html")
    # Not flask.render_template: what pages share (navigation, who is signed in) has no place here.
    html = template.render({paper.name: issued})
    return typesetting.pdf(html, sheet=SHEET, identifier=issued.number)


def warm_up() -> None:
    """Load what rendering needs; a worker does so once, before it forks for each job."""
    from portal.papers import typesetting

    typesetting.prepared(SHEET)


def _make(paper: Paper, row_id: int) -> None:
    issued = _read(paper, row_id)
    assert_outside()
    if issued is not None:
        content = render(issued)
        _record(paper, row_id, document_store.put(content), len(content))


def _read(paper: Paper, row_id: int) -> Issued | None:
    session = db.session()
    row = session.get_one(paper.row, row_id)
    if session.get(paper.document, row_id) is not None:
        return None
    return paper.issued(session, row)


def _record(paper: Paper, row_id: int, sha256: str, size_bytes: int) -> None:
    """Name the bytes in a row; where another renderer was first, its row stays."""
    with transaction() as session:
        row = session.get_one(paper.row, row_id)
        account_id, number = row.account_id, row.number_text
        accounts.lock(session, account_id)
        if session.get(paper.document, row_id, populate_existing=True) is not None:
            return
        document = paper.document(
            account_id=account_id,
            template=paper.template,
            sha256=sha256,
            size_bytes=size_bytes,
            rendered_at=clock.now(),
        )
        setattr(document, paper.key, row_id)
        session.add(document)
        enclosures.document_made(session, document, now=clock.now())
        after_commit(session, lambda: events.publish(account_id, paper.name, number=number))
