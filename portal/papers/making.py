"""The files of invoices and credit notes: made once, by the worker, from what was fixed at issue.

Three steps, and a kill between any two of them leaves an invoice without a document, which the
next attempt makes: read the rows; set and store the bytes, with no transaction open; record
their hash in one transaction. A file that no row names yet is served to nobody.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from portal import clock, document_store, events, language
from portal.billing import accounts
from portal.extensions import db
from portal.language import gettext as _
from portal.mail import enclosures
from portal.models import Account, CreditNote, CreditNoteDocument, Invoice, InvoiceDocument
from portal.papers import (
    composing,
    credit_note_display,
    e_invoice,
    invoice_display,
    paper_notices,
    rendering,
)
from portal.papers.credit_note_display import IssuedCreditNote
from portal.papers.invoice_display import IssuedInvoice
from portal.papers.page import SHEET, Page
from portal.transaction import after_commit, assert_outside, transaction

Issued = IssuedInvoice | IssuedCreditNote


@dataclass(frozen=True)
class Kind:
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


@dataclass(frozen=True)
class Files:
    """What there is of a document: the PDF, and the same as UBL.

    Without an electronic invoice `ubl` is empty, none is in the PDF, and `lacking` says why.
    """

    pdf: bytes
    ubl: bytes = b""
    lacking: str = ""


@dataclass(frozen=True)
class _Kept:
    """The hash and the size of a stored file."""

    sha256: str
    size_bytes: int


INVOICE = Kind(
    "invoice", "invoice_v1", Invoice, InvoiceDocument, "invoice_id", invoice_display.issued
)
CREDIT_NOTE = Kind(
    "credit_note",
    "credit_note_v1",
    CreditNote,
    CreditNoteDocument,
    "credit_note_id",
    credit_note_display.issued,
)


def make(invoice_id: int) -> None:
    """Set, store and record the files of an invoice; nothing happens when it has them.

    Raises NoResultFound for an unknown id, RenderingFailed where the page can't be set within its
    limits, StoreFailed when the bytes can't be stored.
    """
    _make(INVOICE, invoice_id)


def make_credit_note(credit_note_id: int) -> None:
    """The same for a credit note."""
    _make(CREDIT_NOTE, credit_note_id)


def render(issued: Issued) -> Files:
    """The files, the same bytes every time; all words in the language it was issued in."""
    with language.speaking(issued.language):
        try:
            xml, ubl, lacking = e_invoice.factur_x(issued), e_invoice.ubl(issued), ""
        except e_invoice.NoEInvoice as reason:
            xml, ubl, lacking = b"", b"", str(reason)
        page = _page(issued, xml)
    return Files(rendering.pdf(page), ubl, lacking)


def warm_up() -> None:
    """Load what making them needs; a worker does so once, before it forks for each job."""
    rendering.warm_up()
    importlib.import_module("facturx")


def keep_ready() -> None:
    """Have what sets pages running, for this process and those it forks for its jobs."""
    rendering.keep_ready()


def _make(kind: Kind, row_id: int) -> None:
    issued = _read(kind, row_id)
    assert_outside()
    if issued is None:
        return
    files = render(issued)
    ubl = _keep(files.ubl) if files.ubl else None
    _record(kind, row_id, _keep(files.pdf), ubl, files.lacking)


def _read(kind: Kind, row_id: int) -> Issued | None:
    session = db.session()
    row = session.get_one(kind.row, row_id)
    if session.get(kind.document, row_id) is not None:
        return None
    with language.speaking(row.language):
        return kind.issued(session, row)


def _page(issued: Issued, xml: bytes) -> Page:
    kind = CREDIT_NOTE if isinstance(issued, IssuedCreditNote) else INVOICE
    return Page(
        html=composing.html(kind.template, **{kind.name: issued}),
        sheet=SHEET,
        paper=composing.paper(issued.customer, issued.vendor),
        identifier=issued.number,
        xml=xml,
        xml_is=_("The invoice for accounting software (EN 16931)"),
        issued_at=issued.issued_at,
    )


def _keep(content: bytes) -> _Kept:
    return _Kept(document_store.put(content), len(content))


def _record(kind: Kind, row_id: int, pdf: _Kept, ubl: _Kept | None, lacking: str) -> None:
    """Name the bytes in a row; where another renderer was first, its row stays."""
    with transaction() as session:
        row = session.get_one(kind.row, row_id)
        account = accounts.lock(session, row.account_id)
        if session.get(kind.document, row_id, populate_existing=True) is not None:
            return
        document = _document(kind, row, pdf, ubl)
        session.add(document)
        enclosures.document_made(session, document, now=clock.now())
        if lacking:
            paper_notices.no_e_invoice(session, row.number_text, lacking, now=clock.now())
        _tell_open_pages(session, account, kind, row.number_text)


def _document(kind: Kind, row: Any, pdf: _Kept, ubl: _Kept | None) -> Any:
    document = kind.document(
        account_id=row.account_id,
        template=kind.template,
        sha256=pdf.sha256,
        size_bytes=pdf.size_bytes,
        ubl_sha256=ubl.sha256 if ubl else None,
        ubl_size_bytes=ubl.size_bytes if ubl else None,
        rendered_at=clock.now(),
    )
    setattr(document, kind.key, row.id)
    return document


def _tell_open_pages(session: Session, account: Account, kind: Kind, number: str) -> None:
    account_id = account.id
    after_commit(session, lambda: events.publish(account_id, kind.name, number=number))
