"""The invoice or credit note that an address names, of the account of whoever asks."""

from typing import Any

from flask import abort
from sqlalchemy import select

from portal.extensions import db
from portal.models import CreditNote, Invoice
from portal.web.access import principal


def invoice(number: str) -> Invoice:
    """This account's invoice; another account's is not found (404), like one that never was."""
    row: Invoice = _own(Invoice, number)
    return row


def credit_note(number: str) -> CreditNote:
    """The same of a credit note."""
    row: CreditNote = _own(CreditNote, number)
    return row


def _own(model: type[Any], number: str) -> Any:
    # A zero byte is no text to PostgreSQL.
    if not number.isprintable():
        abort(404)
    account_id = principal().account.id
    statement = select(model).where(model.account_id == account_id, model.number_text == number)
    row = db.session.scalars(statement).one_or_none()
    if row is None:
        abort(404)
    return row
