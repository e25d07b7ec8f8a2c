"""From tier to tier: catalog.doubles and catalog.better-value, to the cent."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.billing.rules.catalog import parse
from portal.billing.rules.catalog_cover import Offer, cheapest_cover
from portal.billing.rules.money import Money
from tests.rules.small_catalog import SMALL, line_of, problems

BETTER_VALUE = SMALL.replace('"unlimited"', "10").replace(
    "[[family.add_on]]",
    """\
[[family.add_on]]
key = "clients-100"
name = "100 clients"
clients = 100
monthly = { USD = "1.00" }
yearly = { USD = "10.00" }

[[family.add_on]]""",
    1,
)


def test_catalog_better_value_holds_to_the_cent() -> None:
    # 5 seats at $8.40 + 300 clients at $3.00 + 5 GB at $5.00 = $50.00, the difference in price.
    fair = BETTER_VALUE.replace('"12.00"', '"8.40"')
    assert parse(fair)
    (problem,) = problems(fair.replace('"8.40"', '"8.39"'))
    assert problem.line == line_of(fair, "[[family.tier]]", 2)
    assert problem.where == "family “standard”, tier “10-users”"
    assert problem.reason == (
        "catalog.better-value: from Standard, 5 users to Standard, 10 users (monthly, USD) costs "
        "$50.00 more, but the same as add-ons (5 × “1 seat”, 3 × “100 clients” and 1 × “5 GB”) "
        "only $49.95: the step is $0.05 too dear, or the add-ons too cheap."
    )


def test_catalog_better_value_is_explained_with_its_arithmetic() -> None:
    (problem,) = problems(BETTER_VALUE.replace('"12.00"', '"8.39"'))
    assert problem.explanation == (
        "The step: $100.00 − $50.00 = $50.00.",
        "5 seats more: 5 × “1 seat” at $8.39 = $41.95.",
        "300 clients more: 3 × “100 clients” at $1.00 = $3.00.",
        "5 GB more: 1 × “5 GB” at $5.00 = $5.00.",
        "The add-ons: $41.95 + $3.00 + $5.00 = $49.95.",
        "Too dear by $50.00 − $49.95 = $0.05.",
    )


def test_catalog_better_value_of_one_add_on_is_explained() -> None:
    seats_only = BETTER_VALUE.replace("clients = 600", "clients = 300").replace(
        "storage_gb = 10", "storage_gb = 5"
    )
    (problem,) = problems(seats_only.replace('"12.00"', '"9.99"'))
    assert problem.explanation == (
        "The step: $100.00 − $50.00 = $50.00.",
        "5 seats more: 5 × “1 seat” at $9.99 = $49.95.",
        "The add-ons: $49.95.",
        "Too dear by $50.00 − $49.95 = $0.05.",
    )


@pytest.mark.parametrize(
    ("currency", "cheap", "told"),
    [
        ("EUR", "8.39", "(monthly, EUR) costs €50.00 more, but the same as add-ons (5 × “1 seat”"),
        ("EUR", "8.39", "only €49.95: the step is €0.05 too dear"),
        ("JPY", "838", "(monthly, JPY) costs ¥5,000 more, but the same as add-ons (5 × “1 seat”"),
        ("JPY", "838", "only ¥4,990: the step is ¥10 too dear"),
    ],
)
def test_catalog_better_value_is_checked_in_each_currency(
    currency: str, cheap: str, told: str
) -> None:
    """Fair in USD, not in the other: there a seat is a little too cheap."""
    in_two = BETTER_VALUE.replace('["USD"]', f'["USD", "{currency}"]')
    for amount in ("50.00", "480.00", "960.0", "12.00", "115.20", "5.00", "48.00", "1.00", "10.00"):
        in_two = in_two.replace(f'"{amount}" }}', f'"{amount}", {_other(amount, currency)} }}')
    in_two = in_two.replace("USD = 100 ", f"USD = 100, {_other('100', currency)} ")
    assert parse(in_two)
    (problem,) = problems(in_two.replace(_other("12.00", currency), f'{currency} = "{cheap}"'))
    assert told in problem.reason


def _other(amount: str, currency: str) -> str:
    """The same in another currency; a dollar is worth 100 yen, or a euro."""
    yen = Money.parse(amount, "USD").amount
    return f'{currency} = "{yen if currency == "JPY" else amount}"'


def test_catalog_better_value_unlimited_can_only_be_had_by_the_step() -> None:
    """Add-ons never reach unlimited; from unlimited there is nothing to reach."""
    cheap = BETTER_VALUE.replace('"12.00"', '"0.01"')
    assert len(problems(cheap)) == 1
    assert parse(cheap.replace("clients = 600", 'clients = "unlimited"'))
    both = cheap.replace("clients = 600", 'clients = "unlimited"').replace(
        "clients = 300", 'clients = "unlimited"'
    )
    (problem,) = problems(both)
    assert "(5 × “1 seat” and 1 × “5 GB”)" in problem.reason


def test_catalog_better_value_is_asked_among_what_is_not_hidden() -> None:
    too_dear = BETTER_VALUE.replace('"12.00"', '"8.39"')
    tier, seat = "seats = 10\n", "seats = 1\n"
    assert parse(too_dear.replace(tier, f"{tier}hidden = true\n"))
    assert parse(too_dear.replace(seat, f"{seat}hidden = true\n"))
    other = BETTER_VALUE.split("[[family]]")[1].replace("tandard", "econd")
    family = too_dear.replace("[[family.tier]]", "hidden = true\n[[family.tier]]", 1)
    assert parse(f"{family}\n[[family]]{other}")


def test_catalog_doubles_holds_across_a_hidden_tier() -> None:
    """5 users, 10 users (hidden), 20 users with fewer clients than 5 users: the step is 5 to 20."""
    twenty = """\
