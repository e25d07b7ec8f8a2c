"""The catalog file: the example, and every mistake told with its line."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.billing.rules.catalog import Catalog, CatalogErrors, CatalogProblem, Policy, parse
from portal.billing.rules.catalog_file import line_numbers
from portal.billing.rules.catalog_steps import Offer, cheapest_cover
from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval

GB = 10**9
EXAMPLE = Path(__file__).parents[2] / "catalog" / "example.toml"

SMALL = """\
currencies = ["USD"]

[vendor]
name = "Example Software"
email = "billing@example.com"
address = ["1 Example Street", "Springfield"]
country = "US"

[policy]
seats = "auto_upgrade"
clients = "warn"
storage = "warn"

[[family]]
key = "standard"
name = "Standard"
features = ["Email support"]

[[family.tier]]
key = "5-users"
name = "5 users"
seats = 5
clients = 300
storage_gb = 5
monthly = { USD = "50.00" }
yearly = { USD = "480.00" }

[[family.tier]]
key = "10-users"
name = "10 users"
seats = 10
clients = 600
storage_gb = "unlimited"
features = ["Twice of everything"]
monthly = { USD = 100 }
yearly = { USD = "960.0" }

[[family.add_on]]
key = "seat"
name = "1 seat"
seats = 1
monthly = { USD = "12.00" }
yearly = { USD = "115.20" }

