"""An account over its seats: warned three times, upgraded on the sixth day, or left in peace.

Acme is on Standard, 10 users since 1 March, 09:00. The daily check is at 06:00 UTC.
"""

import pytest
from sqlalchemy import select

from portal.billing import foresight
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.mail import mailer
from portal.models import Account, EpisodeState, Invoice, InvoiceReason
from tests.cast import Cast, FixedClock
from tests.scenarios.over import Operator, emails, episode, plan_amount, the_upgrade, upgrades

STANDARD_20 = 18000


@pytest.fixture
def over(cast: Cast) -> Account:
    """Eleven of ten seats are taken on 1 March."""
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    return cast.acme


def test_over_emails_then_upgrade(cast: Cast, over: Account) -> None:
    """2 Mar 06:00 first, 4 Mar second, 6 Mar third, 7 Mar 06:00 upgrade for exactly what was told.

    At 7 Mar 06:00 five whole days of the cycle from 1 Mar 09:00 are over, so 25 of 30 are unused:
    $180.00 − 25/30 × $100.00 = $180.00 − $83.33 = $96.67.
    """
    cast.let_pass(days=10)

    warnings = emails(over, "warning")
    assert [f"{notice.created_at:%d %b %H:%M}" for notice in warnings] == [
        "02 Mar 06:00",
        "04 Mar 06:00",
        "06 Mar 06:00",
    ]
    assert all("$96.67" in notice.body_text for notice in warnings)
    assert all("7 Mar" in notice.body_text for notice in warnings)
    invoice = the_upgrade(over)
    assert f"{invoice.issued_at:%d %b %H:%M}" == "07 Mar 06:00"
    assert invoice.due_minor == 9667
    assert invoice.evidence is not None
    assert len(invoice.evidence["warnings"]) == 3
    assert plan_amount(over) == STANDARD_20


def test_over_fixed_in_time(cast: Cast, over: Account) -> None:
    """Back at ten on 5 March, after two warnings: no third, no upgrade, one email of relief."""
    cast.let_pass(days=4)
    cast.leave(over, cast.bob)
    cast.let_pass(days=10)

    assert len(emails(over, "warning")) == 2
    assert len(emails(over, "all_clear")) == 1
    assert plan_amount(over) == 10000
    assert episode(over).state is EpisodeState.RESOLVED


def test_over_again_later_is_a_new_episode_with_all_its_days(cast: Cast, over: Account) -> None:
    cast.let_pass(days=4)
    cast.leave(over, cast.bob)
    cast.let_pass(days=1)
    cast.members(over, 1)
    cast.let_pass(days=3)

    assert len(emails(over, "warning")) == 2 + 2
    assert plan_amount(over) == 10000


def test_over_starts_only_above_the_limit(cast: Cast) -> None:
    """Ten of ten is not over."""
    cast.members(cast.acme, 8)
    cast.let_pass(days=8)

    assert emails(cast.acme, "warning") == []


def test_over_manual_wins(cast: Cast, over: Account) -> None:
    """Upgraded by hand on 4 March: the episode ends, and nothing more is sent or charged."""
    cast.let_pass(days=3, hours=1)
    cast.change_plan(over, cast.price("standard", "20-users"))
    cast.let_pass(days=10)

    assert episode(over).state is EpisodeState.SUPERSEDED
    assert len(emails(over, "warning")) == 2
    assert plan_amount(over) == STANDARD_20
    assert upgrades(over) == []


