"""Money, dates and counts as people read them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask, g
from hypothesis import given
from hypothesis import strategies as st

from portal.billing.rules.money import Money
from portal.web import formatting

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (0, "USD", "$0.00"),
        (5, "USD", "$0.05"),
        (7500, "USD", "$75.00"),
        (123450, "USD", "$1,234.50"),
        (-2500, "USD", "−$25.00"),
        (123450, "EUR", "€1,234.50"),
        (1234, "JPY", "¥1,234"),
        (1234567, "KWD", "KWD\xa01,234.567"),
        (10**15 + 1, "USD", "$10,000,000,000,000.01"),
    ],
)
def test_money_reads_to_the_smallest_unit(amount: int, currency: str, text: str) -> None:
    assert formatting.money(Money(amount, currency)) == text


@pytest.mark.parametrize(
    ("sentence", "pieces"),
    [
        ("15 of 30 days × $50.00 = −$25.00", ["15 of 30 days × $50.00 = ", "−$25.00", ""]),
        ("−CHF 1,080.00, then −¥500.", ["", "−CHF 1,080.00", ", then ", "−¥500", "."]),
        ("Full price for 30 days: $100.00", ["Full price for 30 days: $100.00"]),
    ],
)
def test_amounts_below_zero_are_found_in_a_sentence(sentence: str, pieces: list[str]) -> None:
    assert formatting.at_negatives(sentence) == pieces


@given(st.integers(-(10**15), 10**15))
def test_money_shows_every_digit_it_holds(amount: int) -> None:
    text = formatting.money(Money(amount, "USD"))
    digits = int(text.translate({ord(mark): None for mark in "$,.−"}))
    assert (-digits if text.startswith("−") else digits) == amount


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "22 Nov 2026, 13:00 CET"),
        ("America/New_York", "22 Nov 2026, 07:00 EST"),
        ("America/Sao_Paulo", "22 Nov 2026, 09:00 UTC−03"),
        ("Asia/Kathmandu", "22 Nov 2026, 17:45 UTC+0545"),
        (None, "22 Nov 2026, 12:00 UTC"),
    ],
)
def test_an_instant_names_its_zone(zone: str | None, text: str) -> None:
    assert formatting.date_time(NOON, zone) == text


def test_the_request_chooses_the_zone() -> None:
    app = Flask(__name__)
    with app.app_context():
        g.time_zone = "Pacific/Auckland"
        assert formatting.date_time(NOON) == "23 Nov 2026, 01:00 NZDT"
        assert formatting.date(NOON) == "23 Nov 2026"
        assert formatting.date_time(NOON, "UTC") == "22 Nov 2026, 12:00 UTC"


def test_a_date_has_no_zone() -> None:
    assert formatting.date(date(2026, 9, 3), "Pacific/Auckland") == "3 Sep 2026"


@pytest.mark.parametrize(
    ("days", "text"),
    [(0, "today"), (1, "tomorrow"), (-1, "yesterday"), (5, "in 5 days"), (-1500, "1,500 days ago")],
)
def test_days_from_now_are_counted_by_the_calendar(days: int, text: str) -> None:
    assert formatting.relative_days(NOON + timedelta(days=days), NOON) == text


def test_tomorrow_begins_at_midnight_in_the_zone() -> None:
    later = NOON + timedelta(hours=11, minutes=30)
    assert formatting.relative_days(later, NOON, "UTC") == "today"
    assert formatting.relative_days(later, NOON, "Europe/Berlin") == "tomorrow"


def test_templates_get_all_of_it() -> None:
    app = Flask(__name__)
    formatting.register(app)
    source = "{{ price | money }} {{ size | bytes }} {{ rows | count }} {{ at | date('UTC') }}"
    source += " {{ 7 | level(10) }} {{ 8 | level(10) }} {{ 10 | level(10) }} {{ 9 | level(none) }}"
    text = app.jinja_env.from_string(source).render(
        price=Money(100, "USD"), size=5_000_000_000, rows=1200, at=NOON
    )
    assert text == "$1.00 5 GB 1,200 22 Nov 2026 ok near full ok"
