"""A few hundred random invoices and credit notes: every file valid, every figure the document's."""

from decimal import Decimal

import pytest
from hypothesis import given, settings

from portal.billing.rules.money import Money, minor_digits
from portal.papers.credit_note_display import IssuedCreditNote
from portal.papers.e_invoice import NoEInvoice, factur_x, ubl
from portal.papers.invoice_display import IssuedInvoice
from tests.e_invoice_checks import broken_rules, figures
from tests.e_invoice_drafts import credit_notes, invoices


@settings(max_examples=200, deadline=None)
@given(invoices("EUR"))
def test_invoices(issued: IssuedInvoice) -> None:
    paid = issued.paid.amount if issued.paid else Money.zero("EUR")
    expected = sums(issued) | {
        "BT-112": decimal(issued.total - issued.surplus),
        "BT-113": decimal(issued.balance_applied - issued.surplus + paid),
        "BT-115": decimal(issued.due - paid),
    }
    for content in (factur_x(issued), ubl(issued)):
        assert broken_rules(content) == []
        assert figures(content) == expected


@settings(max_examples=100, deadline=None)
@given(credit_notes("EUR"))
def test_credit_notes(issued: IssuedCreditNote) -> None:
    total = decimal(issued.total)
    for content in (factur_x(issued), ubl(issued)):
        assert broken_rules(content) == []
        assert figures(content) == sums(issued) | {
            "BT-112": total,
            "BT-113": None,
            "BT-115": total,
        }


@settings(max_examples=100, deadline=None)
@given(invoices("JPY", most=50_000))
def test_invoices_in_yen_are_valid_or_the_tax_is_too_far_off(issued: IssuedInvoice) -> None:
    """Half a yen is rounded on each line, and one yen off is one too many."""
    if furthest(issued) >= Decimal("0.995"):
        with pytest.raises(NoEInvoice, match="further from the tax on their sum"):
            factur_x(issued)
    else:
        assert broken_rules(factur_x(issued)) == broken_rules(ubl(issued)) == []


@settings(max_examples=300, deadline=None)
@given(invoices("EUR"))
def test_each_amount_follows_from_its_quantity_and_price(issued: IssuedInvoice) -> None:
    for line in issued.lines:
        assert line.measure is not None
        assert line.measure.price.share(line.measure.quantity, line.measure.per) == line.amount


def sums(issued: IssuedInvoice | IssuedCreditNote) -> dict[str, Decimal | None]:
    """What invoices and credit notes have alike."""
    subtotal, tax = decimal(issued.subtotal), decimal(issued.tax)
    return {"BT-106": subtotal, "BT-109": subtotal, "BT-110": tax}


def furthest(issued: IssuedInvoice) -> Decimal:
    """How far the tax of a rate, rounded on each line, is from the tax on their sum."""
    rates = {line.tax.basis_points for line in issued.lines}
    return max(_off(issued, rate) for rate in rates)


def _off(issued: IssuedInvoice, rate: int) -> Decimal:
    lines = [line for line in issued.lines if line.tax.basis_points == rate]
    base = sum((decimal(line.amount) for line in lines), Decimal(0))
    tax = sum((decimal(line.tax_amount) for line in lines if line.tax_amount), Decimal(0))
    return abs(abs(tax) - abs(base) * rate / 10_000)


def decimal(money: Money) -> Decimal:
    return Decimal(money.amount).scaleb(-minor_digits(money.currency))