[[family.tier]]
key = "20-users"
name = "20 users"
seats = 20
clients = 200
storage_gb = 20
monthly = { USD = "180.00" }
yearly = { USD = "1728.00" }

[[family.add_on]]"""
    text = SMALL.replace("[[family.add_on]]", twenty, 1)
    hidden = text.replace("seats = 10\n", "seats = 10\nhidden = true\n")
    (problem,) = problems(hidden)
    assert problem.line == line_of(hidden, "[[family.tier]]", 3)
    assert problem.reason == (
        "catalog.doubles: Standard, 20 users holds 200 clients, less than the 300 clients of "
        "Standard, 5 users before it."
    )
    assert problem.explanation == (
        "Standard, 5 users: 5 seats, 300 clients, 5 GB",
        "Standard, 20 users: 20 seats, 200 clients, 20 GB",
    )


def test_catalog_better_value_is_checked_at_each_interval() -> None:
    (problem,) = problems(BETTER_VALUE.replace('"115.20"', '"1.00"'))
    assert "(yearly, USD) costs $480.00 more" in problem.reason
    assert "only $83.00: the step is $397.00 too dear" in problem.reason


def test_catalog_better_value_asks_nothing_where_add_ons_cannot_reach_the_next_tier() -> None:
    without_clients = SMALL.replace('"unlimited"', "10").replace('"12.00"', '"0.01"')
    assert parse(without_clients)
    unlimited = BETTER_VALUE.replace("storage_gb = 10", 'storage_gb = "unlimited"')
    assert parse(unlimited.replace('"12.00"', '"0.01"'))


def test_catalog_better_value_buys_the_cheapest_of_several_add_ons() -> None:
    packs = (
        BETTER_VALUE
        + """
