"""Plans of the example family, and subscriptions to them that began on 28 October 2026."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from portal.billing.rules import plan_change
from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.plan_change import Circumstances, Quote
from portal.billing.rules.tax import NO_TAX, Tax
from portal.billing.rules.terms import AddOnTerms, Basket, Charged, Item, PlanTerms, Running

START = datetime(2026, 10, 28, 9, 0, tzinfo=UTC)
SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
NOTHING = Money.zero("USD")
ZONES = [UTC, ZoneInfo("America/New_York"), ZoneInfo("Asia/Tokyo")]
STANDARD = {5: 5000, 10: 10000, 20: 18000, 40: 32000, 80: 56000}


def usd(amount: int) -> Money:
    return Money(amount, "USD")


def standard(
    users: int, interval: Interval = Interval.MONTHLY, amount: int | None = None
) -> PlanTerms:
    """Standard at list price: monthly as in the table, yearly 12 months less 20 %."""
    monthly = STANDARD[users]
    listed = monthly if interval is Interval.MONTHLY else monthly * 12 * 80 // 100
    return PlanTerms(
        price_id=users,
        name=f"Standard, {users} users",
        family="standard",
        tier=f"{users}-users",
        position=list(STANDARD).index(users),
        interval=interval,
        price=usd(listed if amount is None else amount),
        comparable=usd(monthly),
        limits={Metric.SEATS: users, Metric.CLIENTS: 60 * users, Metric.STORAGE: None},
    )


def add_on(key: str, amount: int, holds: int = 1, price_id: int = 100) -> AddOnTerms:
    """Seats or clients by the key's name, at so many cents for every 30 days."""
    metric = Metric.CLIENTS if key.startswith("clients") else Metric.SEATS
    name = f"{holds} clients" if metric is Metric.CLIENTS else "1 seat"
    return AddOnTerms(price_id, key, name, metric, holds, usd(amount))


def running(
    terms: PlanTerms,
    charged: Money | None = None,
    start_at: datetime = START,
    *,
    add_ons: tuple[Item, ...] = (),
    tax: Tax = NO_TAX,
) -> Running:
    """A subscription whose cycle was charged in full, at the price it runs at or at `charged`."""
    cycle, basket = Cycle.starting(start_at, terms.interval), Basket(terms, add_ons)
    lines = [(terms.name, terms.price if charged is None else charged)]
    lines += [(item.add_on.name, item.price) for item in add_ons]
    return Running(
        basket,
        basket,
        cycle,
        tuple(
            Charged(number, name, amount, tax, cycle)
            for number, (name, amount) in enumerate(lines, start=1)
        ),
    )


def quote(
    current: Running | None,
    target: PlanTerms | Basket,
    *,
    now: datetime,
    balance: Money,
    zone: tzinfo = UTC,
    tax: Tax = NO_TAX,
) -> Quote:
    """The quote of moving to a plan, alone or with add-ons."""
    basket = Basket(target) if isinstance(target, PlanTerms) else target
    return plan_change.quote(current, basket, Circumstances(now, balance, tax, zone))


def after(days: int, **more: int) -> datetime:
    return START + timedelta(days=days, **more)


PRO_5 = replace(
    standard(5), family="pro", tier="5-users", name="Pro, 5 users", comparable=usd(8000)
)
