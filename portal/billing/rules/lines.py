"""The lines of an invoice: what is charged or given back, and how each amount is worked out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from portal.billing.rules import describe
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle
from portal.billing.rules.proration import unused_time
from portal.billing.rules.tax import Tax
from portal.billing.rules.terms import Basket, Charged, Item, PlanTerms
from portal.language import gettext as _
from portal.language import ngettext


class LineKind(StrEnum):
    PLAN = "plan"
    ADD_ON = "add_on"
    UNUSED_TIME = "unused_time"


@dataclass(frozen=True)
class Line:
    """One explained amount; `description: explanation` is a whole sentence.

    `amount` = `base` × `quantity` × `days` ÷ `days_in_cycle`, rounded once, negative for a credit;
    it is before tax, `tax_amount` is the tax on it. `period` is the time the line pays for or
    gives back, None where no day of it is left. A credit names the line it gives back, and where
    that was given back before and taken back again, the former credit.
    """

    kind: LineKind
    description: str
    explanation: str
    base: Money
    quantity: int
    days: int
    days_in_cycle: int
    amount: Money
    tax: Tax
    tax_amount: Money
    period: Cycle | None
    source_line_id: int | None = None
    add_on_price_id: int | None = None
    after_line_id: int | None = None

    @property
    def taxed(self) -> tuple[Tax, Money, Money]:
        """The tax, the amount it is on, and what it comes to."""
        return self.tax, self.amount, self.tax_amount


@dataclass(frozen=True)
class TaxSum:
    """The tax of one rate: the sum of its lines' taxes, on the sum of their amounts."""

    tax: Tax
    base: Money
    amount: Money


def cycle_lines(basket: Basket, cycle: Cycle, tax: Tax) -> tuple[Line, ...]:
    """A plan and its add-ons in full, for a whole cycle."""
    return (
        _plan_line(basket.plan, cycle, tax),
        *(add_on_line(item, cycle, cycle, tax) for item in basket.add_ons),
    )


def add_on_line(item: Item, part: Cycle, cycle: Cycle, tax: Tax) -> Line:
    """An add-on for `part` of a cycle: the whole, or the days left of it."""
    price, quantity = item.add_on.price, item.quantity
    amount = (price * quantity).share(part.days, cycle.days)
    return Line(
        kind=LineKind.ADD_ON,
        description=item.add_on.name if quantity == 1 else item.text,
        explanation=_add_on_arithmetic(item, part.days, cycle.days, amount),
        base=price,
        quantity=quantity,
        days=part.days,
        days_in_cycle=cycle.days,
        amount=amount,
        tax=tax,
        tax_amount=tax.on(amount),
        period=part,
        add_on_price_id=item.add_on.price_id,
    )


def unused_lines(charged: Iterable[Charged], now: datetime) -> tuple[Line, ...]:
    """What is given back of each line of the running cycle: its days that are not used."""
    return tuple(_unused_line(line, now) for line in charged)


def sums_by_rate(taxed: Iterable[tuple[Tax, Money, Money]]) -> tuple[TaxSum, ...]:
    """The tax per name and rate, in the order of what was taxed: each its tax, the amount it is
    on, and the amount it comes to. What carries no tax is left out."""
    sums: dict[tuple[str, int], TaxSum] = {}
    for tax, base, amount in taxed:
        if not tax.basis_points:
            continue
        key = (tax.name, tax.basis_points)
        before = sums.get(key)
        if before is not None:
            base, amount = before.base + base, before.amount + amount
        sums[key] = TaxSum(tax, base, amount)
    return tuple(sums.values())


def _plan_line(plan: PlanTerms, cycle: Cycle, tax: Tax) -> Line:
    return Line(
        kind=LineKind.PLAN,
        description=plan.name,
        explanation=_full_price(cycle.days, plan.price),
        base=plan.price,
        quantity=1,
        days=cycle.days,
        days_in_cycle=cycle.days,
        amount=plan.price,
        tax=tax,
        tax_amount=tax.on(plan.price),
        period=cycle,
    )


def _unused_line(charged: Charged, now: datetime) -> Line:
    unused = unused_time(charged.amount, charged.period, now)
    days = _part(unused.days_unused, unused.days_in_cycle)
    base, credit = describe.money(charged.amount), describe.money(-unused.credit)
    return Line(
        kind=LineKind.UNUSED_TIME,
        description=_("Unused time on %(plan)s", plan=charged.name),
        explanation=f"{days} {describe.TIMES} {base} = {credit}",
        base=charged.amount,
        quantity=1,
        days=unused.days_unused,
        days_in_cycle=unused.days_in_cycle,
        amount=-unused.credit,
        tax=charged.tax,
        tax_amount=-charged.tax.on(unused.credit),
        period=charged.period.unused(now),
        source_line_id=charged.line_id,
        after_line_id=charged.after_line_id,
    )


def _add_on_arithmetic(item: Item, days: int, days_in_cycle: int, amount: Money) -> str:
    if item.quantity == 1 and days == days_in_cycle:
        return _full_price(days, amount)
    each, total = describe.money(item.add_on.price), describe.money(amount)
    how_many = f"{describe.number(item.quantity)} {describe.TIMES} " if item.quantity > 1 else ""
    if days == days_in_cycle:
        price = f"{how_many}{each}"
        return _(
            "%(price)s for %(days)s = %(total)s", price=price, days=describe.days(days), total=total
        )
    return f"{how_many}{each} {describe.TIMES} {_part(days, days_in_cycle)} = {total}"


def _full_price(days: int, price: Money) -> str:
    amount = describe.money(price)
    return _("Full price for %(days)s: %(amount)s", days=describe.days(days), amount=amount)


def _part(days: int, days_in_cycle: int) -> str:
    part, whole = describe.number(days), describe.number(days_in_cycle)
    return ngettext(
        "%(part)s of %(num)s day", "%(part)s of %(num)s days", days_in_cycle, part=part, num=whole
    )
