"""What a credit note says, as page and PDF both show it, and what became of its refund since.

What `issued` gives was fixed at issue, so a PDF made of it is the same whenever it is made.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from portal.billing import editions, refunds
from portal.billing.rules import crediting, kept_words
from portal.billing.rules.money import Money
from portal.language import ENGLISH
from portal.language import gettext as _
from portal.models import CreditNote, CreditNoteLine, CreditNotePurpose, Invoice
from portal.papers import invoice_display
from portal.papers.line_facts import one_at, tax_of
from portal.papers.parts import (
    LINE_LENGTH,
    NAME_LENGTH,
    Attempt,
    Line,
    Party,
    Sum,
    party,
    tax_sums,
    zone_of,
)
from portal.printable import printable


@dataclass(frozen=True)
class IssuedCreditNote:
    """A credit note as it was issued. Instants are UTC, shown in `zone`; `sums` lead to `total`.

    subtotal + tax = total.
    `goes` says where the money goes, as in "$70.00 back to Visa ending in 4242 and $30.00 to
    your credit balance". `tax_note` and `po_number` are the invoice's; both may be empty. So is
    `language`.
    """

    number: str
    invoice_number: str
    invoice_issued_at: datetime
    reason: str
    issued_at: datetime
    zone: str
    vendor: Party
    customer: Party
    lines: tuple[Line, ...]
    sums: tuple[Sum, ...]
    subtotal: Money
    tax: Money
    total: Money
    goes: str
    to_method: Money
    to_balance: Money
    tax_note: str
    po_number: str
    language: str = ENGLISH

    @property
    def takes_back(self) -> bool:
        """Whether a line takes back what was a credit itself."""
        return any(line.amount.is_negative for line in self.lines)


def issued(session: Session, note: CreditNote) -> IssuedCreditNote:
    """The credit note as issued, detached from its rows."""
    sent, invoice = refund(session, note), note.invoice
    is_again = note.purpose is CreditNotePurpose.REISSUE
    method = sent.method if sent else ""
    return IssuedCreditNote(
        number=note.number_text,
        invoice_number=invoice.number_text,
        invoice_issued_at=invoice.issued_at,
        reason=printable(note.reason, LINE_LENGTH),
        issued_at=note.issued_at,
        zone=zone_of(session, note),
        vendor=party(note.vendor),
        customer=party(note.customer),
        lines=_lines(session, note),
        sums=_sums(note),
        subtotal=note.money(note.subtotal_minor),
        tax=note.money(note.tax_minor),
        total=note.total,
        goes=_goes(session, note, method),
        to_method=note.division.to_method,
        to_balance=note.money(0) if is_again else note.division.to_balance,
        tax_note=printable(invoice.tax_note, LINE_LENGTH),
        po_number=printable(note.customer.get("po_number") or "", NAME_LENGTH),
        language=note.language,
    )


def refund(session: Session, note: CreditNote) -> Attempt | None:
    """How the money that goes back to the payment method is getting on; None where none does."""
    row = refunds.of_note(session, note)
    if row is None:
        return None
    at = row.settled_at or row.created_at
    method = printable(kept_words.translated(row.payment.method.label), NAME_LENGTH)
    failure = printable(kept_words.translated(row.failure or ""), LINE_LENGTH)
    return Attempt(at, row.money, method, row.state, failure)


def _goes(session: Session, note: CreditNote, method: str) -> str:
    """Where the money goes; of an invoice that was issued again none goes anywhere."""
    number, later = note.invoice.number_text, editions.next_of(session, note.invoice)
    if note.purpose is not CreditNotePurpose.REISSUE or later is None:
        return crediting.destinations(note.division, number, method)
    return _(
        "all of it stands for invoice %(number)s, which replaces %(former)s: no money moves",
        number=later.number_text,
        former=number,
    )


def _lines(session: Session, note: CreditNote) -> tuple[Line, ...]:
    charged = invoice_display.charged_on(session, note.invoice)
    return tuple(
        _line(line, charged.get(line.invoice_line.source_line_id, note.invoice))
        for line in note.lines
    )


def _line(line: CreditNoteLine, charged_on: Invoice) -> Line:
    return Line(
        description=printable(line.description, LINE_LENGTH),
        explanation=printable(line.explanation, LINE_LENGTH),
        amount=line.money,
        start_at=line.invoice_line.period_start_at,
        end_at=line.invoice_line.period_end_at,
        tax=tax_of(line, charged_on.tax_note),
        tax_amount=line.tax_money,
        measure=one_at(line.money),
    )


def _sums(note: CreditNote) -> tuple[Sum, ...]:
    """subtotal + tax per rate = total; a total without tax needs no steps."""
    taxes = tax_sums(note)
    return (Sum(_("Subtotal"), note.money(note.subtotal_minor)), *taxes) if taxes else ()
