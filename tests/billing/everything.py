"""One database in which everything has happened once, for checks that must find fault with none.

What is broken afterwards is found by the names that accounts have here.
"""

from datetime import timedelta

from portal.audit import SYSTEM
from portal.billing import accounts, add_ons, cancellations, credit_notes, plan_changes, price_list
from portal.billing.credit_notes import Wish
from portal.billing.intentions import Confirmation
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.collecting import collection
from portal.extensions import db
from portal.models import Account, ChargingStop, GatewayEvent, Invoice, Price, RefundTo
from portal.transaction import transaction
from tests.cast import Cast
from tests.client_stories import ClientList
from tests.correction_stories import reissue, void
from tests.credit_stories import change_details, newest
from tests.document_stories import Shelf
from tests.taking_back_stories import makes_room, take_back, upgrades


def happens(cast: Cast) -> None:
    """Renewed, upgraded, auto-upgraded, over, unpaid, waiting, in credit, taxed, credited, ended.

    Acme is upgraded by itself, Fifteen by hand, Returned takes the one back and does the other,
    Saver lives off the credit of a year, Taxed has add-ons in a country with tax, Other's renewal
    was declined, Forgiven's is credited, Voided's void, Moved's are issued again, Leaver has left,
    Lost waits for a refund, Crowded is over its limit, Waiting for an answer. Acme keeps a
    document, and deletes another.
    """
    _on_the_first_day(cast)
    cast.let_pass(days=15)
    _after_fifteen_days(cast)
    cast.let_pass(days=15.5)
    _after_renewals(cast)
    cast.let_pass(days=1)
    _begin_change(cast, _named("Waiting"), cast.price("standard", "10-users"))
    _credit(cast, "Lost", Wish("A mistake again"))
    _credit(cast, "Taxed", Wish("Nothing was used of it"), back=1)
    _documents(cast)


def _on_the_first_day(cast: Cast) -> None:
    for name in ("Fifteen", "Leaver"):
        cast.account(name, "standard", "5-users")
    cast.account("Saver", "standard", "5-users", interval=Interval.YEARLY)
    cast.account("Lost", "standard", "5-users", card="card_times_out_paid")
    for name in ("Forgiven", "Voided"):
        cast.account(name, "standard", "5-users", card="card_declines_later")
    cast.account("Moved", "standard", "5-users")
    _taxed(cast)
    cast.members(cast.acme, 9)
    cast.use_card(cast.other, "card_declines")
    returned = cast.account("Returned", "standard", "5-users")
    cast.member(returned, "Rita", Role.ADMIN)
    cast.members(returned, 5)


def _taxed(cast: Cast) -> None:
    """An account in Germany, on the smallest plan with two more seats for $10.00 each."""
    taxed = cast.account("Taxed", None)
    price = cast.price("standard", "5-users")
    with transaction() as session:
        account = accounts.lock(session, taxed.id)
        account.billing.country = "DE"
        change = plan_changes.subscribe(
            session,
            account,
            price,
            op_id="taxed",
            add_ons={_add_on(price, "1 seat"): 2},
            now=cast.clock.now(),
            actor=SYSTEM,
        )
    collection.carry_change(change.id)


def _after_fifteen_days(cast: Cast) -> None:
    cast.change_plan(_named("Fifteen"), cast.price("standard", "10-users"))
    cast.change_plan(_named("Taxed"), cast.price("standard", "10-users"))
    cast.change_plan(_named("Saver"), cast.price("standard", "10-users"))
    cast.change_plan(_named("Saver"), cast.price("standard", "5-users"))
    _buy_add_ons(cast, _named("Taxed"))
    with transaction() as session:
        account = accounts.lock(session, _named("Leaver").id)
        cancellations.cancel(session, account, now=cast.clock.now(), actor=SYSTEM)
    _credit(cast, "Fifteen", Wish("Goodwill", positions=frozenset({1})))
    _credit(cast, "Lost", Wish("A mistake"))
    _credit(cast, "Taxed", Wish("A mistake", to=RefundTo.BALANCE))
    _take_back(cast, _named("Returned"))
    cast.change_plan(_named("Returned"), cast.price("standard", "10-users"))


