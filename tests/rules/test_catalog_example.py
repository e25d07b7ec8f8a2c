"""The example catalog is as it should be, worked out again from its values."""

from pathlib import Path

import pytest

from portal.billing.rules.catalog import Catalog, Policy, parse
from portal.billing.rules.counting import Metric
from portal.billing.rules.period import Interval
from tests.rules.small_catalog import GB

EXAMPLE = Path(__file__).parents[2] / "catalog" / "example.toml"


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
