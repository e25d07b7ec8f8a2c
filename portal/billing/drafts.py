"""Keeping an invoice draft in a row until its payment is known, and reading it back unchanged."""

from dataclasses import fields
from datetime import datetime
from typing import Any

from portal.billing.rules.invoicing import InvoiceDraft, Line, TaxLine
from portal.billing.rules.money import Money
from portal.billing.rules.plan_change import LineKind


def dump(draft: InvoiceDraft) -> dict[str, Any]:
    """The draft as JSON values; `load(dump(draft)) == draft`."""
    return {field.name: _plain(getattr(draft, field.name)) for field in fields(draft)}


def load(kept: dict[str, Any]) -> InvoiceDraft:
    """The draft that `dump` was given."""
    amounts = {
        name: _money(value)
        for name, value in kept.items()
        if name not in ("lines", "taxes") and name != "currency"
    }
    return InvoiceDraft(
        lines=tuple(_line(line) for line in kept["lines"]),
        taxes=tuple(_tax(tax) for tax in kept["taxes"]),
        currency=kept["currency"],
        **amounts,
    )


def _plain(value: Any) -> Any:
    match value:
        case Money():
            return [value.amount, value.currency]
        case datetime():
            return value.isoformat()
        case tuple():
            return [_plain(item) for item in value]
        case Line() | TaxLine():
            return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value


def _line(kept: dict[str, Any]) -> Line:
    return Line(
        kind=LineKind(kept["kind"]),
        description=kept["description"],
        explanation=kept["explanation"],
        days=kept["days"],
        days_in_cycle=kept["days_in_cycle"],
        base=_money(kept["base"]),
        amount=_money(kept["amount"]),
        period_start_at=_instant(kept["period_start_at"]),
        period_end_at=_instant(kept["period_end_at"]),
    )


def _tax(kept: dict[str, Any]) -> TaxLine:
    return TaxLine(
        name=kept["name"],
        rate_basis_points=kept["rate_basis_points"],
        base=_money(kept["base"]),
        amount=_money(kept["amount"]),
    )


def _money(kept: list[Any]) -> Money:
    amount, currency = kept
    return Money(amount, currency)


def _instant(kept: str | None) -> datetime | None:
    return datetime.fromisoformat(kept) if kept else None
