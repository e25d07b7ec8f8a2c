"""Invoices and credit notes as UBL 2.1, for accounting software, as they were stored."""

from functools import partial

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from portal.blueprints import own_papers, stored_files
from portal.models import CreditNote, Invoice
from portal.web.access import requires
from portal.web.permissions import Permission

bp = Blueprint("invoice_xml", __name__)


@bp.get("/invoices/<number>.xml")
@requires(Permission.SEE_INVOICES)
def invoice(number: str) -> ResponseReturnValue:
    """The stored bytes; 409 while there are none yet, 404 where there will be none."""
    files = own_papers.files_of(Invoice, number)
    return stored_files.xml(files, partial(url_for, "invoices.show", number=number))


@bp.get("/credit-notes/<number>.xml")
@requires(Permission.SEE_INVOICES)
def credit_note(number: str) -> ResponseReturnValue:
    """The same of a credit note."""
    files = own_papers.files_of(CreditNote, number)
    return stored_files.xml(files, partial(url_for, "credit_notes.show", number=number))
