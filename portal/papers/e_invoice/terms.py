"""An issued document as the business terms of EN 16931, by their numbers (BT-1, BG-4 …).

Positive are the amounts of an invoice and those of a credit note; a line below zero takes
something back of what the document is for.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from portal.billing.rules.money import Money
from portal.language import gettext as _
from portal.papers.credit_note_display import IssuedCreditNote
from portal.papers.e_invoice import parties, taxes
from portal.papers.e_invoice.refusals import NoEInvoice
from portal.papers.e_invoice.values import amount, currency, day, needed, price, text
from portal.papers.invoice_display import IssuedInvoice
from portal.papers.line_facts import LineTax, TaxCase, Unit, one_at
from portal.papers.parts import Line, Reference

INVOICE, CREDIT_NOTE = "380", "381"
# UNTDID 4461. A transfer has no code of its own here: that one needs the vendor's bank account.
CARD, NOT_DEFINED = "48", "1"

Terms = dict[str, Any]


def business_terms(issued: IssuedInvoice | IssuedCreditNote) -> Terms:
    """The terms of a document. Raises NoEInvoice where they make no valid file."""
    _refuse_unsummed(issued)
    lines = taxes.beside_each_other([line.tax for line in issued.lines])
    own = _invoice(issued) if isinstance(issued, IssuedInvoice) else _credit_note(issued)
    return _shared(issued, lines) | own


def _shared(issued: IssuedInvoice | IssuedCreditNote, of_lines: Sequence[LineTax]) -> Terms:
    cases = {tax.case for tax in of_lines}
    is_subject = TaxCase.NOT_SUBJECT not in cases
    is_reverse_charge = TaxCase.REVERSE_CHARGE in cases
    shared: Terms = {
        "BT-1": needed(issued.number, "a number"),
        "BT-2": day(issued.issued_at, issued.zone),
        "BT-5": currency(issued.total),
        "BG-4": parties.seller(issued.vendor, is_subject=is_subject),
        "BG-7": parties.buyer(
            issued.customer, is_subject=is_subject, is_reverse_charge=is_reverse_charge
        ),
        "BG-23": taxes.breakdown(taxes.by_rate(of_lines, issued.lines)),
        "BG-25": [
            _line(line, tax, position, issued.zone)
            for position, (line, tax) in enumerate(
                zip(issued.lines, of_lines, strict=True), start=1
            )
        ],
        "BT-106": amount(issued.subtotal),
        "BT-109": amount(issued.subtotal),
        "BT-110": amount(issued.tax),
        "BT-112": amount(issued.subtotal + issued.tax),
    }
    if issued.po_number:
        shared["BT-13"] = text(issued.po_number)
    return shared


def _invoice(invoice: IssuedInvoice) -> Terms:
    """What was paid before it was issued, from the balance or by the payment it was issued for,
    is no longer due. A surplus went to the balance: that is as if less than nothing was prepaid.
    """
    paid = invoice.paid.amount if invoice.paid else Money.zero(invoice.due.currency)
    terms: Terms = {
        "BT-3": INVOICE,
        "BT-9": day(invoice.issued_at, invoice.zone),
        "BT-113": amount(invoice.balance_applied - invoice.surplus + paid),
        "BT-115": amount(invoice.due - paid),
        "BG-1": [{"BT-22": needed(invoice.what_for, "a subject")}, *_about_surplus(invoice)],
        "BG-3": _references(_named(invoice), invoice.zone),
    }
    period = _times(invoice.period_start_at, invoice.period_end_at, invoice.zone)
    return terms | period | _payment(invoice)


def _named(invoice: IssuedInvoice) -> Sequence[Reference]:
    """The invoices before it: the one that it replaces, and those it gives something back of."""
    replaced = [invoice.replaces] if invoice.replaces else []
    return [*replaced, *invoice.gives_back_of]


def _about_surplus(invoice: IssuedInvoice) -> list[dict[str, str]]:
    if invoice.surplus.is_zero:
        return []
    kept = f"{amount(invoice.surplus)} {invoice.surplus.currency}"
    told = _("Kept as credit balance, used for the next invoices: %(amount)s", amount=kept)
    return [{"BT-22": told}]


def _payment(invoice: IssuedInvoice) -> Terms:
    """How it was or is to be paid, in the words of the page."""
    if invoice.paid is None and invoice.due.is_zero:
        return {"BT-20": _("Nothing to pay: credit covered it")}
    if invoice.paid is None:
        return {"BT-20": _("When and how it was paid is shown with this invoice in the portal.")}
    paid_on = day(invoice.paid.at, invoice.zone).isoformat()
    return {
        "BT-20": _("Paid on %(day)s", day=paid_on),
        "BT-81": NOT_DEFINED if invoice.paid.is_transfer else CARD,
        "BT-82": text(invoice.paid.method),
    }


def _credit_note(note: IssuedCreditNote) -> Terms:
    """All of it is due to the customer: its terms say where the money goes."""
    corrected = Reference(note.invoice_number, note.invoice_issued_at)
    return {
        "BT-3": CREDIT_NOTE,
        "BT-20": needed(note.goes, "where the money goes"),
        "BT-115": amount(note.total),
        "BG-1": [{"BT-22": needed(note.reason, "a reason")}],
        "BG-3": _references([corrected], note.zone),
    } | _times_of_lines(note)


def _times_of_lines(note: IssuedCreditNote) -> Terms:
    """From the first to the last day of what is credited."""
    starts = [line.start_at for line in note.lines if line.start_at]
    ends = [line.end_at for line in note.lines if line.end_at]
    if not starts or not ends:
        return {"BT-72": day(note.invoice_issued_at, note.zone)}
    return _times(min(starts), max(ends), note.zone)


def _times(start_at: datetime, end_at: datetime, zone: str) -> Terms:
    """The period that a document is for. A plan is there from its first day on, so that is the
    day of delivery, which the schema of CII asks for."""
    first = day(start_at, zone)
    return {"BT-72": first, "BT-73": first, "BT-74": day(end_at, zone)}


def _references(invoices: Sequence[Reference], zone: str) -> list[Terms]:
    return [
        {"BT-25": needed(each.number, "a number"), "BT-26": day(each.issued_at, zone)}
        for each in invoices
    ]


def _line(line: Line, tax: LineTax, position: int, zone: str) -> Terms:
    measure = line.measure or one_at(line.amount)
    terms: Terms = {
        "BT-126": str(position),
        "BT-129": str(measure.quantity),
        "BT-130": measure.unit.value,
        "BT-131": amount(line.amount),
        "BT-146": price(measure.price),
        "BT-153": needed(line.description, "what each line is for"),
        "BT-154": text(line.explanation),
    } | taxes.on_line(tax)
    if measure.unit is Unit.DAY:
        terms["BT-149"] = str(measure.per)
    if line.start_at and line.end_at:
        terms |= {"BT-134": day(line.start_at, zone), "BT-135": day(line.end_at, zone)}
    return terms


def _refuse_unsummed(issued: IssuedInvoice | IssuedCreditNote) -> None:
    """BR-CO-10 and BR-CO-14."""
    nothing = Money.zero(issued.total.currency)
    subtotal = sum((line.amount for line in issued.lines), nothing)
    tax = sum((line.tax_amount or nothing for line in issued.lines), nothing)
    if not issued.lines or (subtotal, tax) != (issued.subtotal, issued.tax):
        raise NoEInvoice("The lines of the document don't add up to its sums.")