[[family.add_on]]
key = "storage-5"
name = "5 GB"
storage_gb = 5
monthly = { USD = "5.00" }
yearly = { USD = "48.00" }
"""


def line_of(text: str, start: str, nth: int = 1) -> int:
    """The line, from 1, of the nth line of `text` that starts so."""
    found = [i for i, line in enumerate(text.split("\n"), 1) if line.strip().startswith(start)]
    return found[nth - 1]


def problems(text: str) -> list[CatalogProblem]:
    with pytest.raises(CatalogErrors) as caught:
        parse(text)
    return caught.value.problems


def prices(catalog: Catalog, interval: Interval, currency: str, family: int = 0) -> list[int]:
    return [
        price.money.amount
        for tier in catalog.families[family].tiers
        for price in tier.prices
        if (price.interval, price.money.currency) == (interval, currency)
    ]


@pytest.fixture(scope="module")
def sold() -> Catalog:
    return parse(EXAMPLE.read_text(encoding="utf-8"))


def test_catalog_example_standard_is_as_the_product_demands(sold: Catalog) -> None:
    standard = sold.families[0]
    assert [tier.name for tier in standard.tiers] == [f"{n} users" for n in (5, 10, 20, 40, 80)]
    assert [tier.limits for tier in standard.tiers] == [
        {Metric.SEATS: n, Metric.CLIENTS: 60 * n, Metric.STORAGE: n * GB}
        for n in (5, 10, 20, 40, 80)
    ]
    assert [tier.position for tier in standard.tiers] == [0, 1, 2, 3, 4]
    assert prices(sold, Interval.MONTHLY, "USD") == [5000, 10000, 18000, 32000, 56000]


@pytest.mark.parametrize("currency", ["USD", "EUR"])
@pytest.mark.parametrize("family", [0, 1])
def test_catalog_example_yearly_is_12_months_less_20_percent(
    sold: Catalog, family: int, currency: str
) -> None:
    monthly = prices(sold, Interval.MONTHLY, currency, family)
    yearly = prices(sold, Interval.YEARLY, currency, family)
    assert [amount * 12 * 80 for amount in monthly] == [amount * 100 for amount in yearly]
    assert len(yearly) == 5


@pytest.mark.parametrize("currency", ["USD", "EUR"])
@pytest.mark.parametrize("interval", Interval)
def test_catalog_example_pro_is_dearer(sold: Catalog, interval: Interval, currency: str) -> None:
    standard, pro = (prices(sold, interval, currency, family) for family in (0, 1))
    assert all(more > less for less, more in zip(standard, pro, strict=True))


def test_catalog_doubles_in_the_example(sold: Catalog) -> None:
    for family in sold.families:
        for lower, upper in zip(family.tiers, family.tiers[1:], strict=False):
            for metric in Metric:
                assert upper.limits[metric] == 2 * (lower.limits[metric] or 0) > 0


def test_catalog_better_value_in_the_example_by_hand(sold: Catalog) -> None:
    """Worked out again from the values: one add-on for each metric, bought whole."""
    for family in sold.families:
        for interval in Interval:
            for currency in sold.currencies:
                listed = prices(sold, interval, currency, family.position)
                for lower, upper in zip(family.tiers, family.tiers[1:], strict=False):
                    cost = 0
                    for add_on in family.add_ons:
                        need = (upper.limits[add_on.metric] or 0) - (
                            lower.limits[add_on.metric] or 0
                        )
                        (amount,) = (
                            price.money.amount
                            for price in add_on.prices
                            if (price.interval, price.money.currency) == (interval, currency)
                        )
                        cost += -(-need // add_on.quantity) * amount
                    assert cost >= listed[upper.position] - listed[lower.position]


def test_catalog_example_add_ons_policies_and_vendor(sold: Catalog) -> None:
    for family in sold.families:
        assert [(a.metric, a.quantity) for a in family.add_ons] == [
            (Metric.CLIENTS, 100),
            (Metric.SEATS, 1),
            (Metric.STORAGE, 5 * GB),
        ]
        assert all(tier.features for tier in family.tiers)
        assert family.features
    assert sold.policies == {
        Metric.SEATS: Policy.AUTO_UPGRADE,
        Metric.CLIENTS: Policy.WARN,
        Metric.STORAGE: Policy.WARN,
    }
    assert sold.currencies == ("USD", "EUR")
    assert sold.vendor.email.endswith("@example.com")
    assert sold.vendor.name
    assert sold.vendor.address
    assert sold.vendor.tax_id
    assert sold.vendor.country == "US"


def test_reading_a_small_catalog_to_its_last_value() -> None:
    catalog = parse(SMALL)
    (family,) = catalog.families
    five, ten = family.tiers
    assert (family.key, family.name, family.features) == (
        "standard",
        "Standard",
        ("Email support",),
    )
    assert (five.key, five.features, five.position) == ("5-users", (), 0)
    assert five.limits == {Metric.SEATS: 5, Metric.CLIENTS: 300, Metric.STORAGE: 5 * GB}
    assert ten.limits[Metric.STORAGE] is None
    assert ten.features == ("Twice of everything",)
    assert [price.money for price in ten.prices] == [Money(10000, "USD"), Money(96000, "USD")]
    assert [price.interval for price in ten.prices] == list(Interval)
    seat, storage = family.add_ons
    assert (seat.key, seat.name, seat.metric, seat.quantity, seat.position) == (
        "seat",
        "1 seat",
        Metric.SEATS,
        1,
        0,
    )
    assert (storage.metric, storage.quantity, storage.position) == (Metric.STORAGE, 5 * GB, 1)
    assert [price.money for price in storage.prices] == [Money(500, "USD"), Money(4800, "USD")]
    assert catalog.vendor.address == ("1 Example Street", "Springfield")
    assert catalog.vendor.tax_id == ""


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    assert parse("\ufeff" + SMALL.replace("\n", "\r\n")) == parse(SMALL)


SAYS = [
    # what is replaced, by what, the line to blame, and what is said
    ('name = "Standard"', "", "[[family]]", 1, "“name” is missing: add name ="),
    ('key = "standard"', 'key = "Standard!"', "key =", 1, "is not of the form “standard”"),
    ('key = "10-users"', 'key = "5-users"', "key =", 3, "“5-users” is taken"),
    ('name = "10 users"', 'name = "5 users"', "name =", 4, "“5 users” is taken"),
    ('key = "storage-5"', 'key = "seat"', "key =", 5, "“seat” is taken"),
    ('name = "10 users"', "name = 10", "name =", 4, "must be text in quotes"),
    ('name = "10 users"', 'name = " 10"', "name =", 4, "must be text in quotes"),
    ('name = "10 users"', f'name = "{"x" * 81}"', "name =", 4, "up to 80 characters"),
    ('name = "10 users"', r'name = "10\nusers"', "name =", 4, "must be text in quotes"),
    ("seats = 10", "seat = 10", "seat = 10", 1, "did you mean “seats”?"),
    ("seats = 10", "", "[[family.tier]]", 2, "“seats” is missing"),
    ("seats = 10", "seats = -1", "seats = -1", 1, "must be a whole number up to 1,000,000,000"),
    ("seats = 10", "seats = 1000000001", "seats = 1000000001", 1, "a whole number up to"),
    ("seats = 10", "seats = 10.5", "seats = 10.5", 1, "must be a whole number"),
    ("seats = 10", "seats = true", "seats = true", 1, "must be a whole number"),
    ("seats = 10", 'seats = "many"', "seats =", 3, 'or "unlimited"'),
    ('"50.00"', "50.00", "monthly =", 1, 'must be an amount in quotes: "50.00"'),
    ('"50.00"', "1e3", "monthly =", 1, 'must be an amount in quotes: "50.00"'),
    ('"50.00"', "-5", "monthly =", 1, "must be an amount in quotes"),
    ('"50.00"', "true", "monthly =", 1, "must be an amount in quotes"),
    ('"50.00"', '"50.005"', "monthly =", 1, "not exact in USD"),
    ('"50.00"', '"fifty"', "monthly =", 1, "“fifty” is not an amount"),
    ('monthly = { USD = "50.00" }', "", "[[family.tier]]", 1, 'add monthly = { USD = "50.00" }'),
    ('monthly = { USD = "50.00" }', "monthly = 50", "monthly =", 1, "must be a table"),
    ('{ USD = "50.00" }', '{ EUR = "50.00" }', "monthly =", 1, "“USD” is missing"),
    ('{ USD = "50.00" }', '{ USD = "50.00", EUR = "46.00" }', "monthly =", 1, "is not among"),
    ('currencies = ["USD"]', "", None, 1, "name at least one, above the first table"),
    ('currencies = ["USD"]', "currencies = []", "currencies", 1, "name at least one"),
    ('currencies = ["USD"]', 'currencies = "USD"', "currencies", 1, "must be a list in square"),
    ('["USD"]', '["USD", "USD"]', "currencies", 1, "name each currency once"),
    ('["USD"]', '["USD", "usd"]', "currencies", 1, "“usd” is not of the form “USD”"),
    ('["USD"]', '["USD", "ABC"]', "currencies", 1, "“ABC” is not a currency"),
    ('seats = "auto_upgrade"', 'seats = "auto"', "seats =", 1, "must be auto_upgrade or warn"),
    ('storage = "warn"', "", "[policy]", 1, "“storage” is missing"),
    ('country = "US"', 'country = "USA"', "country", 1, "must be text in quotes, up to 2"),
    ('country = "US"', 'country = "us"', "country", 1, "is not of the form “US”"),
    ('"billing@example.com"', '"billing"', "email", 1, "is not of the form “billing@example.com”"),
    ('["1 Example Street", "Springfield"]', "[]", "address", 1, "must have one to 5 lines"),
    ('"Springfield"]', '"2", "3", "4", "5", "6"]', "address", 1, "must have one to 5 lines"),
    ('"Springfield"]', "2]", "address", 1, "must be text in quotes"),
    ('features = ["Email support"]', "features = 1", "features", 1, "must be a list"),
    ("seats = 1\n", "", "[[family.add_on]]", 1, "by one of seats, clients, storage_gb"),
    ("seats = 1\n", "seats = 1\nclients = 5\n", "[[family.add_on]]", 1, "must say what it holds"),
    ("seats = 1\n", "seats = 0\n", "seats = 0", 1, "must be a whole number from 1"),
    ("seats = 1\n", 'seats = "unlimited"\n', "seats =", 4, "must be a whole number from 1"),
    ("[policy]", "[policies]", "[policies]", 1, "did you mean “policy”?"),
    ("[vendor]", "[seller]", "[seller]", 1, "unknown key; known are currencies, vendor"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "start", "nth", "says"),
    [pytest.param(*case, id=f"{case[1] or 'no ' + case[0]}"[:40]) for case in SAYS],
)
def test_a_mistake_is_told_by_line_and_reason(
    old: str, new: str, start: str | None, nth: int, says: str
) -> None:
    assert old in SMALL
    text = SMALL.replace(old, new, 1)
    found = [problem for problem in problems(text) if says in problem.reason]
    assert [problem.line for problem in found] == [start and line_of(text, start, nth)]


@pytest.mark.parametrize(
    ("old", "key", "longest"),
    [
        ('"Example Software"', "name", 120),
        ('"1 Example Street"', "address", 120),
        ('"US"\n', "tax_id", 32),
        ('"Standard"', "name", 80),
        ('"5-users"', "key", 40),
        ('"Email support"', "features", 120),
    ],
)
def test_texts_are_as_long_as_can_be_kept(old: str, key: str, longest: int) -> None:
    new = '"US"\ntax_id = "{}"\n' if key == "tax_id" else '"{}"'
    assert parse(SMALL.replace(old, new.format("x" * longest), 1))
    (problem,) = problems(SMALL.replace(old, new.format("x" * (longest + 1)), 1))
    assert problem.where.endswith(key)
    assert f"up to {longest} characters" in problem.reason


def test_an_address_may_have_five_lines() -> None:
    assert len(parse(SMALL.replace('"Springfield"]', '"2", "3", "4", "5"]')).vendor.address) == 5


@pytest.mark.parametrize(
    ("currencies", "says"),
    [
        ('["USD", "JPY"]', 'add monthly = { USD = "50.00", JPY = "50" }.'),
        ("[]", 'add monthly = { USD = "50.00" }.'),
    ],
)
def test_missing_prices_are_suggested_in_each_currency(currencies: str, says: str) -> None:
    text = SMALL.replace('["USD"]', currencies).replace('monthly = { USD = "50.00" }', "")
    assert any(says in problem.reason for problem in problems(text))


def test_every_mistake_is_told_in_the_order_of_lines() -> None:
    text = (
        SMALL.replace('"auto_upgrade"', '"auto"')
        .replace('"50.00"', "50.00")
        .replace("seats = 10", "seat = 10")
        .replace('key = "storage-5"', 'key = "seat"')
    )
    found = problems(text)
    assert [(problem.line, problem.where) for problem in found] == [
        (10, "policy, seats"),
        (25, "family “standard”, tier “5-users”, monthly, USD"),
        (28, "family “standard”, tier “10-users”"),
        (31, "family “standard”, tier “10-users”, seat"),
        (46, "family “standard”, add_on “seat”, key"),
    ]
    assert str(found[0]) == "line 10: policy, seats: “auto” must be auto_upgrade or warn."


def test_the_message_holds_every_problem() -> None:
    with pytest.raises(CatalogErrors) as caught:
        parse("")
    assert str(caught.value).split("\n") == [
        'currencies: name at least one, above the first table: currencies = ["USD"].',
        "“vendor” is missing: add a [vendor] table.",
        "“policy” is missing: add a [policy] table.",
        "family: there is nothing to sell: add a [[family]].",
    ]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a = 1\nb = [1,", 2, "not TOML"),
        ("a = 1\n[vendor\n", 2, "Expected ']'"),
        ("a = 1\n\na = 2", 3, "Cannot overwrite"),
        ("a = 1\n[family]\n[[family]]\n", 3, "not TOML"),
        ('a = "unended', 1, "not TOML"),
        ("a = 1\nb = 2\n\n'", 4, "not TOML"),
    ],
)
def test_a_syntax_error_is_told_by_its_line(text: str, line: int, says: str) -> None:
    (problem,) = problems(text)
    assert problem.line == line
    assert says in problem.reason
    assert "line" not in problem.reason


@pytest.mark.parametrize(
    "text",
    ["family = 1", "family = [1]", "[family]\nkey = 1", "[[family]]\ntier = 3", "[[family]]"],
)
def test_tables_of_the_wrong_shape_are_told(text: str) -> None:
    assert any("[[family" in problem.reason for problem in problems(text))


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


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1\nb.c = 2", ("b", "c"), 2),
        ('\n"a" = 1', ("a",), 2),
        ("[a.b]\nc = 1", ("a", "b", "c"), 2),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", ("a", 1, "b"), 4),
        ("[[a]]\n[[a.b]]\n[[a.b]]\nc = 1\n[[a]]\n[[a.b]]\nc = 2", ("a", 0, "b", 1, "c"), 4),
        ("[[a]]\n[[a.b]]\n[[a.b]]\nc = 1\n[[a]]\n[[a.b]]\nc = 2", ("a", 1, "b", 0, "c"), 7),
        ("[[a]]\n[a.b]\nc = 1\n[[a]]\n[a.b]\nc = 2", ("a", 1, "b", "c"), 6),
        ('a = """\nb = 1\n"""\nb = 2', ("b",), 4),
        ("a = '''\nb = 1\n'''\nb = 2", ("b",), 4),
        ('a = [\n  "b = 1",\n]\n  b = 2', ("b",), 4),
        ("# a = 0\na = 1", ("a",), 2),
    ],
)
def test_finding_the_line_of_a_key(text: str, path: tuple[str | int, ...], line: int) -> None:
    assert line_numbers(text)[path] == line


@given(st.text(max_size=200))
def test_no_text_does_worse_than_being_refused(text: str) -> None:
    with pytest.raises(CatalogErrors):
        parse(text)


PIECES = sorted({*SMALL.split("\n"), *SMALL.split(), "[[family.tier]]", "monthly.USD = 1", "]"})


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_no_shuffled_file_does_worse_than_being_refused(pieces: list[str]) -> None:
    with pytest.raises(CatalogErrors):
        parse("\n".join(pieces))
