"""The invoice or credit note that an address names, of the account of whoever asks."""

from typing import Any

from flask import abort
from sqlalchemy import ColumnElement, Select, bindparam, select

from portal.blueprints.stored_files import Files
from portal.extensions import db
from portal.models import CreditNote, CreditNoteDocument, Invoice, InvoiceDocument
from portal.web.access import principal


def invoice(number: str) -> Invoice:
    """This account's invoice; another account's is not found (404), like one that never was."""
    row: Invoice = _own(Invoice, number)
    return row


def credit_note(number: str) -> CreditNote:
    """The same of a credit note."""
    row: CreditNote = _own(CreditNote, number)
    return row


def files_of(model: type[Invoice | CreditNote], number: str) -> Files:
    """The files of the same, and nothing else of it: all that a download looks at."""
    found = db.session.connection().execute(FILES_OF[model], _asked(number)).one_or_none()
    if found is None:
        abort(404)
    return Files(model, *found)


def _own(model: type[Any], number: str) -> Any:
    statement = select(model).where(*_is_own(model))
    row = db.session.scalars(statement, _asked(number)).one_or_none()
    if row is None:
        abort(404)
    return row


def _asked(number: str) -> dict[str, Any]:
    # A zero byte is no text to PostgreSQL.
    if not number.isprintable():
        abort(404)
    return {"account_id": principal().account_id, "number": number}


def _is_own(model: type[Any]) -> tuple[ColumnElement[bool], ...]:
    return model.account_id == bindparam("account_id"), model.number_text == bindparam("number")


def _files_of(model: type[Any], document: type[Any]) -> Select[Any]:
    return (
        select(model.id, model.number_text, document.sha256, document.ubl_sha256)
        .outerjoin(model.document)
        .where(*_is_own(model))
    )


# Built once: what is downloaded is asked for often, by programs too.
FILES_OF = {
    Invoice: _files_of(Invoice, InvoiceDocument),
    CreditNote: _files_of(CreditNote, CreditNoteDocument),
}
