"""Crediting an issued invoice: what is left of its lines, and where the money goes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from portal.billing.rules import describe
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.money import Money
from portal.billing.rules.tax import Tax
from portal.language import gettext as _


class NothingLeft(RuleBroken):
    """All of an invoice has been given back already."""

    def __init__(self, number: str) -> None:
        super().__init__(_("Nothing of invoice %(number)s is left to credit.", number=number))


class NotAboveZero(RuleBroken):
    """What is left of the lines adds up to nothing, or to less."""

    def __init__(self, number: str, sum_of_left: Money) -> None:
        super().__init__(
            f"What is left of invoice {number}, its own credits taken back, comes to"
            f" {describe.money(sum_of_left)}: no credit note can be made out for that. Credit the"
            " lines that are to be given back one by one, with --line."
        )


class NoSuchLine(RuleBroken):
    """A line was named that the invoice doesn't have, or that gives something back itself."""

    def __init__(self, number: str, position: int, creditable: Sequence[int]) -> None:
        choice = describe.listing([str(each) for each in creditable]) if creditable else "none"
        super().__init__(
            f"Line {position} of invoice {number} charges nothing. Lines that do: {choice}."
        )


class LineGivenBack(RuleBroken):
    """Nothing is left of a line that was named."""

    def __init__(self, number: str, position: int) -> None:
        super().__init__(f"Nothing of line {position} of invoice {number} is left to credit.")


@dataclass(frozen=True)
class ChargedLine:
    """A line of an issued invoice, and what has become of it since.

    `amount` is before tax, `tax_amount` the tax on it; both are negative for a line that is itself
    a credit. `returned`, zero or more, is what a later invoice gave back of the line and still
    does. `is_closed` says that nothing of it can move any more: a credit note has given it back,
    or, for a credit, the line that it credits.
    """

    position: int
    amount: Money
    tax: Tax
    tax_amount: Money
    returned: Money
    returned_tax: Money
    is_closed: bool

    @property
    def left(self) -> Money:
        """What is still charged by the line, before tax; less than zero for a credit."""
        return Money.zero(self.amount.currency) if self.is_closed else self.amount - self.returned

    @property
    def left_tax(self) -> Money:
        """The tax of what is left, so that what is given back in all is what was charged in all.

        For a whole line it is exactly the line's own.
        """
        if self.is_closed:
            return Money.zero(self.amount.currency)
        return self.tax_amount - self.returned_tax


@dataclass(frozen=True)
class Division:
    """Where the total of a credit note goes; the three add up to it, and none is negative."""

    off_invoice: Money
    to_method: Money
    to_balance: Money

    @property
    def amounts(self) -> tuple[int, int, int]:
        """The three in minor units."""
        return self.off_invoice.amount, self.to_method.amount, self.to_balance.amount


def creditable(lines: Sequence[ChargedLine], number: str) -> tuple[ChargedLine, ...]:
    """The lines that a credit note for the whole of invoice `number` takes back.

    Its own credits are taken back too, so that the sum is what the invoice came to, less what has
    been credited since. Raises NothingLeft, or NotAboveZero where a surplus went to the balance.
    """
    moving = tuple(line for line in lines if not line.left.is_zero)
    if not any(line.left.amount > 0 for line in moving):
        raise NothingLeft(number)
    total = subtotal_of(moving) + tax_of(moving)
    if total.amount <= 0:
        raise NotAboveZero(number, total)
    return moving


def chosen(
    lines: Sequence[ChargedLine], positions: Collection[int], number: str
) -> tuple[ChargedLine, ...]:
    """The lines at `positions`, which must charge something: NoSuchLine, LineGivenBack."""
    by_position = {line.position: line for line in lines if line.amount.amount > 0}
    for position in sorted(positions):
        if position not in by_position:
            raise NoSuchLine(number, position, sorted(by_position))
        if by_position[position].left.is_zero:
            raise LineGivenBack(number, position)
    return tuple(by_position[position] for position in sorted(positions))


def subtotal_of(lines: Sequence[ChargedLine]) -> Money:
    """What is left of `lines` before tax; there must be one."""
    return sum((line.left for line in lines), Money.zero(lines[0].amount.currency))


def tax_of(lines: Sequence[ChargedLine]) -> Money:
    """The tax on what is left of `lines`; there must be one."""
    return sum((line.left_tax for line in lines), Money.zero(lines[0].amount.currency))


def divide(total: Money, *, owed: Money, returnable: Money) -> Division:
    """First off what is still owed on the invoice, then back to where it was paid from.

    `returnable` is how much may go there; the rest becomes credit balance. None is negative.
    """
    off_invoice = min(total, owed)
    to_method = min(total - off_invoice, returnable)
    return Division(off_invoice, to_method, total - off_invoice - to_method)


def together(parts: Sequence[Division]) -> Division:
    """Where the totals of several notes go in all; there must be one."""
    nothing = Money.zero(parts[0].off_invoice.currency)
    return Division(
        off_invoice=sum((part.off_invoice for part in parts), nothing),
        to_method=sum((part.to_method for part in parts), nothing),
        to_balance=sum((part.to_balance for part in parts), nothing),
    )


def keep(parts: Sequence[Division], due: Money) -> tuple[Division, ...]:
    """The same, but `due` of what would go to payment methods becomes credit balance, as far as
    there is so much; of the first parts first."""
    kept, open_still = list[Division](), due
    for part in parts:
        stays = min(part.to_method, open_still)
        open_still -= stays
        kept.append(Division(part.off_invoice, part.to_method - stays, part.to_balance + stays))
    return tuple(kept)


def destinations(division: Division, invoice: str, method: str, *, whose: str = "") -> str:
    """Where the money goes, in words: "$20.00 off what is owed on INV-2026-000004, $70.00 back to
    Visa ending in 4242 and $30.00 to your credit balance". `whose` where it isn't the reader's."""
    off, back, kept = (
        describe.money(amount)
        for amount in (division.off_invoice, division.to_method, division.to_balance)
    )
    own = _("%(amount)s to your credit balance", amount=kept)
    ways = (
        (
            division.off_invoice,
            _("%(amount)s off what is owed on %(invoice)s", amount=off, invoice=invoice),
        ),
        (division.to_method, _("%(amount)s back to %(method)s", amount=back, method=method)),
        (division.to_balance, f"{kept} to {whose} credit balance" if whose else own),
    )
    return describe.listing([way for amount, way in ways if amount.amount])
