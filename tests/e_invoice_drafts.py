"""Random invoices and credit notes, worked out by the rules that charge, as they would be shown."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import strategies as st

from portal.billing.rules import invoicing, lines
from portal.billing.rules.countries import CODES
from portal.billing.rules.invoicing import InvoiceDraft
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.tax import NO_TAX, REVERSE_CHARGE, Tax
from portal.billing.rules.terms import Basket, Charged, Item
from portal.billing.tax_ids import EXAMPLES
from portal.models import InvoiceLine, PaymentState
from portal.papers.credit_note_display import IssuedCreditNote
from portal.papers.invoice_display import IssuedInvoice
from portal.papers.line_facts import measure_of, one_at, tax_of
from portal.papers.parts import Attempt, Line, Party
from tests.credit_note_examples import credit_note
from tests.invoice_examples import invoice
from tests.rules.plans import START, add_on, standard

CYCLE = Cycle.starting(START, Interval.MONTHLY)
TAXES = st.sampled_from(
    (
        NO_TAX,
        Tax("VAT", 19_00),
        Tax("VAT", 8_10),
        Tax("VAT", 25_50),
        Tax("VAT", 0),
        Tax("VAT", 0, REVERSE_CHARGE),
        Tax("", 0, "Exempt from tax: a school"),
    )
)


def invoices(currency: str, most: int = 10_000_000) -> st.SearchStrategy[IssuedInvoice]:
    """Of plans and add-ons at up to `most` of the smallest unit, with credits and a balance."""
    return st.builds(_shown, _drafts(currency, most), _parties(), _parties(), is_paid=st.booleans())


@st.composite
def credit_notes(draw: st.DrawFn, currency: str) -> IssuedCreditNote:
    """For some lines of such an invoice, of each what a later one has left of it."""
    charged = draw(invoices(currency).filter(lambda each: any(_charges(each))))
    chosen = draw(st.lists(st.sampled_from(_charges(charged)), min_size=1, unique_by=id))
    left = tuple(draw(_what_is_left(line)) for line in chosen)
    nothing = Money.zero(currency)
    subtotal = sum((line.amount for line in left), nothing)
    tax = sum((line.tax_amount or nothing for line in left), nothing)
    return credit_note(
        vendor=charged.vendor,
        customer=charged.customer,
        lines=left,
        subtotal=subtotal,
        tax=tax,
        total=subtotal + tax,
    )


@st.composite
def _drafts(draw: st.DrawFn, currency: str, most: int) -> InvoiceDraft:
    prices = st.integers(0, most).map(lambda amount: Money(amount, currency))
    tax, now = draw(TAXES), START + timedelta(minutes=draw(st.integers(0, 30 * 24 * 60 - 1)))
    sold = [
        Item(replace(add_on("seat", 0), price=draw(prices)), draw(st.integers(1, 40)))
        for _ in range(draw(st.integers(0, 4)))
    ]
    given_back = [
        Charged(number, f"Plan {number}", draw(prices), draw(TAXES), CYCLE)
        for number in range(draw(st.integers(0, 4)))
    ]
    basket = Basket(replace(standard(5), price=draw(prices)), tuple(sold))
    rest = CYCLE.unused(now)
    if sold and rest and draw(st.booleans()):
        charged = tuple(lines.add_on_line(item, rest, CYCLE, tax) for item in sold)
    else:
        charged = lines.cycle_lines(basket, Cycle.starting(now, Interval.MONTHLY), tax)
    return invoicing.draft(charged + lines.unused_lines(given_back, now), draw(prices), tax)


def _parties() -> st.SearchStrategy[Party]:
    return st.sampled_from(sorted(CODES)).map(
        lambda code: Party("Example", ("1 Lane", code), EXAMPLES.get(code, "123.456-7"), "", code)
    )


def _shown(draft: InvoiceDraft, vendor: Party, customer: Party, *, is_paid: bool) -> IssuedInvoice:
    paid = Attempt(START, draft.due, "Visa ending in 4242", PaymentState.SUCCEEDED, "")
    return invoice(
        vendor=vendor,
        customer=customer,
        lines=tuple(_line(line) for line in draft.lines),
        subtotal=draft.subtotal,
        tax=draft.tax,
        surplus=draft.surplus,
        total=draft.total,
        balance_applied=draft.balance_applied,
        due=draft.due,
        paid=paid if is_paid and not draft.due.is_zero else None,
    )


def _line(line: lines.Line) -> Line:
    row = InvoiceLine(
        base_minor=line.base.amount,
        quantity=line.quantity,
        days=line.days,
        days_in_cycle=line.days_in_cycle,
        amount_minor=line.amount.amount,
        tax_name=line.tax.name,
        tax_basis_points=line.tax.basis_points,
        currency=line.amount.currency,
    )
    return Line(
        line.description,
        line.explanation,
        line.amount,
        line.period.start_at if line.period else None,
        line.period.end_at if line.period else None,
        tax_of(row, line.tax.note),
        line.tax_amount,
        measure_of(row),
    )


def _charges(charged: IssuedInvoice) -> list[Line]:
    return [line for line in charged.lines if line.amount.amount > 0]


@st.composite
def _what_is_left(draw: st.DrawFn, line: Line) -> Line:
    returned = Money(draw(st.integers(0, line.amount.amount - 1)), line.amount.currency)
    returned_tax = Tax("VAT", line.tax.basis_points).on(returned)
    left = line.amount - returned
    tax_left = (line.tax_amount or Money.zero(left.currency)) - returned_tax
    return replace(line, amount=left, tax_amount=tax_left, measure=one_at(left))
