"""Undoing an issued invoice: voiding one that is unpaid, issuing one again with other details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.period import DAY
from portal.language import gettext as _

# What of a customer stands on an invoice, and is what one is issued again for.
DETAILS = ("name", "address", "country", "tax_id", "po_number")
# For how long after it was first issued, and how often, a customer may have one issued again.
TIME = 90 * DAY
MOST = 3


class NotUnpaid(RuleBroken):
    """Only what is owed can be voided: `how` it stands with the invoice, in words."""

    def __init__(self, number: str, how: str) -> None:
        super().__init__(_("Invoice %(number)s can't be voided: %(how)s", number=number, how=how))


class NotIssuedAgain(RuleBroken):
    """An invoice that can't be issued again; `is_final` says that it never can by itself."""

    is_final = True


class EndedAlready(NotIssuedAgain):
    """It was credited, voided or replaced."""

    def __init__(self, number: str, replaced_by: str | None) -> None:
        if replaced_by:
            said = _(
                "Invoice %(number)s was replaced by %(other)s already. That one can be issued"
                " again.",
                number=number,
                other=replaced_by,
            )
        else:
            said = _(
                "Invoice %(number)s was credited, so there is nothing to issue again.",
                number=number,
            )
        super().__init__(said)


class NotWhole(NotIssuedAgain):
    """Something of it was credited or given back: `by` are the documents that did."""

    def __init__(self, number: str, by: str) -> None:
        super().__init__(
            _(
                "A part of invoice %(number)s was given back by %(by)s, and what is left can't be"
                " issued again by itself.",
                number=number,
                by=by,
            )
        )


class NothingCharged(NotIssuedAgain):
    """It came to nothing, or gave more back than it charged: no note can be made out for that."""

    def __init__(self, number: str) -> None:
        super().__init__(
            _(
                "Invoice %(number)s came to nothing, because credit covered it. It can't be issued"
                " again by itself.",
                number=number,
            )
        )


class SameDetails(NotIssuedAgain):
    """The details of today are those that stand on it."""

    is_final = False

    def __init__(self, number: str) -> None:
        super().__init__(
            _(
                "Invoice %(number)s carries today's billing details already. Correct them first,"
                " then issue it again.",
                number=number,
            )
        )


class TaxedElsewhere(NotIssuedAgain):
    """With the details of today the tax would be that of another country."""

    def __init__(self, number: str) -> None:
        super().__init__(
            _(
                "Invoice %(number)s carries tax, and with today's billing details that would be"
                " another country's. It can't be issued again by itself.",
                number=number,
            )
        )


class AnotherTax(NotIssuedAgain):
    """With the details of today another tax would be charged."""

    def __init__(self, number: str, before: str, after: str) -> None:
        super().__init__(
            _(
                "With today's billing details the tax of invoice %(number)s would be another"
                " (%(after)s instead of %(before)s), and so would its amounts. It can't be issued"
                " again by itself.",
                number=number,
                before=before,
                after=after,
            )
        )


class TooOld(NotIssuedAgain):
    """The time is over in which a customer may have it issued again."""

    def __init__(self, number: str) -> None:
        super().__init__(
            _(
                "Invoice %(number)s was first issued more than %(days)s days ago.",
                number=number,
                days=TIME // DAY,
            )
        )


class TooOften(NotIssuedAgain):
    """A customer had it issued again as often as may be."""

    def __init__(self, number: str) -> None:
        super().__init__(
            _(
                "Invoice %(number)s was issued again %(times)s times already.",
                number=number,
                times=MOST,
            )
        )


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Which of DETAILS are others; what was not kept counts as empty."""
    return tuple(
        field for field in DETAILS if _plain(before.get(field)) != _plain(after.get(field))
    )


def refuse_by_customer(number: str, first_issued_at: datetime, edition: int, now: datetime) -> None:
    """Raise TooOld or TooOften for what only the vendor does."""
    if now - first_issued_at > TIME:
        raise TooOld(number)
    if edition > MOST:
        raise TooOften(number)


def refuse_taxed_elsewhere(number: str, *, is_taxed: bool, changed: Sequence[str]) -> None:
    """Raise TaxedElsewhere where a customer would move an invoice with tax to another country: at
    the same rate it would still be another state's tax."""
    if is_taxed and "country" in changed:
        raise TaxedElsewhere(number)


def _plain(value: str | Sequence[str] | None) -> str:
    return value or "" if value is None or isinstance(value, str) else "\n".join(value)
