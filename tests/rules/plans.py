"""Plans of the example family, and subscriptions to them that began on 28 October 2026."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.plan_change import PlanTerms, Running

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
    )


def running(terms: PlanTerms, charged: Money | None = None, start_at: datetime = START) -> Running:
    return Running(terms, Cycle.starting(start_at, terms.interval), charged or terms.price)


def after(days: int, **more: int) -> datetime:
    return START + timedelta(days=days, **more)


PRO_5 = replace(
    standard(5), family="pro", tier="5-users", name="Pro, 5 users", comparable=usd(8000)
)
