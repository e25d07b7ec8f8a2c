"""The renewals of a cycle that is over, one after the other, and the one that comes next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portal.billing.rules import invoicing
from portal.billing.rules.invoicing import InvoiceDraft
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle
from portal.billing.rules.tax import Tax
from portal.billing.rules.terms import Basket


@dataclass(frozen=True)
class Charge:
    """A renewal to come: when, for what, as which invoice."""

    at: datetime
    basket: Basket
    draft: InvoiceDraft

    @property
    def seen(self) -> list[object]:
        """What a person is shown of it, as JSON values."""
        sums = self.draft
        applied = sums.balance_applied.amount
        return [self.at.isoformat(), self.basket.plan.name, sums.total.amount, applied]


def charges(
    renewing: Basket, cycle: Cycle, balance: Money, tax: Tax, now: datetime
) -> tuple[Charge, ...]:
    """The renewals after `cycle` that are due at `now`, one after the other, and the next.

    `balance`, the credit balance there is then, is used up by them first.
    """
    found = list[Charge]()
    while not found or found[-1].at <= now:
        cycle = Cycle.starting(cycle.end_at, renewing.plan.interval)
        draft = invoicing.for_cycle(renewing, cycle, balance, tax)
        balance -= draft.balance_applied
        found.append(Charge(cycle.start_at, renewing, draft))
    return tuple(found)
