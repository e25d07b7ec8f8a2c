"""What a simulation tries out at its beginning: people or clients more or less, another plan."""

import secrets
from dataclasses import dataclass

from sqlalchemy.orm import Session

from portal import clock
from portal.audit import Actor
from portal.billing import accounts, overages, plan_changes, price_list, subscriptions, usage
from portal.billing.plan_changes import Confirmation
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric, amount_of
from portal.billing.rules.errors import ReadOnly, RuleBroken
from portal.billing.rules.period import Interval
from portal.collecting import collection
from portal.extensions import db
from portal.language import gettext as _
from portal.models import Account, Price
from portal.transaction import transaction

MOST = {Metric.SEATS: 10_000, Metric.CLIENTS: 1_000_000}
FIELDS = {Metric.SEATS: "users", Metric.CLIENTS: "clients"}


@dataclass(frozen=True)
class Question:
    """So many people and clients more (or fewer, below zero), and the plan's key: family/tier, or
    family/tier/interval. All at once."""

    users: int = 0
    clients: int = 0
    plan: str | None = None

    @property
    def changes(self) -> dict[Metric, int]:
        return {Metric.SEATS: self.users, Metric.CLIENTS: self.clients}


class Refused(Exception):
    """Something that can't be tried out; `field` is "users", "clients", "plan" or "until", and
    `str()` a sentence that says what to do."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def come_true(account_id: int, question: Question, *, actor: Actor) -> None:
    """Do what is asked, by the code that does it when people do: what goes goes first, then the
    plan changes, then comes what is added. Raises Refused."""
    removed = {metric: min(change, 0) for metric, change in question.changes.items()}
    added = {metric: max(change, 0) for metric, change in question.changes.items()}
    for metric, change in removed.items():
        _count(account_id, metric, change, actor)
    if question.plan is not None:
        _move(account_id, question.plan, actor)
    for metric, change in added.items():
        _count(account_id, metric, change, actor)


def key_of(price: Price) -> str:
    """What a plan is called by here: "standard/20-users/monthly"."""
    return f"{price.tier.family.key}/{price.tier.key}/{price.interval}"


def _count(account_id: int, metric: Metric, change: int, actor: Actor) -> None:
    """So many more or fewer, as when the rows behind the count had changed."""
    if change == 0:
        return
    field = FIELDS[metric]
    if abs(change) > MOST[metric]:
        most = describe.number(MOST[metric])
        raise Refused(field, _("Try at most %(most)s at once.", most=most))
    try:
        with transaction() as session:
            account = accounts.lock(session, account_id)
            _refuse_impossible(session, account, metric, change)
            overages.count_changed(session, account, metric, change, now=clock.now(), actor=actor)
    except RuleBroken as reason:
        raise Refused(field, str(reason)) from reason


def _refuse_impossible(session: Session, account: Account, metric: Metric, change: int) -> None:
    used = usage.of(session, account.id)[metric].used
    if used + change < 0:
        there = amount_of(metric, used)
        sentence = _("There are only %(amount)s: take away at most that.", amount=there)
        raise Refused(FIELDS[metric], sentence)
    if subscriptions.live(session, account.id) is None:
        raise ReadOnly


def _move(account_id: int, key: str, actor: Actor) -> None:
    """Confirm the plan as somebody would who reads the quote, and carry its payment."""
    try:
        with transaction() as session:
            account, now = accounts.lock(session, account_id), clock.now()
            price = _price(session, account, key)
            quote = plan_changes.quote(session, account, price, now=now)
            op_id = f"simulated-{secrets.token_hex(8)}"
            confirmation = Confirmation(op_id, quote.fingerprint(), quote.valid_until)
            change_id = plan_changes.confirm(
                session, account, price, confirmation, now=now, actor=actor
            ).id
    except RuleBroken as reason:
        raise Refused("plan", str(reason)) from reason
    collection.carry_change(change_id)
    db.session.rollback()


def _price(session: Session, account: Account, key: str) -> Price:
    """The plan of that key as it is sold today in the account's currency, at the interval that
    runs where the key names none."""
    running = subscriptions.live(session, account.id)
    interval = running.price.interval if running else Interval.MONTHLY
    whole = key if key.count("/") > 1 else f"{key}/{interval}"
    offers = price_list.offered(session, currency=account.currency)
    for price in offers:
        if key_of(price) == whole:
            return price
    known = ", ".join(key_of(price) for price in offers if price.interval is interval)
    sentence = _("There is no plan “%(key)s”. There are: %(known)s.", key=key, known=known)
    raise Refused("plan", sentence)
