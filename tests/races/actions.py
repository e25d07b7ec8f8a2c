"""The things that two may do to one account at the same instant.

An action is made ready, as by a person who opened the page a minute ago, and then let go. What
people do is posted as their forms post it; what the worker does is done as the worker does it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from portal import clock
from portal.audit import SYSTEM
from portal.billing import (
    accounts,
    add_ons,
    credit_notes,
    open_invoices,
    payment_methods,
    plan_changes,
    price_list,
    reissues,
    taking_back_offers,
    voids,
)
from portal.billing.credit_notes import Wish
from portal.billing.gateways import SANDBOX
from portal.billing.gateways.sandbox import CARDS
from portal.billing.payment_methods import WayToPay
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.plan_change import Quote
from portal.extensions import db
from portal.jobs import outbox_items, overages, renewals
from portal.models import (
    Account,
    Episode,
    EpisodeState,
    Invoice,
    InvoiceStatus,
    Membership,
    OutboxItem,
    OutboxState,
    Price,
    Work,
)
from portal.transaction import transaction
from portal.web import confirmations
from tests.faults.kills.stage import Stage
from tests.races.situations import (
    CYCLE_OVER,
    EPISODE_DUE,
    UNPAID,
    UPGRADED,
    Admin,
    Needs,
    Place,
)
from tests.taking_back_stories import running, seated, upgrades

REFUSAL = re.compile(r'title">Nothing was changed</p>\s*<p>(.*?)</p>', re.DOTALL)
ERROR_PAGE = "a page without the reason"
MINUTE = timedelta(minutes=1)
MONEY = (Work.PAYMENT, Work.REFUND)
LARGER = {"10-users": "20-users", "20-users": "40-users"}
SMALLER = {"10-users": "5-users", "20-users": "10-users"}


@dataclass(frozen=True)
class Answer:
    """What came back: a status, and the sentence that says what was done or why it wasn't."""

    status: int
    text: str


LetGo = Callable[[], Answer]


@dataclass(frozen=True)
class InHalves:
    """What is done by two commands, between which somebody else may come."""

    begin: LetGo
    end: LetGo
    # How a form does both at once; None where nobody does.
    whole: LetGo | None = None

    def __call__(self) -> Answer:
        if self.whole is not None:
            return self.whole()
        self.begin()
        return self.end()


@dataclass(frozen=True)
class Action:
    """`ready(stage, place, admin)` gives what is done when it is let go."""

    ready: Callable[[Stage, Place, Admin], LetGo]
    needs: Needs = frozenset()


def _upgrade(stage: Stage, place: Place, admin: Admin) -> LetGo:
    return _change_plan(stage, place, admin, LARGER)


def _downgrade(stage: Stage, place: Place, admin: Admin) -> LetGo:
    return _change_plan(stage, place, admin, SMALLER)


def _cancel(_stage: Stage, _place: Place, admin: Admin) -> LetGo:
    return lambda: _post(admin, "/account/cancellation")


def _renew(stage: Stage, place: Place, _admin: Admin) -> LetGo:
    return lambda: _job(stage, place, lambda: renewals.renew(place.account_id))


def _auto_upgrade(stage: Stage, place: Place, _admin: Admin) -> LetGo:
    with stage.context():
        episode_id = db.session.scalars(
            select(Episode.id).where(
                Episode.account_id == place.account_id, Episode.state == EpisodeState.OPEN
            )
        ).one()

    def step() -> Answer:
        with stage.app.app_context():
            overages.step(episode_id)
        return Answer(200, "")

    # Until its payment is sent, an upgrade that began is called off by whoever makes room.
    return InHalves(step, lambda: _job(stage, place))


def _pay(stage: Stage, place: Place, admin: Admin) -> LetGo:
    with stage.context():
        invoice = db.session.scalars(
            select(Invoice).where(
                Invoice.account_id == place.account_id, Invoice.status == InvoiceStatus.OPEN
            )
        ).one()
        path = f"/invoices/{invoice.number_text}/payment"
        invoice_id, seen = invoice.id, open_invoices.mark(db.session(), invoice)

    def begin() -> None:
        with transaction() as session:
            account, now = accounts.lock(session, place.account_id), clock.now()
            invoice = session.get_one(Invoice, invoice_id)
            open_invoices.pay(session, account, invoice, seen, now=now, actor=SYSTEM)

    return InHalves(
        lambda: _command(stage, begin),
        lambda: _job(stage, place),
        lambda: _post(admin, path, seen=seen),
    )