[[family.add_on]]
key = "seats-4"
name = "4 seats"
seats = 4
monthly = { USD = "16.00" }
yearly = { USD = "400.00" }
"""
    )
    (problem,) = problems(packs)
    assert "(1 × “1 seat”, 1 × “4 seats”, 3 × “100 clients” and 1 × “5 GB”)" in problem.reason
    assert "only $36.00" in problem.reason


def test_catalog_better_value_asks_nothing_of_what_does_not_grow() -> None:
    without_storage = BETTER_VALUE.replace("storage_gb = 10", "storage_gb = 5").split(
        '[[family.add_on]]\nkey = "storage-5"'
    )[0]
    assert parse(without_storage.replace('"12.00"', '"9.40"'))
    (problem,) = problems(without_storage.replace('"12.00"', '"9.39"'))
    assert "(5 × “1 seat” and 3 × “100 clients”) only $49.95" in problem.reason


@given(
    st.lists(
        st.tuples(st.integers(1, 12), st.integers(0, 40)), min_size=1, max_size=3, unique=True
    ),
    st.integers(1, 300),
    st.sampled_from([1, 5]),
)
@example(offered=[(10, 1000), (21, 2101)], need=189, unit=1)
def test_the_cheapest_cover_is_the_cheapest(
    offered: list[tuple[int, int]], need: int, unit: int
) -> None:
    offers = [Offer(str(i), size * unit, cost) for i, (size, cost) in enumerate(offered)]
    bought = cheapest_cover(need, offers)
    assert sum(offer.quantity * count for offer, count in bought) >= need
    assert sum(offer.amount * count for offer, count in bought) == least(need, offers)


def least(need: int, offers: list[Offer]) -> int:
    costs = [0]
    for size in range(1, need + 1):
        costs.append(min(costs[max(size - o.quantity, 0)] + o.amount for o in offers))
    return costs[need]


@pytest.mark.parametrize("need", [10**9, 10**9 + 1])
def test_the_cheapest_cover_of_a_large_need_is_found_at_once(need: int) -> None:
    bought = cheapest_cover(need, [Offer("1", 1, 10), Offer("1000", 1000, 9000)])
    assert bought[-1] == (Offer("1000", 1000, 9000), 10**6)
    assert sum(count for _, count in bought) == 10**6 + need - 10**9


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        pytest.param(
            "clients = 600",
            "clients = 200",
            "catalog.doubles: Standard, 10 users holds 200 clients, less than the 300 clients of "
            "Standard, 5 users before it.",
            id="catalog.doubles: less of a metric",
        ),
        pytest.param(
            'seats = 10\nclients = 600\nstorage_gb = "unlimited"',
            "seats = 5\nclients = 300\nstorage_gb = 5",
            "catalog.doubles: Standard, 10 users holds no more than Standard, 5 users before it.",
            id="catalog.doubles: more of nothing",
        ),
        pytest.param(
            "USD = 100 ",
            'USD = "50.00" ',
            "Standard, 10 users costs $50.00 (monthly), not more than Standard, 5 users before it "
            "at $50.00: put tiers in order of price.",
            id="not dearer",
        ),
        pytest.param(
            '"960.0"',
            '"479.99"',
            "Standard, 10 users costs $479.99 (yearly), not more than Standard, 5 users before it "
            "at $480.00: put tiers in order of price.",
            id="cheaper",
        ),
    ],
)
def test_catalog_doubles(old: str, new: str, reason: str) -> None:
    text = SMALL.replace(old, new)
    (problem,) = problems(text)
    assert (problem.line, problem.reason) == (line_of(text, "[[family.tier]]", 2), reason)


def test_catalog_doubles_unlimited_is_more_than_any_number_and_no_less_than_itself() -> None:
    both = SMALL.replace("storage_gb = 5\nm", 'storage_gb = "unlimited"\nm', 1)
    assert parse(both)
    (problem,) = problems(both.replace('storage_gb = "unlimited"\nf', "storage_gb = 9\nf"))
    assert "holds 9 GB, less than the unlimited storage of Standard, 5 users" in problem.reason


def test_catalog_doubles_more_of_one_metric_is_enough() -> None:
    assert parse(SMALL.replace("seats = 10", "seats = 5").replace("clients = 600", "clients = 300"))
