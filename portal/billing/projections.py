"""What a plan change would cost at an instant to come, renewals until then included."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from portal.billing import ledger, subscriptions
from portal.billing.rules import plan_change as rules
from portal.billing.rules.period import Cycle
from portal.billing.rules.plan_change import Quote, Running
from portal.models import Account, Price, Subscription


def quote_at(
    session: Session, account: Account, subscription: Subscription, price: Price, at: datetime
) -> Quote:
    """The quote of moving to `price` at `at`, by the same code that charges.

    Cycles that end before `at` are taken as renewed and paid at the running price, using up
    the credit balance first, as they will be.
    """
    running = subscriptions.running(session, subscription)
    balance = ledger.credit_balance(session, account)
    while running.cycle.end_at <= at:
        charged = running.terms.price
        balance -= min(balance, charged)
        cycle = Cycle.starting(running.cycle.end_at, running.terms.interval)
        running = Running(running.terms, cycle, charged)
    return rules.quote(
        running,
        subscriptions.terms(session, price),
        now=at,
        balance=balance,
        zone=ZoneInfo(account.time_zone),
    )