def _refund(stage: Stage, place: Place, _admin: Admin) -> LetGo:
    """The newest invoice is credited in full."""
    with stage.context():
        invoice_id = db.session.scalars(
            select(Invoice.id)
            .where(Invoice.account_id == place.account_id)
            .order_by(Invoice.id.desc())
            .limit(1)
        ).one()

    def credit() -> None:
        with transaction() as session:
            account = accounts.lock(session, place.account_id)
            invoice = session.get_one(Invoice, invoice_id)
            wish = Wish("Goodwill")
            credit_notes.issue(session, account, invoice, wish, now=clock.now(), actor=SYSTEM)

    return lambda: _job(stage, place, credit)


def _void(stage: Stage, place: Place, _admin: Admin) -> LetGo:
    """The vendor voids what is unpaid."""
    with stage.context():
        (unpaid,) = open_invoices.unpaid(db.session(), place.account_id)
        invoice_id = unpaid.id

    def void() -> None:
        with transaction() as session:
            account = accounts.lock(session, place.account_id)
            invoice = session.get_one(Invoice, invoice_id)
            voids.void(session, account, invoice, "A slip", now=clock.now(), actor=SYSTEM)

    return lambda: _job(stage, place, void)


def _reissue(stage: Stage, place: Place, _admin: Admin) -> LetGo:
    """The newest invoice is issued again, as soon as the company's name is corrected."""
    with stage.context():
        invoice_id = db.session.scalars(
            select(func.max(Invoice.id)).where(Invoice.account_id == place.account_id)
        ).one()

    def reissue() -> None:
        with transaction() as session:
            account, now = accounts.lock(session, place.account_id), clock.now()
            invoice = session.get_one(Invoice, invoice_id)
            account.billing.company = "The Holding"
            offer = reissues.offer(session, account, invoice, by_customer=False, now=now)
            seen = offer.fingerprint()
            reissues.reissue(
                session, account, invoice, "Wrong name", seen=seen, now=now, actor=SYSTEM
            )

    return lambda: _job(stage, place, reissue)


def _add_on(stage: Stage, place: Place, admin: Admin) -> LetGo:
    """One more seat."""
    with stage.context() as cast:
        sold = price_list.add_ons_for(db.session(), cast.price("standard", "10-users"))
        seat = next(price.id for price in sold if price.add_on.metric is Metric.SEATS)
        account = db.session.get_one(Account, place.account_id)
        terms = add_ons.quote(db.session(), account, {seat: 1}, now=clock.now() - MINUTE)
        token = _signed(terms, place, admin)
    return lambda: _post(admin, "/account/add-ons", confirmation=token)


def _change_card(stage: Stage, place: Place, admin: Admin) -> LetGo:
    """To a card that pays, and another than before."""
    with stage.context():
        account = db.session.get_one(Account, place.account_id)
        unpaid = open_invoices.unpaid(db.session(), account.id)
    card = CARDS["card_pays" if unpaid else "card_declines_later"]

    def begin() -> None:
        with transaction() as session:
            account, now = accounts.lock(session, place.account_id), clock.now()
            way = WayToPay(SANDBOX, card.reference, card.label)
            payment_methods.change(session, account, way, now=now, actor=SYSTEM)
            open_invoices.try_new_method(session, account, now=now, actor=SYSTEM)

    return InHalves(
        lambda: _command(stage, begin),
        lambda: _job(stage, place),
        lambda: _post(admin, "/account/payment-method", card=card.reference),
    )


