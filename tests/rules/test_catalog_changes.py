"""What one catalog file changes of another: as values, and in words."""

from dataclasses import replace

import pytest

from portal.billing.rules.catalog import parse
from portal.billing.rules.catalog_changes import (
    Altered,
    Change,
    Comparison,
    Priced,
    compare,
    upgrading_from_now_on,
)
from portal.billing.rules.catalog_entries import Entry, Kind, Ref, entries
from portal.billing.rules.catalog_words import Heading, heading, sentence
from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval
from tests.rules.small_catalog import SMALL

TWENTY = """\
[[family.tier]]
key = "20-users"
name = "20 users"
seats = 20
clients = 1200
storage_gb = "unlimited"
monthly = { USD = "180.00" }
yearly = { USD = "1728.00" }

"""
EIGHT = """\
[[family.tier]]
key = "8-users"
name = "8 users"
seats = 8
clients = 480
storage_gb = 8
monthly = { USD = "80.00" }
yearly = { USD = "768.00" }

"""
VAT = '[[tax]]\ncountry = "DE"\nname = "VAT"\nrate = "19"\nreverse_charge = true\n\n'
THREE = SMALL.replace("[[family.add_on]]", f"{TWENTY}[[family.add_on]]", 1)
TAXED = SMALL.replace("[[family]]", f"{VAT}[[family]]", 1)
TEN_ALONE = "seats = 10\n"


def compared(before: str, after: str) -> Comparison:
    return compare(on_record(before), parse(after))


def on_record(text: str) -> list[Entry]:
    """A file as it is read back: each price in its first version."""
    return [
        replace(entry, versions=dict.fromkeys(entry.prices, 1)) for entry in entries(parse(text))
    ]


def told(before: str, after: str) -> list[tuple[Heading, str]]:
    return [(heading(each), sentence(each)) for each in compared(before, after).changes]


def without_tier(text: str, key: str) -> str:
    """The file with a tier left out."""
    start = text.index(f'[[family.tier]]\nkey = "{key}"')
    end = text.index("[[family.", start + 1)
    return text[:start] + text[end:]


@pytest.mark.parametrize("text", [SMALL, TAXED, THREE])
def test_the_same_file_changes_nothing(text: str) -> None:
    assert compared(text, text).changes == ()


CHANGES = [
    (
        SMALL,
        ('"50.00"', '"55.00"'),
        Heading.PRICES,
        "Standard, 5 users, every 30 days: $50.00 → $55.00, version 2",
    ),
    (
        SMALL,
        ('"480.00"', '"528.00"'),
        Heading.PRICES,
        "Standard, 5 users, every 365 days: $480.00 → $528.00, version 2",
    ),
    (
        SMALL,
        ('"12.00"', '"11.50"'),
        Heading.PRICES,
        "Standard, add-on 1 seat, every 30 days: $12.00 → $11.50, version 2",
    ),
    (
        SMALL,
        ("clients = 300", "clients = 250"),
        Heading.CHANGED,
        "Standard, 5 users: 250 clients, was 300 clients",
    ),
    (
        SMALL,
        ('storage_gb = "unlimited"', "storage_gb = 10"),
        Heading.CHANGED,
        "Standard, 10 users: 10 GB, was unlimited storage",
    ),
    (
        SMALL,
        ('"5 GB"\nstorage_gb = 5', '"5 GB"\nstorage_gb = 6'),
        Heading.CHANGED,
        "Standard, add-on 5 GB: holds 6 GB, was 5 GB",
    ),
    (
        SMALL,
        ('"10 users"', '"Ten"'),
        Heading.CHANGED,
        "Standard, Ten: name “Ten”, was “10 users”",
    ),
    (
        SMALL,
        ('["Email support"]', '["Phone support"]'),
        Heading.CHANGED,
        "Standard: features: new “Phone support”, without “Email support”",
    ),
    (
        SMALL,
        ('clients = "warn"', 'clients = "auto_upgrade"'),
        Heading.CHANGED,
        "The vendor: over a limit, clients: auto_upgrade, was warn",
    ),
    (
        SMALL,
        ('"Springfield"]', '"Shelbyville"]'),
        Heading.CHANGED,
        "The vendor: address “1 Example Street, Shelbyville”, was “1 Example Street, Springfield”",
    ),
    (
        SMALL,
        ('country = "US"', 'country = "US"\ntax_id = "US00-1"'),
        Heading.CHANGED,
        "The vendor: tax id “US00-1”, was empty",
    ),
    (SMALL, (TEN_ALONE, f"{TEN_ALONE}hidden = true\n"), Heading.HIDDEN, "Standard, 10 users"),
    (
        SMALL.replace(TEN_ALONE, f"{TEN_ALONE}hidden = true\n"),
        (f"{TEN_ALONE}hidden = true\n", TEN_ALONE),
        Heading.SOLD_AGAIN,
        "Standard, 10 users",
    ),
    (
        SMALL,
        ("[[family.add_on]]", f"{TWENTY}[[family.add_on]]"),
        Heading.NEW,
        "Standard, 20 users: 20 seats, 1,200 clients, unlimited storage; $180.00 every 30 days;"
        " $1,728.00 every 365 days",
    ),
    (
        SMALL,
        ("[[family]]", f"{VAT}[[family]]"),
        Heading.TAX,
        "DE: VAT 19 %, reverse charge",
    ),
    (TAXED, ('"19"', '"20.5"'), Heading.TAX, "DE: rate 20.5 %, was 19 %"),
    (TAXED, ('"VAT"', '"MwSt"'), Heading.TAX, "DE: name “MwSt”, was “VAT”"),
    (
        TAXED,
        ("reverse_charge = true", "reverse_charge = false"),
        Heading.TAX,
        "DE: reverse charge for nobody, was for businesses with a tax id",
    ),
    (TAXED, (VAT, ""), Heading.TAX, "DE: no longer taxed, was VAT 19 %, reverse charge"),
]


