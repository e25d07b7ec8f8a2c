"""Choosing a first plan: interval, currency, plan, and what it costs now and next."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.billing import price_list
from portal.billing.rules.period import Cycle, Interval
from portal.models import Family, Price, Tier

MOVED = "The price is another one now: look at it again, then open the account."
MISSING = "Choose a plan."


@dataclass(frozen=True)
class PlanChooser:
    """What is offered at an interval in a currency, and which of it is chosen.

    `error` says what is wrong with the choice as it was sent; the chooser then shows the same
    plan as it is offered now.
    """

    interval: Interval
    currency: str
    currencies: list[str]
    prices: list[Price]
    chosen: Price | None
    error: str | None
    now: datetime

    @property
    def cycle(self) -> Cycle:
        """What the first charge would pay for."""
        return Cycle.starting(self.now, self.interval)


def read(session: Session, values: MultiDict[str, str], *, now: datetime) -> PlanChooser:
    """The chooser as a form or an address asks for it; whatever makes no sense is left out.

    A plan asked for at another interval or currency is found at the one asked for.
    """
    currencies = _currencies(session)
    currency = values.get("currency", "")
    if currency not in currencies:
        currency = currencies[0] if currencies else ""
    interval = Interval.YEARLY if values.get("interval") == Interval.YEARLY else Interval.MONTHLY
    prices = price_list.offered(session, currency=currency, interval=interval)
    asked = _price(session, values.get("plan", ""))
    chosen = next((p for p in prices if asked is not None and p.tier_id == asked.tier_id), None)
    error = None
    if chosen is None:
        error = MISSING
    elif chosen is not asked:
        error = MOVED
    return PlanChooser(interval, currency, currencies, prices, chosen, error, now)


def _currencies(session: Session) -> list[str]:
    """Currencies something is sold in, in the order of the catalog."""
    statement = (
        select(Price.currency)
        .join(Tier, Tier.id == Price.tier_id)
        .join(Family, Family.id == Tier.family_id)
        .where(Price.retired_at.is_(None), Tier.hidden.is_(False), Family.hidden.is_(False))
        .order_by(Price.id)
    )
    return list(dict.fromkeys(session.scalars(statement)))


def _price(session: Session, written: str) -> Price | None:
    is_id = written.isascii() and written.isdigit() and len(written) < 10
    return session.get(Price, int(written)) if is_id else None
