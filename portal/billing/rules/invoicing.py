"""What an invoice says before it is issued: lines that explain themselves, and their sum."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle
from portal.billing.rules.plan_change import LineKind, PlanTerms, Quote, QuoteLine, plan_line


@dataclass(frozen=True)
class Line:
    """`description: explanation` is a whole sentence; `amount` is negative for a credit.

    The figures behind it: `days` of `days_in_cycle` at `base`. `period_*_at` is the time the line
    pays for or gives back, None where there is none.
    """

    kind: LineKind
    description: str
    explanation: str
    days: int
    days_in_cycle: int
    base: Money
    amount: Money
    period_start_at: datetime | None
    period_end_at: datetime | None


@dataclass(frozen=True)
class TaxLine:
    """Tax on `base` at a rate in hundredths of a percent."""

    name: str
    rate_basis_points: int
    base: Money
    amount: Money


@dataclass(frozen=True)
class InvoiceDraft:
    """`subtotal` + `tax` = `total` ≥ 0; `total` − `balance_applied` = `due`.

    `surplus_credit` is what the invoice adds to the account's credit balance.
    """

    lines: tuple[Line, ...]
    taxes: tuple[TaxLine, ...]
    currency: str
    subtotal: Money
    tax: Money
    total: Money
    balance_applied: Money
    due: Money
    surplus_credit: Money


def initial(terms: PlanTerms, cycle: Cycle, balance: Money) -> InvoiceDraft:
    """The first invoice of a subscription, in full; `balance` is credit left from before."""
    return _draft((plan_line(terms, cycle),), balance, Money.zero(terms.currency))


def renewal(terms: PlanTerms, cycle: Cycle, balance: Money) -> InvoiceDraft:
    """The invoice for `cycle`, the one that starts, at the price the plan was bought at."""
    return _draft((plan_line(terms, cycle),), balance, Money.zero(terms.currency))


def from_quote(quote: Quote) -> InvoiceDraft:
    """The invoice of a confirmed quote: the same lines, the same sums."""
    return _draft(quote.lines, quote.balance_applied, quote.surplus_credit)


def number_text(series: str, year: int, number: int) -> str:
    """As in "INV-2026-000123"."""
    return f"{series}-{year}-{number:06d}"


def _draft(lines: tuple[QuoteLine, ...], balance: Money, surplus: Money) -> InvoiceDraft:
    currency = balance.currency
    subtotal = sum((line.amount for line in lines), Money.zero(currency))
    taxes: tuple[TaxLine, ...] = ()
    tax = sum((line.amount for line in taxes), Money.zero(currency))
    total = subtotal + tax
    applied = min(balance, total)
    return InvoiceDraft(
        lines=tuple(_line(line) for line in lines),
        taxes=taxes,
        currency=currency,
        subtotal=subtotal,
        tax=tax,
        total=total,
        balance_applied=applied,
        due=total - applied,
        surplus_credit=surplus,
    )


def _line(line: QuoteLine) -> Line:
    return Line(
        kind=line.kind,
        description=line.description,
        explanation=line.explanation,
        days=line.days,
        days_in_cycle=line.days_in_cycle,
        base=line.base,
        amount=line.amount,
        period_start_at=line.period.start_at if line.period else None,
        period_end_at=line.period.end_at if line.period else None,
    )
