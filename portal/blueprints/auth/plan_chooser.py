"""Choosing a first plan: interval, currency, plan, add-ons, and what it costs now and next."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from portal.billing import price_list, tax_ids, taxes
from portal.billing.rules import invoicing
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.invoicing import InvoiceDraft
from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle, Interval
from portal.billing.rules.tax import Customer
from portal.display import add_on_choice
from portal.display.add_on_choice import Choice
from portal.language import gettext as _
from portal.language import message
from portal.models import Family, Price, Tier

MOVED = message("The price is another one now: look at it again, then open the account.")
MISSING = message("Choose a plan.")
WITH_TAX = message("Look at what is due with tax and add-ons, then open the account.")


@dataclass(frozen=True)
class PlanChooser:
    """What is offered at an interval in a currency, and which of it is chosen.

    `add_ons` are the fields beside the chosen plan, `draft` its first invoice; None while no plan
    is chosen. `error` says what is wrong with the choice as it was sent; the chooser then shows
    the same plan as it is offered now.
    """

    interval: Interval
    currency: str
    currencies: list[str]
    prices: list[Price]
    chosen: Price | None
    add_ons: list[Choice]
    draft: InvoiceDraft | None
    error: str | None
    now: datetime

    @property
    def wanted(self) -> dict[int, int]:
        """How many of which add-on price go with the plan."""
        return add_on_choice.wanted(self.add_ons)

    @property
    def cycle(self) -> Cycle:
        """What the first charge would pay for."""
        return Cycle.starting(self.now, self.interval)


def read(session: Session, values: MultiDict[str, str], *, now: datetime) -> PlanChooser:
    """The chooser as a form or an address asks for it; whatever makes no sense is left out.

    A plan asked for at another interval or currency is found at the one asked for, and so are its
    add-ons. What was shown as due is held against what would be charged.
    """
    currencies = _currencies(session)
    currency = values.get("currency", "")
    if currency not in currencies:
        currency = currencies[0] if currencies else ""
    interval = Interval.YEARLY if values.get("interval") == Interval.YEARLY else Interval.MONTHLY
    prices = price_list.offered(session, currency=currency, interval=interval)
    asked = _price(session, values.get("plan", ""))
    chosen = next((p for p in prices if asked is not None and p.tier_id == asked.tier_id), None)
    add_ons = _add_ons(session, chosen, values) if chosen else []
    draft = _draft(session, chosen, add_ons, values, now) if chosen else None
    error = None
    if chosen is None:
        error = _(MISSING)
    elif chosen is not asked:
        error = _(MOVED)
    elif draft and not _was_shown(draft, chosen, values):
        error = _(WITH_TAX)
    return PlanChooser(interval, currency, currencies, prices, chosen, add_ons, draft, error, now)


def _add_ons(session: Session, plan: Price, values: MultiDict[str, str]) -> list[Choice]:
    """The fields by the add-on's key: another plan or interval keeps what was typed."""
    sold = price_list.add_ons_for(session, plan)
    return [add_on_choice.read(price, values.get(price.add_on.key)) for price in sold]


def _draft(
    session: Session,
    plan: Price,
    add_ons: list[Choice],
    values: MultiDict[str, str],
    now: datetime,
) -> InvoiceDraft:
    """The first invoice, for a customer of the country and with the tax id that were entered."""
    country = values.get("country", "")
    customer = Customer(country, has_tax_id=_is_tax_id(values.get("tax_id", ""), country))
    basket = price_list.basket(session, plan, add_on_choice.wanted(add_ons))
    cycle = Cycle.starting(now, plan.interval)
    tax = taxes.for_customer(session, customer)
    return invoicing.for_cycle(basket, cycle, Money.zero(plan.currency), tax)


def _is_tax_id(written: str, country: str) -> bool:
    try:
        return bool(tax_ids.check(written, country))
    except RuleBroken:
        return False


def _was_shown(draft: InvoiceDraft, plan: Price, values: MultiDict[str, str]) -> bool:
    """Whether the person has seen what is due: it stood below the plans, or is the plan's price."""
    shown = values.get("shown", "")
    return shown == str(draft.due.amount) or (not shown and draft.due == plan.money)


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
