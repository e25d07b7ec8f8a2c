"""Everything about an account that the rules decide: as the portal says it, as the oracle does."""

from dataclasses import dataclass, fields
from datetime import datetime
from itertools import zip_longest

from tests.model import books, episodes_oracle, excess, oracle

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
class Email:
    """What one warning tells, and what became of it."""

    number: int
    used: int
    limit: int
    deadline: datetime
    target: PlanPicture | None
    due: int | None
    accepted_at: datetime | None
    refused: bool


@dataclass(frozen=True)
class Excess:
    """An over-limit episode; `state` is open, parked, resolved, superseded or upgraded. What was
    told anew, `retold` times, is for when and how much."""

    opened_at: datetime
    used: int
    limit: int
    state: str
    closed_at: datetime | None
    emails: tuple[Email, ...]
    retold: int = 0
    anew: tuple[datetime, int | None] | None = None


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
    bills: tuple[Bill, ...]
    episodes: tuple[Excess, ...] = ()


def expected(account: oracle.Account, over: episodes_oracle.Episodes) -> Picture:
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
        bills=tuple(_bill(invoice) for invoice in account.invoices),
        episodes=tuple(_episode(episode) for episode in over.all),
    )


def differences(said: Picture, expected: Picture) -> str:
    """Where they differ, a line each; of bills and episodes only those that do."""
    pairs = [
        (field.name, getattr(said, field.name), getattr(expected, field.name))
        for field in fields(Picture)
    ]
    *rest, bills, episodes = pairs
    for name, said_ones, must_ones in (bills, episodes):
        rest += [(f"{name} {n}", *two) for n, two in enumerate(zip_longest(said_ones, must_ones))]
    return "".join(f"\n{name}: says {one}, must say {two}" for name, one, two in rest if one != two)


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


def _episode(episode: excess.Episode) -> Excess:
    return Excess(
        opened_at=episode.opened_at,
        used=episode.used,
        limit=episode.limit,
        state=episode.state,
        closed_at=episode.closed_at,
        emails=tuple(_email(warning) for warning in episode.warnings),
        retold=episode.retold,
        anew=(episode.deadline, episode.last.due) if episode.news else None,
    )


def _email(warning: excess.Warning) -> Email:
    assert warning.deadline
    return Email(
        number=warning.number,
        used=warning.used,
        limit=warning.limit,
        deadline=warning.deadline,
        target=_plan(warning.target) if warning.target else None,
        due=warning.due,
        accepted_at=warning.accepted_at,
        refused=warning.refused,
    )
