"""Reading a catalog file, and every mistake in it told with its line."""

from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.billing.rules.catalog import CatalogErrors, parse
from portal.billing.rules.catalog_lines import line_numbers
from portal.billing.rules.counting import Metric
from portal.billing.rules.countries import CODES
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval
from portal.billing.rules.tax import Rate
from tests.rules.small_catalog import GB, SMALL, line_of, problems


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
    assert catalog.tax_rates == ()
    assert [thing.hidden for thing in (family, five, seat)] == [False, False, False]


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
    ('country = "US"', 'country = "UK"', "country", 1, "“UK” is no country of ISO 3166"),
    ("seats = 10", "seats = 10\nhidden = 1", "hidden", 1, "must be true or false, without quotes"),
    ("seats = 10", 'seats = 10\nhidden = "yes"', "hidden", 1, "must be true or false"),
    ("seats = 10", "seats = 10\nhiden = true", "hiden", 1, "did you mean “hidden”?"),
    ("[vendor]", "hidden = true\n[vendor]", "hidden", 1, "unknown key"),
]  # fmt: skip

TAXED = """\
[[tax]]
country = "DE"
name = "VAT"
rate = "19"
reverse_charge = true

[[tax]]
country = "CH"
name = "VAT"
rate = "8.1"
reverse_charge = false

"""
WITH_TAX = SMALL.replace("[[family]]", f"{TAXED}[[family]]", 1)

SAYS_OF_TAX = [
    ('country = "CH"', 'country = "DE"', "country =", 3, "“DE” is taken by one before it"),
    ('country = "CH"', "", "[[tax]]", 2, "“country” is missing: add country ="),
    ('country = "CH"', 'country = "ch"', "country =", 3, "is not of the form “US”"),
    ('country = "CH"', 'country = "XX"', "country =", 3, "“XX” is no country of ISO 3166"),
    ('name = "VAT"', "", "[[tax]]", 1, "“name” is missing"),
    ('name = "VAT"', f'name = "{"x" * 41}"', "name =", 2, "up to 40 characters"),
    ('rate = "19"', "", "[[tax]]", 1, "“rate” is missing: add rate ="),
    ('rate = "19"', "rate = 19.5", "rate =", 1, "must be a percentage in quotes"),
    ('rate = "19"', 'rate = "19 %"', "rate =", 1, "must be a percentage in quotes"),
    ('rate = "19"', 'rate = "0.19.0"', "rate =", 1, "must be a percentage in quotes"),
    ('rate = "19"', 'rate = "-1"', "rate =", 1, "must be a percentage in quotes"),
    ('rate = "19"', 'rate = "100.01"', "rate =", 1, "up to 100"),
    ('rate = "19"', 'rate = "8.125"', "rate =", 1, "at most two digits after the point"),
    ('rate = "19"', 'rate = "19."', "rate =", 1, "must be a percentage in quotes"),
    ('rate = "19"', 'rate = "١٩"', "rate =", 1, "must be a percentage in quotes"),
    ('rate = "19"', "rate = true", "rate =", 1, "must be a percentage in quotes"),
    ("reverse_charge = true", "", "[[tax]]", 1, "“reverse_charge” is missing"),
    ("reverse_charge = true", "reverse_charge = 1", "reverse_charge", 1, "must be true or false"),
    ("reverse_charge = true", "reversecharge = true", "reversecharge", 1, "“reverse_charge”?"),
]


@pytest.mark.parametrize(
    ("old", "new", "start", "nth", "says"),
    [pytest.param(*case, id=f"{case[1] or 'no ' + case[0]}"[:40]) for case in SAYS_OF_TAX],
)
def test_a_mistake_in_the_tax_table_is_told_by_line_and_reason(
    old: str, new: str, start: str, nth: int, says: str
) -> None:
    text = WITH_TAX.replace(old, new, 1)
    assert text != WITH_TAX
    found = [problem for problem in problems(text) if says in problem.reason]
    assert [problem.line for problem in found] == [line_of(text, start, nth)]


@pytest.mark.parametrize(
    ("written", "basis_points"),
    [
        ('"19"', 1900),
        ('"8.1"', 810),
        ('"25.5"', 2550),
        ('"7.25"', 725),
        ('"0"', 0),
        ('"0.05"', 5),
        ('"100"', 10_000),
        ("19", 1900),
    ],
)
def test_tax_rates_are_read_to_hundredths_of_a_percent(written: str, basis_points: int) -> None:
    text = WITH_TAX.replace('rate = "19"', f"rate = {written}")
    assert parse(text).tax_rates == (
        Rate("DE", "VAT", basis_points, reverse_charge=True),
        Rate("CH", "VAT", 810, reverse_charge=False),
    )


def test_a_tax_table_is_named_by_its_country() -> None:
    (problem,) = problems(WITH_TAX.replace('rate = "8.1"', 'rate = "8,1"'))
    assert problem.where == "tax “CH”, rate"


def test_the_countries_are_those_people_choose_from() -> None:
    lines = (files("tzdata") / "zoneinfo" / "iso3166.tab").read_text("utf-8").splitlines()
    assert {line.split("\t")[0] for line in lines if not line.startswith("#")} == CODES


def test_what_is_hidden_is_read() -> None:
    text = SMALL.replace('features = ["Email support"]', "hidden = false")
    text = text.replace("seats = 5\n", "seats = 5\nhidden = true\n")
    text = text.replace("seats = 1\n", "seats = 1\nhidden = true\n")
    (family,) = parse(text).families
    assert [tier.hidden for tier in family.tiers] == [True, False]
    assert [add_on.hidden for add_on in family.add_ons] == [True, False]
    assert [tier.key for tier in family.offered_tiers] == ["10-users"]
    assert [add_on.key for add_on in family.offered_add_ons] == ["storage-5"]


def test_something_must_be_left_to_sell() -> None:
    hidden = SMALL.replace('features = ["Email support"]', "hidden = true")
    (problem,) = problems(hidden)
    assert str(problem) == "family: there is nothing to sell: every plan is hidden."


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


def test_numbers_at_the_edge_are_read() -> None:
    text = SMALL.replace("clients = 300", "clients = 0").replace('"50.00"', "0")
    text = text.replace("seats = 10\n", "seats = 1_000_000_000\n").replace(
        "seats = 1\n", "seats = 1_000_000_000\n"
    )
    (family,) = parse(text).families
    five, ten = family.tiers
    assert (five.limits[Metric.CLIENTS], ten.limits[Metric.SEATS]) == (0, 10**9)
    assert five.prices[0].money == Money.zero("USD")
    assert family.add_ons[0].quantity == 10**9


def test_a_table_without_a_key_is_named_by_its_place() -> None:
    text = SMALL.replace('key = "10-users"\n', "")
    assert [problem.where for problem in problems(text)] == ["family “standard”, tier 2"]


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
