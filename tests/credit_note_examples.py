"""Credit notes to set and to show: values for the renderer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from portal.billing.rules.money import Money
from portal.papers.credit_note_display import IssuedCreditNote
from portal.papers.line_facts import LineTax, TaxCase
from portal.papers.parts import Line, Party, Sum

ISSUED_AT = datetime(2026, 3, 18, 10, 0, tzinfo=UTC)
CORRECTED_AT = datetime(2026, 3, 16, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)

VAT = LineTax(TaxCase.STANDARD, 20_00)


def usd(cents: int) -> Money:
    return Money(cents, "USD")


UPGRADE_BACK = IssuedCreditNote(
    number="CN-2026-000001",
    invoice_number="INV-2026-000002",
    invoice_issued_at=CORRECTED_AT,
    reason="Upgraded by mistake",
    issued_at=ISSUED_AT,
    zone="Europe/Vienna",
    vendor=Party(
        "Example Software", ("1 Example Street", "Austria"), "ATU1", "pay@example.com", "AT"
    ),
    customer=Party("Example Studio", ("2 Example Lane", "Vienna", "Austria"), "ATU2", "", "AT"),
    lines=(
        Line(
            "Standard, 10 users",
            "$100.00 charged, given back in full",
            usd(100_00),
            CORRECTED_AT,
            CORRECTED_AT + 30 * DAY,
            VAT,
            usd(20_00),
        ),
        Line(
            "Unused time on Standard, 5 users",
            "A credit of $25.00, taken back with what it was set against",
            usd(-25_00),
            CORRECTED_AT,
            CORRECTED_AT + 15 * DAY,
            VAT,
            usd(-5_00),
        ),
    ),
    sums=(Sum("Subtotal", usd(75_00)), Sum("VAT 20 % on $75.00", usd(15_00))),
    subtotal=usd(75_00),
    tax=usd(15_00),
    total=usd(90_00),
    goes="$60.00 back to Visa ending in 4242 and $30.00 to your credit balance",
    to_method=usd(60_00),
    to_balance=usd(30_00),
    tax_note="",
    po_number="PO 77",
)


def credit_note(**changes: Any) -> IssuedCreditNote:
    """The upgrade from $50 to $100, given back two days later, with changes."""
    return replace(UPGRADE_BACK, **changes)
