"""The vendor at work on its catalog file, and customers buying add-ons from it."""

import itertools
import re
from pathlib import Path

from portal.audit import SYSTEM
from portal.billing import accounts, add_ons, catalog, price_list, subscriptions
from portal.billing.catalog import Report
from portal.billing.intentions import Confirmation
from portal.billing.rules.catalog import parse
from portal.collecting import collection
from portal.extensions import db
from portal.models import Account, AddOnPrice, Invoice, PlanChange, PlanChangeState, Subscription
from portal.transaction import rehearsal, transaction
from tests.cast import FixedClock

EXAMPLE = (Path(__file__).parents[2] / "catalog" / "example.toml").read_text(encoding="utf-8")
_numbers = itertools.count(1)


class VendorsFile:
    """The catalog file, edited and applied as a story tells it."""

    def __init__(self, clock: FixedClock, text: str = EXAMPLE) -> None:
        self.clock, self.text = clock, text

    def edit(self, before: str, after: str, *, below: str = "") -> None:
        """Replace the first `before` that stands below a line of the file."""
        start = self.text.index(below)
        at = self.text.index(before, start)
        self.text = self.text[:at] + after + self.text[at + len(before) :]

    def plan(self) -> Report:
        with rehearsal() as session:
            return catalog.plan(session, parse(self.text), now=self.clock.now())

    def apply(self) -> Report:
        with transaction() as session:
            return catalog.apply(session, parse(self.text), self.text, now=self.clock.now())


def in_dollars_alone(text: str) -> str:
    """A catalog file in dollars and euros without the euros."""
    return re.sub(r', EUR = "[0-9.]+"', "", text.replace('["USD", "EUR"]', '["USD"]'))


def add_on(account: Account, key: str) -> AddOnPrice:
    """An add-on as the account can buy it today."""
    sold = price_list.add_ons_for(db.session(), running(account).price)
    return next(price for price in sold if price.add_on.key == key)


def buy(account: Account, key: str, quantity: int, clock: FixedClock) -> Invoice:
    """What a person does who reads the quote for add-ons and confirms it at once."""
    wanted = {add_on(account, key).id: quantity}
    now = clock.now()
    quote = add_ons.quote(db.session(), account, wanted, now=now)
    confirmation = Confirmation(f"add-ons-{next(_numbers)}", quote.fingerprint(), quote.valid_until)
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        change_id = add_ons.confirm(session, locked, wanted, confirmation, now=now, actor=SYSTEM).id
    change: PlanChange = collection.carry_change(change_id)
    assert change.state is PlanChangeState.APPLIED
    return db.session.get_one(Invoice, change.invoice_id)


def running(account: Account) -> Subscription:
    db.session.expire_all()
    subscription = subscriptions.live(db.session(), account.id)
    assert subscription is not None
    return subscription


def lines(invoice: Invoice) -> list[int]:
    return [line.amount_minor for line in invoice.lines]
