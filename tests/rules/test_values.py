"""What the rules hand out can't be altered behind their back."""

from dataclasses import is_dataclass

import pytest

from portal.billing.rules import (
    catalog_changes,
    catalog_cover,
    catalog_entries,
    catalog_file,
    catalog_steps,
    catalog_values,
    counting,
    invoicing,
    lines,
    money,
    overage,
    period,
    plan_change,
    proration,
    tax,
    terms,
)

MODULES = [
    catalog_changes,
    catalog_cover,
    catalog_entries,
    catalog_file,
    catalog_steps,
    catalog_values,
    counting,
    invoicing,
    lines,
    money,
    overage,
    period,
    plan_change,
    proration,
    tax,
    terms,
]
VALUES = {
    value
    for module in MODULES
    for value in vars(module).values()
    if isinstance(value, type) and is_dataclass(value)
} - {catalog_file.Source}


@pytest.mark.parametrize("value", sorted(VALUES, key=lambda value: value.__name__))
def test_values_are_frozen(value: type) -> None:
    assert value.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_all_values_are_looked_at() -> None:
    assert {money.Money, plan_change.Quote, overage.EpisodeFacts, catalog_values.Tier} <= VALUES
