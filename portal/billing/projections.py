"""What a plan change would cost at an instant to come, renewals until then included."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from portal import language
from portal.billing import ledger, next_cycle, price_list, subscriptions, taxes
from portal.billing.rules import invoicing
from portal.billing.rules import plan_change as rules
from portal.billing.rules.lines import Line
from portal.billing.rules.period import Cycle
from portal.billing.rules.plan_change import Circumstances, Quote
from portal.billing.rules.terms import Charged, Running
from portal.models import Account, Price, Subscription

# A line of an invoice still to come has no row yet.
NO_ROW = 0


def quote_at(
    session: Session, account: Account, subscription: Subscription, price: Price, at: datetime
) -> Quote:
    """The quote of moving to `price` at `at`, by the same code that charges.

    Cycles that end before `at` are taken as renewed and paid, using up the credit balance first,
    as they will be.
    """
    running = subscriptions.running(session, subscription)
    balance = ledger.credit_balance(session, account)
    tax = taxes.applying(session, account)
    following = next_cycle.of(session, subscription) if running.cycle.end_at <= at else None
    basket = following.basket if following else running.renewing
    while running.cycle.end_at <= at:
        cycle = Cycle.starting(running.cycle.end_at, basket.plan.interval)
        with language.speaking(account.language):
            draft = invoicing.for_cycle(basket, cycle, balance, tax)
        balance -= draft.balance_applied
        running = Running(basket, basket, cycle, tuple(_charged(line) for line in draft.lines))
    carried = price_list.carried_over(session, subscription, price)
    given = Circumstances(
        now=at,
        balance=balance,
        tax=tax,
        zone=ZoneInfo(account.time_zone),
        language=account.language,
    )
    return rules.quote(running, price_list.basket(session, price, carried), given)


def _charged(line: Line) -> Charged:
    if line.period is None:
        raise ValueError("a line that charges a cycle has a period")
    return Charged(NO_ROW, line.description, line.amount, line.tax, line.period)