def test_over_never_unwarned_with_the_mail_server_down(
    cast: Cast, over: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down from 3 to 8 March: the second warning goes out when it is back, telling a moved date.

    Second accepted 8 Mar, third 48 h later, upgrade 24 h after that, never closer together.
    """
    cast.let_pass(days=2)
    with monkeypatch.context() as outage:
        outage.setattr(mailer, "send", _unreachable)
        cast.let_pass(days=5)
    assert len([n for n in emails(over, "warning") if n.settled_at]) == 1
    cast.let_pass(days=2)

    second = emails(over, "warning")[1]
    assert second.settled_at is not None
    assert f"{second.settled_at:%d %b}" == "08 Mar"
    assert "11 Mar" in second.body_text, "the moved date is what people read"
    assert upgrades(over) == []
    cast.let_pass(days=4)

    third, upgrade = emails(over, "warning")[2], the_upgrade(over)
    assert third.settled_at is not None
    assert (third.settled_at - second.settled_at).total_seconds() >= 48 * 3600
    assert (upgrade.issued_at - third.settled_at).total_seconds() >= 24 * 3600


def test_over_never_unwarned_with_the_worker_down(
    cast: Cast, over: Account, clock: FixedClock
) -> None:
    """Nothing runs from 3 to 13 March: the second warning comes then, and the gaps stay."""
    cast.let_pass(days=2)
    clock.advance(days=10)
    cast.let_pass(hours=1)
    assert len(emails(over, "warning")) == 2
    assert upgrades(over) == []
    cast.let_pass(days=5)

    sent = [notice.settled_at for notice in emails(over, "warning")]
    assert f"{sent[1]:%d %b}" == "13 Mar"
    assert (sent[2] - sent[1]).total_seconds() >= 48 * 3600  # type: ignore[operator]
    assert the_upgrade(over).issued_at >= sent[2]  # type: ignore[operator]


def test_over_renewal_in_the_middle(cast: Cast) -> None:
    """Over on 28 March: the deadline lies in the cycle from 31 March, and the email says so.

    Told 29 Mar for 3 Apr 06:00: two whole days of the new cycle are over, 28 of 30 unused:
    $180.00 − 28/30 × $100.00 = $180.00 − $93.33 = $86.67, after $100.00 on 31 March.
    """
    cast.let_pass(days=27, hours=3)
    cast.members(cast.acme, 9)
    cast.let_pass(days=8)

    assert all("$86.67" in notice.body_text for notice in emails(cast.acme, "warning"))
    invoices = db.session.scalars(
        select(Invoice).where(Invoice.account_id == cast.acme.id).order_by(Invoice.id)
    )
    assert [(f"{i.period_start_at:%d %b}", i.due_minor) for i in invoices] == [
        ("01 Mar", 10000),
        ("31 Mar", 10000),
        ("03 Apr", 8667),
    ]


def test_over_top_tier(cast: Cast) -> None:
    """The largest plan: warned what to do, the vendor told, never charged."""
    account = cast.account("Large", "standard", "80-users")
    cast.member(account, "Ada", Role.ADMIN)
    cast.members(account, 80)
    cast.let_pass(days=10)

    assert len(emails(account, "warning")) == 3
    assert len(emails(account, "vendor_told")) == 1
    assert upgrades(account) == []
    assert episode(account).state is EpisodeState.PARKED


def test_over_payment_fails_changes_nothing(cast: Cast, over: Account) -> None:
    """The card declines the upgrade: same plan, the Admins are told, and it is tried again."""
    cast.use_card(over, "card_declines")
    cast.let_pass(days=7)

    assert plan_amount(over) == 10000
    assert upgrades(over) == []
    assert len(emails(over, "payment_failed")) >= 1
    cast.use_card(over, "card_pays")
    cast.let_pass(days=2)
    assert the_upgrade(over).due_minor == 9667


def test_over_payment_fails_four_times_and_is_left_to_people(cast: Cast, over: Account) -> None:
    """Tried on 7 March and 3, 5 and 7 days later, each time with an email, and then no more.

    Let go on by the vendor on 21 March, it is told anew for the next day, when 21 whole days of
    the cycle from 1 March are over: $180.00 − 9/30 × $100.00 = $150.00.
    """
    cast.use_card(over, "card_declines")
    cast.let_pass(days=20)

    told = emails(over, "payment_failed")
    assert [f"{notice.created_at:%d %b}" for notice in told if notice.user_id == cast.alice.id] == [
        "07 Mar",
        "10 Mar",
        "12 Mar",
        "14 Mar",
    ]
    assert "tried again by itself" in " ".join(told[-1].body_text.split())
    assert (episode(over).state, episode(over).parked_reason) == (EpisodeState.PARKED, "not_paid")
    assert plan_amount(over) == 10000

    cast.use_card(over, "card_pays")
    Operator(over, cast).release("They have a new card.")
    cast.let_pass(days=2)
    assert the_upgrade(over).due_minor == 15000


def test_charge_renewal_goes_on_while_an_upgrade_is_left_to_people(
    cast: Cast, over: Account
) -> None:
    """Tried in vain until 14 March; on 31 March the plan renews as it is."""
    cast.use_card(over, "card_declines")
    cast.let_pass(days=20)
    cast.use_card(over, "card_pays")
    cast.let_pass(days=11)

    statement = select(Invoice.issued_at).where(
        Invoice.account_id == over.id, Invoice.reason == InvoiceReason.RENEWAL
    )
    assert [f"{at:%d %b %H:%M}" for at in db.session.scalars(statement)] == ["31 Mar 09:00"]


def test_over_upgrade_is_not_put_off_by_a_purchase_that_waits_for_the_bank(
    cast: Cast, over: Account, clock: FixedClock
) -> None:
    """Begun a minute before the deadline of 7 March 06:00 and called off by itself an hour later:
    the upgrade is made then, for what was told."""
    cast.let_pass(days=5, hours=20, minutes=58)
    cast.use_card(over, "card_authenticates")
    cast.buy(over, seat=1)
    cast.use_card(over, "card_pays")
    cast.let_pass(hours=1, minutes=10)
    assert the_upgrade(over).due_minor == 9667


def test_over_before_the_act_tells_what_was_announced(cast: Cast, over: Account) -> None:
    """One more while warned: the date and the amount are those of the emails, not new ones."""
    before = foretold(cast, over)
    assert "three emails, and on 7 Mar 2026" in before
    cast.let_pass(days=4)

    assert foretold(cast, over) == (
        "This takes you to 12 of 10 seats. You are over already: as the emails say, on 7 Mar 2026"
        " you move to Standard, 20 users and are charged $96.67."
    )


def foretold(cast: Cast, account: Account) -> str:
    said = foresight.foretell(
        db.session(), account, Metric.SEATS, 1, now=cast.clock.now(), reader=Role.ADMIN
    )
    assert said is not None
    return said


def _unreachable(_letter: object) -> None:
    raise mailer.Retry("no route to the mail server")
