"""The vendor changes its catalog: who keeps what, who gets what, and what is sold no more."""

import threading

import pytest
from flask import Flask
from sqlalchemy import select

from portal.billing import accounts, offers, plan_changes, price_list, usage
from portal.billing.rules.catalog import CatalogErrors
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import DoesNotFit, NoLongerSold
from portal.billing.rules.overage import ParkReason
from portal.billing.rules.period import Interval
from portal.billing.rules.plan_change import Direction
from portal.extensions import db
from portal.models import (
    Account,
    CatalogRevision,
    Episode,
    EpisodeState,
    Invoice,
    Price,
    TaxRate,
    Usage,
)
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList
from tests.scenarios.vendor import VendorsFile, add_on, buy, in_dollars_alone, lines, running

FIVE, TEN, TWENTY = 'key = "5-users"', 'key = "10-users"', 'key = "20-users"'
SEAT = 'key = "seat"'
TAX = '[[tax]]\ncountry = "US"\nname = "Sales tax"\nrate = "5"\nreverse_charge = false\n\n'


@pytest.fixture
def file(clock: FixedClock) -> VendorsFile:
    return VendorsFile(clock)


# --- catalog.grandfathered -----------------------------------------------------------------------


def test_catalog_grandfathered_plan_renews_at_v1_and_changes_at_v2(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    """5 users at $50.00, then $55.00 for new customers; 10 users $100.00, then $110.00.

    Renewal: $50.00. 15 days later to 10 users: $110.00 − 15 of 30 days × $50.00 = $85.00.
    """
    early = cast.account("Early", "standard", "5-users")
    file.edit('USD = "50.00"', 'USD = "55.00"', below=FIVE)
    file.edit('USD = "100.00"', 'USD = "110.00"', below=TEN)
    file.apply()
    late = cast.account("Late", "standard", "5-users")

    cast.let_pass(days=30)
    assert [lines(each) for each in invoices(early)] == [[5000], [5000]]
    assert [lines(each) for each in invoices(late)] == [[5500], [5500]]

    cast.let_pass(days=15)
    cast.change_plan(early, cast.price("standard", "10-users"))
    assert lines(invoices(early)[-1]) == [11000, -2500]
    assert running(early).price.version == 2

    cast.let_pass(days=30)
    assert lines(invoices(early)[-1]) == [11000]


def test_catalog_grandfathered_add_on_renews_at_v1_and_more_is_bought_at_v2(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    """1 seat at $10.00 with 15 of 30 days left: $5.00. From then on a seat costs $12.00.

    Renewal: $50.00 + $10.00. One more with 15 days left: $6.00. Renewal: $50.00 + $10.00 +
    $12.00. To 10 users with both seats, 15 days on, each at today's price: $100.00 + 2 × $12.00
    less 15 of 30 days × ($50.00 + $10.00 + $12.00) = $124.00 − $36.00.
    """
    account = cast.account("Seats", "standard", "5-users")
    cast.let_pass(days=15)
    assert lines(buy(account, "seat", 1, clock)) == [500]
    file.edit('USD = "10.00"', 'USD = "12.00"', below=SEAT)
    file.apply()

    cast.let_pass(days=15)
    assert sorted(lines(invoices(account)[-1])) == [1000, 5000]

    cast.let_pass(days=15)
    assert lines(buy(account, "seat", 1, clock)) == [600]
    cast.let_pass(days=15)
    assert sorted(lines(invoices(account)[-1])) == [1000, 1200, 5000]

    cast.let_pass(days=15)
    cast.change_plan(account, cast.price("standard", "10-users"))
    assert sorted(lines(invoices(account)[-1])) == [-2500, -600, -500, 2400, 10000]
    assert [(row.price.amount_minor, row.quantity) for row in running(account).add_ons] == [
        (1200, 2)
    ]


def test_catalog_grandfathered_plans_are_compared_by_todays_list(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    """Who has 5 users at $50.00 while the list says $95.00: Pro, 5 users at $80.00 is cheaper."""
    early = cast.account("Early", "standard", "5-users")
    pro = cast.price("pro", "5-users")
    assert quoted(early, pro, clock).direction is Direction.UPGRADE
    file.edit('USD = "50.00"', 'USD = "95.00"', below=FIVE)
    file.apply()

    assert quoted(early, pro, clock).direction is Direction.DOWNGRADE


def test_catalog_grandfathered_a_scheduled_downgrade_keeps_the_price_it_was_chosen_at(
    cast: Cast, file: VendorsFile
) -> None:
    """10 users to 5 users at $50.00; on the day after it costs $55.00, and then nobody can buy it.

    The renewal is what was confirmed: $50.00.
    """
    account = cast.account("Smaller", "standard", "10-users")
    cast.change_plan(account, cast.price("standard", "5-users"))
    cast.let_pass(days=1)
    file.edit('USD = "50.00"', 'USD = "55.00"', below=FIVE)
    file.apply()
    file.edit(FIVE, f"{FIVE}\nhidden = true", below="")
    file.apply()

    cast.let_pass(days=29)

    assert lines(invoices(account)[-1]) == [5000]
    assert running(account).price.plan_name == "Standard, 5 users"


# --- what is told before it is applied -----------------------------------------------------------


def test_a_plan_changes_nothing_and_says_what_applying_says(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    cast.account("Seats", "standard", "10-users")
    file.edit("seats = 5", "seats = 4", below=FIVE)
    file.edit('USD = "10.00"', 'USD = "12.00"', below=SEAT)
    before = everything()

    planned = file.plan()

    assert everything() == before
    assert planned == file.apply()
    assert everything() != before
    assert file.plan().changes == ()
    assert file.apply().changes == ()


def test_a_plan_locks_no_account(
    cast: Cast, file: VendorsFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> Account:
        raise AssertionError("an account was locked")

    file.edit("seats = 5", "seats = 4", below=FIVE)
    with monkeypatch.context() as patched:
        patched.setattr(accounts, "lock", refuse)
        file.plan()
        with pytest.raises(AssertionError):
            file.apply()
    assert len(file.apply().changes) == 1


def test_a_price_change_tells_how_many_keep_which_price(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    """Mallory's account and one more at $50.00, one at $55.00, then $60.00."""
    cast.account("First", "standard", "5-users")
    file.edit('USD = "50.00"', 'USD = "55.00"', below=FIVE)
    file.apply()
    cast.account("Second", "standard", "5-users")
    file.edit('USD = "55.00"', 'USD = "60.00"', below=FIVE)

    (told,) = file.plan().changes
    assert [(each.price and each.price.amount, each.accounts) for each in told.touched] == [
        (5500, 1),
        (5000, 2),
    ]


def test_an_add_ons_price_tells_how_many_keep_it(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    buy(cast.acme, "seat", 2, clock)
    buy(cast.other, "storage-5", 1, clock)
    file.edit('USD = "10.00"', 'USD = "11.00"', below=SEAT)

    (told,) = file.plan().changes
    assert [(each.price and each.price.amount, each.accounts) for each in told.touched] == [
        (1000, 1)
    ]


def test_a_file_that_breaks_a_rule_is_not_applied(cast: Cast, file: VendorsFile) -> None:
    """catalog.better-value: a seat for $1.00 makes 5 of them cheaper than the step."""
    file.edit('USD = "10.00"', 'USD = "1.00"', below=SEAT)
    with pytest.raises(CatalogErrors, match=r"catalog.better-value: .* too dear"):
        file.apply()


def test_a_file_applied_twice_at_the_same_instant_is_applied_once(
    app: Flask, cast: Cast, file: VendorsFile
) -> None:
    file.edit('USD = "50.00"', 'USD = "55.00"', below=FIVE)
    start, changes = threading.Barrier(3), list[int]()

    def apply() -> None:
        with app.app_context():
            start.wait()
            changes.append(len(file.apply().changes))

    threads = [threading.Thread(target=apply) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(changes) == [0, 0, 1]
    assert cast.price("standard", "5-users").version == 2


# --- limits ---------------------------------------------------------------------------------------


def test_changed_limits_hold_at_once_with_the_add_ons_on_top(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    """10 users, 600 clients and one add-on of 100: 700. Then 500 and 100; then 500 and 120."""
    buy(cast.acme, "clients-100", 1, clock)
    assert limits(cast.acme)[Metric.CLIENTS] == 700
    file.edit("clients = 600", "clients = 500", below=TEN)
    file.apply()
    assert limits(cast.acme)[Metric.CLIENTS] == 600
    file.edit("clients = 100", "clients = 120", below='key = "clients-100"')
    file.apply()
    assert limits(cast.acme) == {
        Metric.SEATS: 10,
        Metric.CLIENTS: 620,
        Metric.STORAGE: 10 * 10**9,
    }
    assert limits(cast.other)[Metric.CLIENTS] == 300, "another plan"

    file.edit("clients = 500", 'clients = "unlimited"', below=TEN)
    for clients, tier in ((1200, TWENTY), (2400, 'key = "40-users"'), (4800, 'key = "80-users"')):
        file.edit(f"clients = {clients}", 'clients = "unlimited"', below=tier)
    file.apply()
    assert limits(cast.acme)[Metric.CLIENTS] is None


def test_who_would_be_over_a_new_limit_is_told_with_where_it_leads(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    """Seats of 5 users become 2: Two has 2 of them, Three 3, and Four 4 with an add-on for one.

    Two is at its limit. Three and Four are over: three emails, then 10 users.
    """
    for name, seats in (("Two", 2), ("Three", 3), ("Four", 4)):
        cast.members(cast.account(name, "standard", "5-users"), seats)
    buy(named("Four"), "seat", 1, clock)
    file.edit("seats = 5", "seats = 2", below=FIVE)
    told = [
        ("Standard, 5 users", Metric.SEATS, "Four", 4, 3, 6, "Standard, 10 users"),
        ("Standard, 5 users", Metric.SEATS, "Three", 3, 2, 5, "Standard, 10 users"),
    ]

    assert over(file.plan()) == told
    assert over(file.apply()) == told
    assert {row.account_id for row in overs()} == {named("Three").id, named("Four").id}
    assert file.plan().exceeded == (), "nothing changes any more"


def test_who_is_over_a_limit_that_only_warns_moves_nowhere(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    """3 clients where 5 users holds 2 from now on; already over before, where it was 1."""
    clients = ClientList(cast.other, clock)
    for name in ("Ada", "Ben", "Cy"):
        clients.add(name)
    file.edit("clients = 300", "clients = 2", below=FIVE)
    assert over(file.plan()) == [("Standard, 5 users", Metric.CLIENTS, "Other", 3, 2, 300, None)]
    file.apply()

    file.edit("clients = 2\n", "clients = 1\n", below=FIVE)
    (exceeded,) = file.plan().exceeded
    assert (exceeded.limit, exceeded.limit_before, exceeded.was_over) == (1, 2, True)
    file.edit('clients = "warn"', 'clients = "auto_upgrade"')
    (exceeded,) = file.apply().exceeded
    assert exceeded.moves_to == "Standard, 10 users"


def test_a_policy_that_leads_to_upgrades_tells_who_is_over_already(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    clients = ClientList(cast.other, clock)
    for name in ("Ada", "Ben", "Cy"):
        clients.add(name)
    file.edit("clients = 300", "clients = 2", below=FIVE)
    file.apply()

    file.edit('clients = "warn"', 'clients = "auto_upgrade"')
    (exceeded,) = file.plan().exceeded
    assert (exceeded.account, exceeded.was_over) == ("Other", True)
    assert exceeded.moves_to == "Standard, 10 users"


def test_over_fixed_in_time_by_a_larger_limit(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    """6 of 5 seats open an episode; from now on the plan holds 6, and it is closed."""
    cast.members(cast.other, 5)
    cast.let_pass(days=1)
    episode = db.session.scalars(select(Episode)).one()
    assert episode.state is EpisodeState.OPEN

    file.edit("seats = 5", "seats = 6", below=FIVE)
    file.apply()

    db.session.expire_all()
    assert episode.state is EpisodeState.RESOLVED


# --- what is hidden -------------------------------------------------------------------------------


@pytest.mark.parametrize("left_out", [False, True], ids=["hidden in the file", "left out of it"])
def test_a_hidden_plan_is_kept_and_renews_and_is_sold_to_nobody(
    cast: Cast, file: VendorsFile, clock: FixedClock, left_out: bool
) -> None:
    """Acme has 10 users. Its next tier stays 20 users; that of 5 users is 20 users now."""
    price = cast.price("standard", "10-users")
    hide(file, TEN, left_out=left_out)
    report = file.apply()
    (told,) = report.changes
    assert [each.accounts for each in told.touched] == [1]

    cast.let_pass(days=30)
    assert lines(invoices(cast.acme)[-1]) == [10000]
    assert running(cast.acme).price_id == price.id
    assert price.id not in {each.id for each in on_offer()}
    assert next_tier(cast.acme) == "Standard, 20 users"
    assert next_tier(cast.other) == "Standard, 20 users"
    with pytest.raises(NoLongerSold):
        cast.change_plan(cast.other, price)


def test_over_top_tier_is_where_the_next_one_is_no_dearer(cast: Cast, file: VendorsFile) -> None:
    """10 users for $100.00 are sold no more, and 20 users cost $90.00: who has eleven people is
    moved to neither. The vendor is told, and a change by hand is theirs to make."""
    hide(file, TEN, left_out=False)
    file.edit('USD = "180.00"', 'USD = "90.00"', below=TWENTY)
    file.apply()
    cast.members(cast.acme, 9)
    cast.let_pass(days=10)

    found = db.session.query(Episode).filter_by(account_id=cast.acme.id).one()
    assert found.parked_reason == ParkReason.TOP_TIER
    assert [warning.due_minor for warning in found.warnings] == [None] * 3
    assert len(invoices(cast.acme)) == 1
    assert running(cast.acme).price.tier.key == "10-users"


def test_a_hidden_plan_is_sold_again(cast: Cast, file: VendorsFile) -> None:
    before = [price.id for price in on_offer()]
    whole = file.text
    hide(file, TEN, left_out=True)
    file.apply()
    assert len(on_offer()) == len(before) - 1

    file.text = whole
    file.apply()
    assert [price.id for price in on_offer()] == before


def test_a_hidden_family_is_kept_and_has_no_next_tier(cast: Cast, file: VendorsFile) -> None:
    account = cast.account("Grand", "pro", "5-users")
    file.edit('key = "pro"', 'key = "pro"\nhidden = true')
    report = file.apply()

    assert [each.accounts for told in report.changes for each in told.touched] == [1]
    assert {price.tier.family.key for price in on_offer()} == {"standard"}
    assert price_list.next_tier(db.session(), running(account).price) is None
    cast.let_pass(days=30)
    assert lines(invoices(account)[-1]) == [8000]


def test_a_hidden_add_on_is_kept_and_renews_and_is_sold_to_nobody(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    buy(cast.other, "seat", 1, clock)
    seat = add_on(cast.other, "seat")
    file.edit(SEAT, f"{SEAT}\nhidden = true")
    report = file.apply()

    assert [each.accounts for told in report.changes for each in told.touched] == [1]
    assert seat not in price_list.add_ons_for(db.session(), running(cast.other).price)
    cast.let_pass(days=30)
    assert sorted(lines(invoices(cast.other)[-1])) == [1000, 5000]
    assert limits(cast.other)[Metric.SEATS] == 6


def test_over_upgrade_leads_past_a_hidden_tier(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    """6 of 5 seats: five days on the upgrade is to 20 users, as 10 users is hidden."""
    cast.members(cast.other, 5)
    hide(file, TEN, left_out=False)
    file.apply()
    cast.let_pass(days=10)

    assert running(cast.other).price.plan_name == "Standard, 20 users"


def test_over_never_unwarned_when_the_target_is_hidden_meanwhile(
    cast: Cast, file: VendorsFile, clock: FixedClock
) -> None:
    """Three emails named 10 users; hidden before the deadline, it takes three more to 20 users."""
    cast.members(cast.other, 5)
    cast.let_pass(days=4, hours=12)
    hide(file, TEN, left_out=False)
    file.apply()
    cast.let_pass(days=3)
    assert running(cast.other).price.plan_name == "Standard, 5 users"

    cast.let_pass(days=10)
    assert running(cast.other).price.plan_name == "Standard, 20 users"


# --- tax, currencies and what else a file says ---------------------------------------------------


def test_invoice_tax_follows_the_table_and_issued_invoices_keep_theirs(
    cast: Cast, file: VendorsFile
) -> None:
    """Untaxed at first: $50.00. With 5 %: $50.00 + $2.50. With the table gone: $50.00."""
    account = cast.account("Taxed", "standard", "5-users")
    untaxed = file.text
    file.edit("[[tax]]", f"{TAX}[[tax]]")
    file.apply()
    cast.let_pass(days=30)
    file.text = untaxed
    file.apply()
    cast.let_pass(days=30)

    assert [
        (each.subtotal_minor, each.tax_minor, each.due_minor) for each in invoices(account)
    ] == [
        (5000, 0, 5000),
        (5000, 250, 5250),
        (5000, 0, 5000),
    ]
    assert [line.tax_name for line in invoices(account)[1].lines] == ["Sales tax"]


def test_the_tax_table_is_as_the_file_says(cast: Cast, file: VendorsFile) -> None:
    def table() -> dict[str, tuple[int, bool]]:
        db.session.expire_all()
        rows = db.session.scalars(select(TaxRate).order_by(TaxRate.country))
        return {row.country: (row.basis_points, row.reverse_charge) for row in rows}

    assert table() == {
        "AT": (2000, True),
        "CH": (810, False),
        "DE": (1900, True),
        "FI": (2550, True),
        "FR": (2000, True),
        "GB": (2000, True),
        "IE": (2300, True),
        "NL": (2100, True),
    }
    file.edit('rate = "8.1"', 'rate = "8.25"')
    file.edit('[[tax]]\ncountry = "NL"\nname = "VAT"\nrate = "21"\nreverse_charge = true\n', "")
    assert len(file.apply().changes) == 2
    assert table()["CH"] == (825, False)
    assert "NL" not in table()


def test_a_currency_taken_off_the_list_and_put_on_again(cast: Cast, file: VendorsFile) -> None:
    """Who pays in euros keeps doing so; the prices that come back are version 2."""
    account = cast.account("Euro", "standard", "5-users", currency="EUR")
    whole = file.text
    file.text = in_dollars_alone(whole)
    report = file.apply()
    assert [each.accounts for told in report.changes for each in told.touched] == [1]
    assert price_list.offered(db.session(), currency="EUR") == []
    cast.let_pass(days=30)
    assert lines(invoices(account)[-1]) == [4600]

    file.text = whole
    file.apply()
    assert cast.price("standard", "5-users", currency="EUR").version == 2
    assert running(account).price.version == 1


def test_every_applied_file_is_kept_whole(cast: Cast, file: VendorsFile) -> None:
    file.edit('USD = "50.00"', 'USD = "55.00"', below=FIVE)
    file.apply()
    file.apply()
    revisions = db.session.scalars(select(CatalogRevision).order_by(CatalogRevision.id)).all()
    assert len(revisions) == 2
    assert revisions[-1].text == file.text


# --- catalog.fits ---------------------------------------------------------------------------------


def test_catalog_fits(cast: Cast, clock: FixedClock) -> None:
    """11 users: 5 and 10 users are too small; 20 users, $180.00, is the cheapest that fits."""
    cast.members(cast.other, 10)
    shown = offers.seen_from(db.session(), cast.other, Interval.MONTHLY)
    fits = {
        offer.price.plan_name: [shortfall.sentence for shortfall in offer.fit.shortfalls]
        for offer in shown
    }
    assert fits == {
        "Standard, 5 users": ["11 of 5 seats: 6 too many"],
        "Standard, 10 users": ["11 of 10 seats: 1 too many"],
        "Standard, 20 users": [],
        "Standard, 40 users": [],
        "Standard, 80 users": [],
        "Pro, 5 users": ["11 of 5 seats: 6 too many"],
        "Pro, 10 users": ["11 of 10 seats: 1 too many"],
        "Pro, 20 users": [],
        "Pro, 40 users": [],
        "Pro, 80 users": [],
    }
    cheapest = [offer.price.plan_name for offer in shown if offer.is_cheapest_fitting]
    assert cheapest == ["Standard, 20 users"]


def test_catalog_fits_with_the_add_ons_that_go_along(cast: Cast, clock: FixedClock) -> None:
    """11 users and an add-on of 1 seat, which goes along: 10 users and 1 more hold them."""
    cast.members(cast.other, 10)
    buy(cast.other, "seat", 1, clock)
    shown = offers.seen_from(db.session(), cast.other, Interval.MONTHLY)
    fits = {offer.price.plan_name: offer.fit.fits for offer in shown}
    assert not fits["Standard, 5 users"]
    assert fits["Standard, 10 users"]


def test_catalog_fits_a_downgrade_to_what_is_too_small_is_refused(
    cast: Cast, clock: FixedClock
) -> None:
    cast.members(cast.acme, 4)
    with pytest.raises(DoesNotFit, match="1 seat"):
        cast.change_plan(cast.acme, cast.price("standard", "5-users"))


def hide(file: VendorsFile, tier: str, *, left_out: bool) -> None:
    """Hide the first tier with this key: by the file, or by leaving it out."""
    if not left_out:
        file.edit(tier, f"{tier}\nhidden = true")
        return
    start = file.text.index(f"[[family.tier]]\n{tier}")
    end = file.text.index("[[family.", start + 1)
    file.text = file.text[:start] + file.text[end:]


def quoted(account: Account, price: Price, clock: FixedClock) -> plan_changes.Quote:
    return plan_changes.quote(db.session(), account, price, now=clock.now())


def on_offer() -> list[Price]:
    db.session.expire_all()
    return price_list.offered(db.session(), currency="USD", interval=Interval.MONTHLY)


def next_tier(account: Account) -> str | None:
    target = price_list.next_tier(db.session(), running(account).price)
    return target and target.plan_name


def limits(account: Account) -> dict[Metric, int | None]:
    db.session.expire_all()
    return {metric: row.limit_value for metric, row in usage.of(db.session(), account.id).items()}


def overs() -> list[Usage]:
    db.session.expire_all()
    return [row for row in db.session.scalars(select(Usage)) if row.is_over]


def over(report) -> list[tuple]:
    return [
        (
            each.plan,
            each.metric,
            each.account,
            each.used,
            each.limit,
            each.limit_before,
            each.moves_to,
        )
        for each in report.exceeded
    ]


def named(name: str) -> Account:
    return db.session.scalars(select(Account).where(Account.name == name)).one()


def invoices(account: Account) -> list[Invoice]:
    db.session.expire_all()
    statement = select(Invoice).where(Invoice.account_id == account.id).order_by(Invoice.id)
    return list(db.session.scalars(statement))


def everything() -> list[list[tuple]]:
    """Every row of every table."""
    db.session.rollback()
    tables = db.metadata.sorted_tables
    return [[tuple(row) for row in db.session.execute(table.select())] for table in tables]