def _take_back(stage: Stage, place: Place, admin: Admin) -> LetGo:
    """The automatic upgrade of the day before."""
    with stage.context():
        account = db.session.get_one(Account, place.account_id)
        (change,) = upgrades(account)
        offer = taking_back_offers.offer(db.session(), account, change, now=clock.now() - MINUTE)
        assert offer.terms is not None
        who = {"account_id": place.account_id, "user_id": admin.user_id}
        token = confirmations.sign_return(offer.terms, offer.valid_until, **who)
        path = f"/account/plan-changes/{change.op_id}/taking-back"
    return lambda: _post(admin, path, confirmation=token)


def _remove_user(stage: Stage, place: Place, admin: Admin) -> LetGo:
    """Of eleven people one is let go: the seats fit again."""
    with stage.context():
        newest = seated(db.session.get_one(Account, place.account_id))[-1].public_id
    return lambda: _post(admin, f"/users/{newest}/deactivation")


def _return_user(stage: Stage, place: Place, admin: Admin) -> LetGo:
    """An eleventh person gets access again."""
    with stage.context():
        statement = select(Membership.public_id).where(
            Membership.account_id == place.account_id, Membership.deactivated_at.is_not(None)
        )
        gone = db.session.scalars(statement.order_by(Membership.id)).first()
    return lambda: _post(admin, f"/users/{gone}/reactivation")


ACTIONS = {
    "upgrade": Action(_upgrade),
    "downgrade": Action(_downgrade),
    "cancel": Action(_cancel),
    "renew": Action(_renew, frozenset({CYCLE_OVER})),
    "auto-upgrade": Action(_auto_upgrade, frozenset({EPISODE_DUE})),
    "pay": Action(_pay, frozenset({UNPAID})),
    "refund": Action(_refund),
    "void": Action(_void, frozenset({UNPAID})),
    "reissue": Action(_reissue),
    "add-on": Action(_add_on),
    "change card": Action(_change_card),
    "take back": Action(_take_back, frozenset({UPGRADED})),
    "remove user": Action(_remove_user, frozenset({EPISODE_DUE})),
    "return user": Action(_return_user, frozenset({UPGRADED})),
}


def _change_plan(stage: Stage, place: Place, admin: Admin, to: dict[str, str]) -> LetGo:
    with stage.context() as cast:
        account = db.session.get_one(Account, place.account_id)
        price: Price = cast.price("standard", to[running(account).price.tier.key])
        terms = plan_changes.quote(db.session(), account, price, now=clock.now() - MINUTE)
        token = _signed(terms, place, admin)
    return lambda: _post(admin, "/account/change-plan", confirmation=token)


def _signed(terms: Quote, place: Place, admin: Admin) -> str:
    """What the quote's page carries."""
    return confirmations.sign(terms, account_id=place.account_id, user_id=admin.user_id)


def _post(admin: Admin, path: str, **fields: str) -> Answer:
    with admin.client.session_transaction() as cookie:
        cookie.pop("_flashes", None)
    page = admin.client.post(path, data=fields)
    if page.status_code >= 400:
        refusal = REFUSAL.search(page.text)
        return Answer(page.status_code, refusal[1] if refusal else ERROR_PAGE)
    with admin.client.session_transaction() as cookie:
        said = [text for _, text in cookie.get("_flashes", [])]
    return Answer(page.status_code, " ".join(said[:1]))


def _command(stage: Stage, do: Callable[[], object]) -> Answer:
    """One command, and no more."""
    with stage.app.app_context():
        try:
            do()
        except RuleBroken as refusal:
            return Answer(409, str(refusal))
    return Answer(200, "")


def _job(stage: Stage, place: Place, do: Callable[[], object] = lambda: None) -> Answer:
    """What a worker does, and then what it finds due for the account: payments and refunds."""
    done = _command(stage, do)
    if done.status != 200:
        return done
    with stage.app.app_context():
        for item_id in _due_money(place):
            outbox_items.perform(item_id)
    return Answer(200, "")


def _due_money(place: Place) -> list[int]:
    statement = select(OutboxItem.id).where(
        OutboxItem.account_id == place.account_id,
        OutboxItem.work.in_(MONEY),
        OutboxItem.state == OutboxState.WAITING,
        OutboxItem.next_at <= clock.now(),
    )
    found = list(db.session.scalars(statement))
    db.session.rollback()
    return found
