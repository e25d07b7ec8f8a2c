"""Invoices to set and to show: values for the renderer, rows for the pages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.models import PaymentState
from portal.papers.invoice_display import Evidence, IssuedInvoice, WarningSent
from portal.papers.parts import Attempt, Line, Party, Sum

ISSUED_AT = datetime(2026, 3, 16, 9, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def usd(cents: int) -> Money:
    return Money(cents, "USD")


UPGRADE = IssuedInvoice(
    number="INV-2026-000002",
    what_for="Change to Standard, 10 users",
    issued_at=ISSUED_AT,
    zone="Europe/Vienna",
    vendor=Party(
        "Example Software", ("1 Example Street", "Austria"), "ATU1", "pay@example.com", "AT"
    ),
    customer=Party("Example Studio", ("2 Example Lane", "Vienna", "Austria"), "ATU2", "", "AT"),
    lines=(
        Line(
            "Standard, 10 users",
            "Full price for 30 days: $100.00",
            usd(100_00),
            ISSUED_AT,
            ISSUED_AT + 30 * DAY,
        ),
        Line(
            "Unused time on Standard, 5 users",
            "15 of 30 days × $50.00 = −$25.00",
            usd(-25_00),
            ISSUED_AT,
            ISSUED_AT + 15 * DAY,
        ),
    ),
    sums=(Sum("Total", usd(75_00)),),
    subtotal=usd(75_00),
    tax=usd(0),
    surplus=usd(0),
    total=usd(75_00),
    balance_applied=usd(0),
    due=usd(75_00),
    gives_back_of=(),
    tax_note="",
    po_number="",
    is_part_of_cycle=False,
    paid=Attempt(ISSUED_AT, usd(75_00), "Visa ending in 4242", PaymentState.SUCCEEDED, ""),
    period_start_at=ISSUED_AT,
    period_end_at=ISSUED_AT + 30 * DAY,
    evidence=None,
)

EVIDENCE = Evidence(
    rule="Over the limit 5 days after the first of three emails: the next plan of the family.",
    metric=Metric.SEATS,
    used=11,
    limit=10,
    deadline_at=ISSUED_AT,
    warnings=tuple(
        WarningSent(number, ISSUED_AT - days * DAY, 11, 10, ("admin@example.com",))
        for number, days in ((1, 5), (2, 3), (3, 1))
    ),
)


def invoice(**changes: Any) -> IssuedInvoice:
    """The upgrade from $50 to $100 in the middle of a cycle, with changes."""
    return replace(UPGRADE, **changes)