@pytest.mark.parametrize(
    ("before", "edit", "under", "says"),
    [pytest.param(*case, id=case[3][:60]) for case in CHANGES],
)
def test_a_change_is_told_under_its_heading(
    before: str, edit: tuple[str, str], under: Heading, says: str
) -> None:
    after = before.replace(*edit, 1)
    assert after != before
    assert told(before, after) == [(under, says)]


def test_a_first_file_is_all_new() -> None:
    changes = compare([], parse(TAXED)).changes
    assert {heading(each) for each in changes} == {Heading.NEW, Heading.TAX}
    assert [sentence(each) for each in changes] == [
        "The vendor: Example Software",
        "DE: VAT 19 %, reverse charge",
        "Standard: a new family of plans",
        "Standard, 5 users: 5 seats, 300 clients, 5 GB; $50.00 every 30 days;"
        " $480.00 every 365 days",
        "Standard, 10 users: 10 seats, 600 clients, unlimited storage; $100.00 every 30 days;"
        " $960.00 every 365 days",
        "Standard, add-on 1 seat: 1 seat more; $12.00 every 30 days; $115.20 every 365 days",
        "Standard, add-on 5 GB: 5 GB more; $5.00 every 30 days; $48.00 every 365 days",
    ]


def test_a_currency_that_comes_and_goes() -> None:
    """Yen besides dollars, then dollars alone again: neither touches the other's prices."""
    both = SMALL.replace('["USD"]', '["USD", "JPY"]').replace("USD = 100 ", 'USD = "100.00" ')
    for dollars, yen in PRICES.items():
        both = both.replace(f'USD = "{dollars}" }}', f'USD = "{dollars}", JPY = "{yen}" }}')
    assert told(SMALL, both)[0] == (
        Heading.PRICES,
        "Standard, 5 users, every 30 days: now sold at ¥5,000",
    )
    assert len(told(SMALL, both)) == 8
    assert told(both, SMALL)[0] == (
        Heading.PRICES,
        "Standard, 5 users, every 30 days: no longer sold in JPY, was ¥5,000",
    )


PRICES = {
    "50.00": "5000",
    "480.00": "48000",
    "100.00": "10000",
    "960.0": "96000",
    "12.00": "1200",
    "115.20": "11520",
    "5.00": "500",
    "48.00": "4800",
}


def test_a_price_sold_again_is_the_version_after_the_last_there_was() -> None:
    """Version 3 was the last in dollars before they were taken off the list."""
    stored = [
        replace(entry, prices={}, versions=dict.fromkeys(entry.prices, 3))
        for entry in on_record(SMALL)
    ]
    versions = [each.version for each in compare(stored, parse(SMALL)).changes if is_price(each)]
    assert versions == [4] * 8


