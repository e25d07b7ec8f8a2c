"""What an invoice says before it is issued: lines that explain themselves, and their sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from portal.billing.rules.lines import Line, TaxSum, cycle_lines, sums_by_rate
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle
from portal.billing.rules.tax import NO_TAX, Tax
from portal.billing.rules.terms import Basket
from portal.language import ENGLISH, spoken


@dataclass(frozen=True)
class InvoiceDraft:
    """subtotal + tax + surplus = `total` ≥ 0; total − balance applied = `due`.

    `surplus` is the credit beyond what is charged, kept as the account's credit balance: an
    invoice with a surplus has nothing to pay. `tax_note` says why no tax is charged, where that
    has to be told. Its texts are in `language`, and so is the invoice that it becomes.
    """

    lines: tuple[Line, ...]
    currency: str
    subtotal: Money
    tax: Money
    surplus: Money
    total: Money
    balance_applied: Money
    due: Money
    tax_note: str
    language: str = ENGLISH

    @property
    def taxes(self) -> tuple[TaxSum, ...]:
        return sums_by_rate(line.taxed for line in self.lines)


def draft(lines: Sequence[Line], balance: Money, tax: Tax = NO_TAX) -> InvoiceDraft:
    """Sum lines up, which were made in the language spoken now.

    `balance` is the account's credit balance, zero or more, used before anything is to be paid,
    and `tax` what sales of now carry.
    """
    nothing = Money.zero(balance.currency)
    subtotal = sum((line.amount for line in lines), nothing)
    taxes = sum((line.tax_amount for line in lines), nothing)
    worth = subtotal + taxes
    total = max(worth, nothing)
    applied = min(balance, total)
    return InvoiceDraft(
        lines=tuple(lines),
        currency=balance.currency,
        subtotal=subtotal,
        tax=taxes,
        surplus=total - worth,
        total=total,
        balance_applied=applied,
        due=total - applied,
        tax_note=tax.note,
        language=spoken(),
    )


def for_cycle(basket: Basket, cycle: Cycle, balance: Money, tax: Tax = NO_TAX) -> InvoiceDraft:
    """The invoice for a whole cycle: the first of a subscription, or a renewal."""
    return draft(cycle_lines(basket, cycle, tax), balance, tax)


def number_text(series: str, year: int, number: int) -> str:
    """As in "INV-2026-000123"."""
    return f"{series}-{year}-{number:06d}"
