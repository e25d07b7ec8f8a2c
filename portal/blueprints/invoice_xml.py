"""Invoices and credit notes as UBL 2.1, for accounting software, as they were stored."""

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from portal.blueprints import own_papers, stored_files
from portal.web.access import Permission, requires

bp = Blueprint("invoice_xml", __name__)


@bp.get("/invoices/<number>.xml")
@requires(Permission.SEE_INVOICES)
def invoice(number: str) -> ResponseReturnValue:
    """The stored bytes; 409 while there are none yet, 404 where there will be none."""
    row = own_papers.invoice(number)
    return stored_files.xml(row, url_for("invoices.show", number=row.number_text))


@bp.get("/credit-notes/<number>.xml")
@requires(Permission.SEE_INVOICES)
def credit_note(number: str) -> ResponseReturnValue:
    """The same of a credit note."""
    row = own_papers.credit_note(number)
    return stored_files.xml(row, url_for("credit_notes.show", number=row.number_text))
