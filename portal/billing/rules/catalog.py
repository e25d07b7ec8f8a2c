"""The vendor's catalog file: from its text to values, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from portal.billing.rules.catalog_file import (
    CatalogErrors,
    CatalogProblem,
    Form,
    Table,
    read,
)
from portal.billing.rules.catalog_steps import step_problems
from portal.billing.rules.catalog_values import (
    AddOn,
    Catalog,
    Family,
    Price,
    Tier,
    Vendor,
)
from portal.billing.rules.counting import Metric
from portal.billing.rules.countries import CODES
from portal.billing.rules.money import minor_digits, sample
from portal.billing.rules.period import Interval
from portal.billing.rules.policies import Policy
from portal.billing.rules.tax import Rate

__all__ = [
    "AddOn",
    "Catalog",
    "CatalogErrors",
    "CatalogProblem",
    "Family",
    "Policy",
    "Price",
    "Tier",
    "Vendor",
    "parse",
]

GB = 10**9

# How a metric is written in the file, and how much one of it is.
WRITTEN = {
    Metric.SEATS: ("seats", 1),
    Metric.CLIENTS: ("clients", 1),
    Metric.STORAGE: ("storage_gb", GB),
}
METRICS = {name: (metric, unit) for metric, (name, unit) in WRITTEN.items()}

COMPANY = Form("Example Software", longest=120)
EMAIL = Form("billing@example.com", longest=254, pattern=r"[^@\s]+@[^@\s]+\.[^@\s]+")
ADDRESS_LINE = Form("1 Example Street", longest=120)
COUNTRY = Form("US", longest=2, pattern="[A-Z]{2}")
TAX_ID = Form("US00-0000000", longest=32)
TAX = Form("VAT", longest=40)
CURRENCY = Form("USD", longest=3, pattern="[A-Z]{3}")
POLICY = Form(Policy.WARN, longest=40)
KEY = Form("standard", longest=40, pattern="[a-z0-9]+(-[a-z0-9]+)*")
NAME = Form("Standard", longest=80)
FEATURE = Form("Email support", longest=120)

ADDRESS_LINES = 5


def parse(text: str) -> Catalog:
    """Read a catalog file (TOML); CatalogErrors with all that is wrong, each with its line."""
    file = read(text)
    file.only("currencies", "vendor", "policy", "tax", "family")
    currencies = _currencies(file)
    catalog = Catalog(
        vendor=_vendor(file.table("vendor", "a [vendor] table")),
        currencies=currencies,
        policies=_policies(file.table("policy", "a [policy] table")),
        tax_rates=_tax_rates(file),
        families=_families(file, currencies),
    )
    if file.source.problems:
        raise CatalogErrors(file.source.problems)
    return catalog


def _currencies(file: Table) -> tuple[str, ...]:
    if file.values.get("currencies", []) == []:
        file.report('name at least one, above the first table: currencies = ["USD"].', "currencies")
    known = [code for code in file.texts("currencies", CURRENCY) if _is_currency(file, code)]
    if len(set(known)) < len(known):
        file.report("name each currency once.", "currencies")
    return tuple(dict.fromkeys(known))


def _is_currency(file: Table, code: str) -> bool:
    try:
        minor_digits(code)
    except ValueError:
        file.report(f"“{code}” is not a currency.", "currencies")
        return False
    return True


def _vendor(table: Table) -> Vendor:
    table.only("name", "email", "address", "country", "tax_id")
    address = table.texts("address", ADDRESS_LINE)
    if len(address) > ADDRESS_LINES or not table.values.get("address"):
        table.report(f"must have one to {ADDRESS_LINES} lines.", "address")
    return Vendor(
        name=table.text("name", COMPANY),
        email=table.text("email", EMAIL),
        address=address,
        country=_country(table),
        tax_id=table.text("tax_id", TAX_ID) if "tax_id" in table.values else "",
    )


def _policies(table: Table) -> dict[Metric, Policy]:
    table.only(*Metric)
    written = {metric: table.text(metric, POLICY) for metric in Metric}
    for metric, policy in written.items():
        if policy and policy not in set(Policy):
            table.report(f"“{policy}” must be {' or '.join(Policy)}.", metric)
    return {m: Policy(policy) for m, policy in written.items() if policy in set(Policy)}


def _tax_rates(file: Table) -> tuple[Rate, ...]:
    tables = file.tables("tax", named_by="country")
    _each_once(tables, "country")
    rates = [_tax_rate(table) for table in tables]
    return tuple(rate for rate in rates if rate is not None)


def _tax_rate(table: Table) -> Rate | None:
    """None where it does not say how much."""
    table.only("country", "name", "rate", "reverse_charge")
    table.needs("reverse_charge", "reverse_charge = true, or reverse_charge = false")
    country, name = _country(table), table.text("name", TAX)
    basis_points = table.percent("rate")
    if basis_points is None:
        return None
    return Rate(country, name, basis_points, table.flag("reverse_charge"))


def _country(table: Table) -> str:
    code = table.text("country", COUNTRY)
    if code and code not in CODES:
        table.report(f"“{code}” is no country of ISO 3166.", "country")
    return code


def _families(file: Table, currencies: Sequence[str]) -> tuple[Family, ...]:
    tables = file.tables("family")
    if not file.values.get("family"):
        file.report("there is nothing to sell: add a [[family]].", "family")
    _each_once(tables, "key", "name")
    families = tuple(_family(table, place, currencies) for place, table in enumerate(tables))
    if any(family.tiers for family in families) and not any(
        family.offered_tiers for family in families
    ):
        file.report("there is nothing to sell: every plan is hidden.", "family")
    return families


def _family(table: Table, position: int, currencies: Sequence[str]) -> Family:
    table.only("key", "name", "features", "tier", "add_on", "hidden")
    tiers = table.tables("tier")
    if not table.values.get("tier"):
        table.report("has no tiers: add a [[family.tier]].")
    _each_once(tiers, "key", "name")
    family = Family(
        key=table.text("key", KEY),
        name=table.text("name", NAME),
        position=position,
        features=table.texts("features", FEATURE),
        tiers=tuple(_tier(tier, place, currencies) for place, tier in enumerate(tiers)),
        add_ons=_add_ons(table, currencies),
        hidden=table.flag("hidden"),
    )
    for problem in step_problems(family, currencies):
        tiers[problem.position].report(problem.reason, explanation=problem.explanation)
    return family


def _tier(table: Table, position: int, currencies: Sequence[str]) -> Tier:
    table.only("key", "name", *METRICS, "features", *Interval, "hidden")
    return Tier(
        key=table.text("key", KEY),
        name=table.text("name", NAME),
        position=position,
        limits=_limits(table),
        features=table.texts("features", FEATURE),
        prices=tuple(_prices(table, currencies)),
        hidden=table.flag("hidden"),
    )


def _limits(table: Table) -> dict[Metric, int | None]:
    limits: dict[Metric, int | None] = {}
    for metric, (name, unit) in WRITTEN.items():
        for limit in table.limit(name) or ():
            limits[metric] = None if limit is None else limit * unit
    return limits


def _add_ons(family: Table, currencies: Sequence[str]) -> tuple[AddOn, ...]:
    tables = family.tables("add_on")
    _each_once(tables, "key", "name")
    add_ons = [_add_on(table, place, currencies) for place, table in enumerate(tables)]
    return tuple(add_on for add_on in add_ons if add_on is not None)


def _add_on(table: Table, position: int, currencies: Sequence[str]) -> AddOn | None:
    """None where it does not say how much of what it holds."""
    table.only("key", "name", *METRICS, *Interval, "hidden")
    key, name = table.text("key", KEY), table.text("name", NAME)
    prices, hidden = tuple(_prices(table, currencies)), table.flag("hidden")
    held = [written for written in METRICS if written in table.values]
    if len(held) != 1:
        table.report(f"must say what it holds by one of {', '.join(METRICS)}.")
        return None
    metric, unit = METRICS[held[0]]
    quantity = table.quantity(held[0])
    if quantity is None:
        return None
    return AddOn(key, name, position, metric, quantity * unit, prices, hidden)


def _prices(table: Table, currencies: Sequence[str]) -> Iterable[Price]:
    for interval in Interval:
        written = table.table(interval, _sample_prices(interval, currencies))
        for code in written.values:
            if code not in currencies:
                written.report("is not among the currencies of this catalog.", code)
        for currency in currencies:
            money = written.amount(currency)
            if money is not None:
                yield Price(interval, money)


def _sample_prices(interval: Interval, currencies: Sequence[str]) -> str:
    amounts = ", ".join(f'{currency} = "{sample(currency)}"' for currency in currencies or ["USD"])
    return f"{interval} = {{ {amounts} }}"


def _each_once(tables: Sequence[Table], *keys: str) -> None:
    for key in keys:
        seen: set[object] = set()
        for table in tables:
            value = table.values.get(key)
            if isinstance(value, str) and value in seen:
                table.report(f"“{value}” is taken by one before it.", key)
            elif isinstance(value, str):
                seen.add(value)
