"""Invoices and credit notes as rows for spreadsheets: one for each paper, or one for each line.

What a credit note gives back is below zero, so that a column adds up. No cell is taken for a
formula. Heads and figures are the same in every language, for the software that reads them.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from portal import language
from portal.billing.invoice_lists import Paper
from portal.billing.rules import describe
from portal.billing.rules.client_file import safe_cell
from portal.billing.rules.money import Money
from portal.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from portal.papers.invoice_display import what_for

PAPER_COLUMNS = (
    *("Kind", "Number", "Date", "For", "Corrects", "Status", "Paid on", "Paid with"),
    *("Subtotal", "Tax", "Kept as credit balance", "Total", "From credit balance", "To pay"),
    *("Credited before payment", "Still to pay", "Currency", "PO number", "Billed to"),
)
LINE_COLUMNS = (
    *("Kind", "Number", "Date", "Corrects", "Line", "Description", "How it was worked out"),
    *("From", "To", "Amount", "Tax name", "Tax percent", "Tax", "Amount with tax"),
    *("Currency", "PO number"),
)
INVOICE, CREDIT_NOTE = "Invoice", "Credit note"


def paper_row(paper: Paper, zone: str, paid_with: str) -> tuple[str, ...]:
    """A paper by PAPER_COLUMNS; dates are days of the zone."""
    return _invoice(paper, zone, paid_with) if isinstance(paper, Invoice) else _note(paper, zone)


def line_rows(papers: Iterable[Paper], zone: str) -> Iterator[tuple[str, ...]]:
    """Each line of each paper by LINE_COLUMNS."""
    for paper in papers:
        is_invoice = isinstance(paper, Invoice)
        head = (
            INVOICE if is_invoice else CREDIT_NOTE,
            safe_cell(paper.number_text),
            _day(paper.issued_at, zone),
            "" if isinstance(paper, Invoice) else safe_cell(paper.invoice.number_text),
        )
        for line in paper.lines:
            yield (*head, *_line(line, zone), paper.currency, _po_number(paper))


def _invoice(row: Invoice, zone: str, paid_with: str) -> tuple[str, ...]:
    amounts = (
        *(row.subtotal_minor, row.tax_minor, row.surplus_minor, row.total_minor),
        *(row.balance_applied_minor, row.due_minor, row.credited_minor),
    )
    owed = row.outstanding if row.paid_at is None else row.money(0)
    return (
        INVOICE,
        safe_cell(row.number_text),
        _day(row.issued_at, zone),
        safe_cell(_what_for(row)),
        "",
        row.status.value.capitalize(),
        _day(row.paid_at, zone),
        safe_cell(paid_with),
        *(describe.plain(row.money(minor)) for minor in amounts),
        describe.plain(owed),
        *_foot(row),
    )


def _what_for(row: Invoice) -> str:
    """In the words of the document, as its lines are, whoever asks for the rows."""
    with language.speaking(row.language):
        return what_for(row)


def _note(row: CreditNote, zone: str) -> tuple[str, ...]:
    subtotal, tax = row.money(-row.subtotal_minor), row.money(-row.tax_minor)
    return (
        CREDIT_NOTE,
        safe_cell(row.number_text),
        _day(row.issued_at, zone),
        safe_cell(row.reason),
        safe_cell(row.invoice.number_text),
        "Issued",
        *[""] * 2,
        *(describe.plain(amount) for amount in (subtotal, tax)),
        "",
        describe.plain(-row.total),
        *[""] * 4,
        *_foot(row),
    )


def _foot(paper: Paper) -> tuple[str, str, str]:
    return paper.currency, _po_number(paper), safe_cell(str(paper.customer["name"]))


def _line(line: InvoiceLine | CreditNoteLine, zone: str) -> tuple[str, ...]:
    tax, amount = Money(line.tax_minor, line.currency), line.money
    if isinstance(line, CreditNoteLine):
        amount, tax = -amount, -tax
    timed = line.invoice_line if isinstance(line, CreditNoteLine) else line
    return (
        str(line.position),
        safe_cell(line.description),
        safe_cell(line.explanation),
        _day(timed.period_start_at, zone),
        _day(timed.period_end_at, zone),
        describe.plain(amount),
        safe_cell(line.tax_name),
        _percent(line.tax_basis_points) if line.tax_name else "",
        describe.plain(tax),
        describe.plain(amount + tax),
    )


def _percent(basis_points: int) -> str:
    """As in "19" or "7.75": a figure that a spreadsheet can reckon with."""
    whole, hundredths = divmod(basis_points, 100)
    return f"{whole}.{hundredths:02}".rstrip("0").rstrip(".")


def _po_number(paper: Paper) -> str:
    return safe_cell(str(paper.customer.get("po_number") or ""))


def _day(instant: datetime | None, zone: str) -> str:
    return instant.astimezone(ZoneInfo(zone)).date().isoformat() if instant else ""