def is_price(change: Change) -> bool:
    return isinstance(change, Priced)


def test_a_changed_price_has_what_it_was_and_what_it_is() -> None:
    (change,) = compared(SMALL, SMALL.replace('"50.00"', '"55.00"')).changes
    assert isinstance(change, Priced)
    assert change.entry.ref == Ref(Kind.TIER, ("standard", "5-users"))
    assert (change.interval, change.before, change.after, change.version) == (
        Interval.MONTHLY,
        Money(5000, "USD"),
        Money(5500, "USD"),
        2,
    )


def test_what_is_left_out_is_hidden_and_a_family_hides_its_own() -> None:
    second = SMALL.split("[[family]]")[1].replace("tandard", "econd")
    two = f"{SMALL}\n[[family]]{second}"
    assert told(two, SMALL) == [(Heading.HIDDEN, "Second")]
    assert told(THREE, without_tier(THREE, "10-users")) == [(Heading.HIDDEN, "Standard, 10 users")]
    without_seat = SMALL.replace(SMALL[SMALL.index('[[family.add_on]]\nkey = "seat"') :], "")
    assert told(SMALL, without_seat) == [
        (Heading.HIDDEN, "Standard, add-on 1 seat"),
        (Heading.HIDDEN, "Standard, add-on 5 GB"),
    ]


def test_what_was_hidden_and_is_left_out_stays_so() -> None:
    hidden = THREE.replace(TEN_ALONE, f"{TEN_ALONE}hidden = true\n")
    assert told(hidden, without_tier(THREE, "10-users")) == []


@pytest.mark.parametrize(
    ("left_out", "order"),
    [
        ("5-users", ["5-users", "10-users", "20-users"]),
        ("10-users", ["5-users", "10-users", "20-users"]),
        ("20-users", ["5-users", "10-users", "20-users"]),
    ],
)
def test_a_tier_left_out_keeps_its_place_between_the_others(
    left_out: str, order: list[str]
) -> None:
    """So the next tier of who is on it is the next larger one, none skipped."""
    assert placed(compared(THREE, without_tier(THREE, left_out))) == order


def test_a_tier_left_out_stands_before_the_first_that_holds_more() -> None:
    """10 users are replaced by 8 users: the next tier of who has 10 is 20, and not 8."""
    eight = without_tier(THREE, "10-users").replace(TWENTY, EIGHT + TWENTY)
    assert placed(compared(THREE, eight)) == ["5-users", "8-users", "10-users", "20-users"]


def placed(comparison: Comparison) -> list[str]:
    tiers = {ref: place for ref, place in comparison.places.items() if ref.kind is Kind.TIER}
    return [ref.keys[-1] for ref in sorted(tiers, key=lambda ref: tiers[ref])]


def test_another_order_is_told_of_what_stands_elsewhere() -> None:
    start = SMALL.index('[[family.add_on]]\nkey = "seat"')
    middle = SMALL.index('[[family.add_on]]\nkey = "storage-5"')
    swapped = SMALL[:start] + SMALL[middle:] + "\n" + SMALL[start:middle]
    assert told(SMALL, swapped) == [
        (Heading.CHANGED, "Standard, add-on 5 GB: stands in another place among its like"),
        (Heading.CHANGED, "Standard, add-on 1 seat: stands in another place among its like"),
    ]


def test_what_comes_before_others_moves_nobody() -> None:
    assert [under for under, _ in told(without_tier(THREE, "5-users"), THREE)] == [Heading.NEW]


def test_metrics_that_lead_to_an_upgrade_from_now_on() -> None:
    both = SMALL.replace('clients = "warn"', 'clients = "auto_upgrade"')
    assert upgrading_from_now_on(compared(SMALL, both).changes) == {Metric.CLIENTS}
    assert upgrading_from_now_on(compared(both, SMALL).changes) == frozenset()
    assert upgrading_from_now_on(compare([], parse(SMALL)).changes) == frozenset()


def test_an_alteration_names_the_field_and_its_values() -> None:
    (change,) = compared(SMALL, SMALL.replace("clients = 300", "clients = 250")).changes
    assert isinstance(change, Altered)
    assert (change.name, change.before, change.after) == ("clients", 300, 250)