def _take_back(cast: Cast, account: Account) -> None:
    """The automatic upgrade of an account is taken back, once five people are left."""
    makes_room(cast, account, seats=5)
    take_back(cast, upgrades(account)[-1])


def _after_renewals(cast: Cast) -> None:
    crowded = cast.account("Crowded", "standard", "5-users")
    cast.member(crowded, "Dora", Role.ADMIN)
    cast.members(crowded, 5)
    waiting = cast.account("Waiting", "standard", "5-users")
    cast.use_card(waiting, "card_times_out_unpaid")
    _credit(cast, "Forgiven", Wish("It never worked"))
    void(cast, newest(_named("Voided")))
    _move(cast, _named("Moved"))
    _stop_and_release(cast)


def _move(cast: Cast, moved: Account) -> None:
    """Both invoices of an account are made out to its new name, the first one twice."""
    first, renewal = db.session.query(Invoice).filter_by(account_id=moved.id).order_by(Invoice.id)
    for name in ("Moved Holding", "Moved Group"):
        change_details(moved, company=name)
        first = reissue(cast, first)
    reissue(cast, renewal)


def _stop_and_release(cast: Cast) -> None:
    """Charging stood still once; a gateway sent news that changed nothing."""
    now = cast.clock.now()
    with transaction() as session:
        stop = ChargingStop(stopped_at=now - timedelta(hours=1), reason="a try", released_at=now)
        news = {"gateway": "stripe", "event_id": "event-1", "kind": "payment", "payload": {}}
        session.add_all([stop, GatewayEvent(**news, received_at=now, applied_at=now)])


def _credit(cast: Cast, name: str, wish: Wish, *, back: int = 0) -> None:
    """Credit the last invoice of an account, or one so many before it."""
    with transaction() as session:
        account = accounts.lock(session, _named(name).id)
        invoices = session.query(Invoice).filter_by(account_id=account.id).order_by(Invoice.id)
        invoice = invoices.all()[-1 - back]
        credit_notes.issue(session, account, invoice, wish, now=cast.clock.now(), actor=SYSTEM)


def _buy_add_ons(cast: Cast, account: Account) -> None:
    """100 more clients for the 30 days left of a cycle that has just begun."""
    price = cast.price("standard", "10-users")
    wanted, now = {_add_on(price, "100 clients"): 1}, cast.clock.now()
    quote = add_ons.quote(db.session(), account, wanted, now=now)
    confirmation = Confirmation("more clients", quote.fingerprint(), quote.valid_until)
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        change = add_ons.confirm(session, locked, wanted, confirmation, now=now, actor=SYSTEM)
    collection.carry_change(change.id)


def _begin_change(cast: Cast, account: Account, price: Price) -> None:
    """Confirm a plan change whose payment gets no answer."""
    now = cast.clock.now()
    quote = plan_changes.quote(db.session(), account, price, now=now)
    confirmation = Confirmation("waits", quote.fingerprint(), quote.valid_until)
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        change_id = plan_changes.confirm(
            session, locked, price, confirmation, now=now, actor=SYSTEM
        ).id
    collection.carry_change(change_id)


def _add_on(price: Price, name: str) -> int:
    """The price of an add-on that is sold beside a plan."""
    sold = price_list.add_ons_for(db.session(), price)
    return next(each.id for each in sold if each.add_on.name == name)


def _named(name: str) -> Account:
    return db.session.query(Account).filter_by(name=name).one()


def _documents(cast: Cast) -> None:
    ada, shelf = ClientList(cast.acme, cast.clock).add("Ada"), Shelf(cast.acme, cast.clock)
    shelf.keep(ada, "Agreement.txt")
    shelf.delete(shelf.keep(ada, "Draft.txt"))
