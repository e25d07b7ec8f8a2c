"""Keeping an invoice draft in a row until its payment is known, and reading it back unchanged."""

from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any

from portal import language
from portal.billing.rules.invoicing import InvoiceDraft
from portal.billing.rules.lines import Line, LineKind
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle
from portal.billing.rules.tax import Tax


def dump(draft: InvoiceDraft) -> dict[str, Any]:
    """The draft as JSON values; `load(dump(draft)) == draft`."""
    return _fields(draft)


def load(kept: dict[str, Any]) -> InvoiceDraft:
    """The draft that `dump` was given."""
    return InvoiceDraft(
        lines=tuple(_line(line) for line in kept["lines"]),
        currency=kept["currency"],
        tax_note=kept["tax_note"],
        # Kept before there were others.
        language=kept.get("language", language.ENGLISH),
        **{
            name: _money(kept[name])
            for name in ("subtotal", "tax", "surplus", "total", "balance_applied", "due")
        },
    )


def _fields(value: Any) -> dict[str, Any]:
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: Any) -> Any:
    match value:
        case Money():
            return [value.amount, value.currency]
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case tuple():
            return [_plain(item) for item in value]
        case Line() | Tax() | Cycle():
            return _fields(value)
    return value


def _line(kept: dict[str, Any]) -> Line:
    read = {
        "kind": LineKind(kept["kind"]),
        "base": _money(kept["base"]),
        "amount": _money(kept["amount"]),
        "tax": Tax(**kept["tax"]),
        "tax_amount": _money(kept["tax_amount"]),
        "period": _cycle(kept["period"]) if kept["period"] else None,
    }
    return Line(**{**kept, **read})


def _money(kept: list[Any]) -> Money:
    amount, currency = kept
    return Money(amount, currency)


def _cycle(kept: dict[str, str]) -> Cycle:
    return Cycle(datetime.fromisoformat(kept["start_at"]), datetime.fromisoformat(kept["end_at"]))
