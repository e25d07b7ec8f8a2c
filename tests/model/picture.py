"""Everything about an account that the rules decide: as the portal says it, as the oracle does."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from itertools import zip_longest

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from tests.model import books, oracle

INVOICES = text("SELECT * FROM invoice WHERE account_id = :account_id ORDER BY id")
LINES = text(
    "SELECT invoice_id, amount_minor, tax_minor FROM invoice_line WHERE account_id = :account_id"
)
PAID = text(
    "SELECT invoice_id, sum(amount_minor) FROM payment"
    " WHERE account_id = :account_id AND state = 'succeeded' GROUP BY invoice_id"
)
REFUNDED = text(
    "SELECT invoice_id, sum(to_method_minor) FROM credit_note"
    " WHERE account_id = :account_id GROUP BY invoice_id"
)
INTERVALS = {30: "monthly", 365: "yearly"}
# Family, tier, interval, price.
PlanPicture = tuple[str, str, str, int]


@dataclass(frozen=True)
class Bill:
    """What one invoice says, and what became of it; `lines` are (net, tax), sorted."""

    lines: tuple[tuple[int, int], ...]
    total: int
    surplus: int
    balance_used: int
    due: int
    status: str
    owed: int
    paid: int
    credited: int
    refunded: int


@dataclass(frozen=True)
class Picture:
    """`add_ons` are (key, price, how many now, how many renew), `scheduled` a plan with
    (key, price, how many)."""

    plan: PlanPicture | None
    add_ons: tuple[tuple[str, int, int, int], ...]
    cycle: tuple[datetime, datetime] | None
    status: str
    cancelled: bool
    scheduled: tuple[PlanPicture, tuple[tuple[str, int, int], ...]] | None
    balance: int
    next_charge: tuple[datetime, int] | None
    bills: tuple[Bill, ...]


def bills(session: Session, account_id: int) -> tuple[Bill, ...]:
    """The account's invoices as they are in the rows, read in the plainest way there is."""
    paid, refunded = _sums(session, PAID, account_id), _sums(session, REFUNDED, account_id)
    lines: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for invoice_id, net, tax in session.execute(LINES, {"account_id": account_id}):
        lines[invoice_id].append((net, tax))
    return tuple(
        Bill(
            lines=tuple(sorted(lines[row.id])),
            total=row.total_minor,
            surplus=row.surplus_minor,
            balance_used=row.balance_applied_minor,
            due=row.due_minor,
            status=row.status,
            owed=row.due_minor - row.credited_minor if row.status == "open" else 0,
            paid=paid[row.id],
            credited=row.credited_minor,
            refunded=refunded[row.id],
        )
        for row in session.execute(INVOICES, {"account_id": account_id})
    )


def expected(account: oracle.Account) -> Picture:
    """What the portal must say."""
    running = account.subscription
    return Picture(
        plan=_plan(running.plan) if running else None,
        add_ons=_held(running) if running else (),
        cycle=(running.start, running.end) if running else None,
        status=account.status,
        cancelled=running is not None and running.cancelled,
        scheduled=_scheduled(*running.scheduled) if running and running.scheduled else None,
        balance=account.balance,
        next_charge=account.next_charge,
        bills=tuple(_bill(invoice) for invoice in account.invoices),
    )


def differences(said: Picture, expected: Picture) -> str:
    """Where they differ, a line each; of bills only those that do."""
    pairs = [
        (field.name, getattr(said, field.name), getattr(expected, field.name))
        for field in fields(Picture)
    ]
    *rest, (_, bills, must_bills) = pairs
    rest += [(f"bill {n}", *pair) for n, pair in enumerate(zip_longest(bills, must_bills))]
    return "".join(f"\n{name}: says {one}, must say {two}" for name, one, two in rest if one != two)


def _sums(session: Session, statement: TextClause, account_id: int) -> Mapping[int, int]:
    rows = session.execute(statement, {"account_id": account_id})
    return defaultdict(int, {invoice_id: int(amount) for invoice_id, amount in rows})


def _plan(plan: books.Plan) -> PlanPicture:
    return plan.key[0], plan.key[1], INTERVALS[plan.days], plan.price


def _held(running: books.Subscription) -> tuple[tuple[str, int, int, int], ...]:
    rows = ((a.key, a.price, n, running.renewing[a]) for a, n in running.held.items())
    return tuple(sorted(rows))


def _scheduled(
    plan: books.Plan, held: dict[books.AddOn, int]
) -> tuple[PlanPicture, tuple[tuple[str, int, int], ...]]:
    return _plan(plan), tuple(sorted((a.key, a.price, n) for a, n in held.items()))


def _bill(invoice: books.Invoice) -> Bill:
    return Bill(
        lines=tuple(sorted((line.net, line.tax) for line in invoice.lines)),
        total=invoice.total,
        surplus=invoice.surplus,
        balance_used=invoice.balance_used,
        due=invoice.due,
        status=invoice.status,
        owed=invoice.owed,
        paid=invoice.paid,
        credited=invoice.credited,
        refunded=invoice.refunded,
    )
