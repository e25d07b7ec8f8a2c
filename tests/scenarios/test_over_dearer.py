"""An announced upgrade that becomes dearer: told again before it is made, and not for ever.

Acme has 11 of 10 seats since 1 March. Told for 7 March, 06:00: Standard, 20 users, for $96.67.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from portal.audit import SYSTEM
from portal.billing import accounts, billing_details
from portal.billing.billing_details import DetailsRefused
from portal.billing.rules import describe
from portal.billing.rules.errors import FullWhileParked, ToldOften
from portal.billing.rules.money import Money
from portal.billing.rules.overage import ParkReason
from portal.display import episode_story
from portal.display.account_history import entries
from portal.display.account_history.entries import Asked
from portal.display.account_history.kinds import Kind
from portal.extensions import db
from portal.mail import mailer
from portal.models import Account, EpisodeState, NoticeState
from portal.transaction import transaction
from tests.cast import Cast
from tests.scenarios.over import Operator, emails, episode, plan_name, the_upgrade, upgrades


def day(number: int, hour: int = 6) -> datetime:
    return datetime(2026, 3, number, hour, tzinfo=UTC)


@pytest.fixture
def announced(cast: Cast) -> Account:
    """It is 6 March, 09:01; the third email went out at six."""
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    cast.let_pass(days=5)
    assert len(emails(cast.acme, "warning")) == 3
    return cast.acme


def test_over_never_unwarned_an_amount_that_rose_is_told_a_day_before(
    cast: Cast, announced: Account
) -> None:
    """100 clients more, bought for $10.00 on 6 March: told on 7 March at six for 8 March at six.

    $180.00 + $12.00 − 24 of 30 days of $100.00 − 24 of the 25 days of $10.00 = $102.40
    """
    cast.buy(announced, clients_100=1)
    cast.let_pass(days=1)

    (told,) = emails(announced, "deadline_moved")
    assert told.settled_at == day(7)
    assert told.subject == "The amount has changed: $102.40 for Standard, 20 users, on 8 Mar 2026"
    text = " ".join(told.body_text.split())
    for words in ("The amount has changed since", "8 Mar 2026, 06:00 UTC", "we charge $102.40"):
        assert words in text, words
    assert "You have more time" not in text
    assert upgrades(announced) == []

    cast.let_pass(days=1)
    upgrade = the_upgrade(announced)
    assert (upgrade.issued_at, upgrade.due_minor) == (day(8), 10240)
    assert len(emails(announced, "warning")) == 3, "no episode began anew"
    assert emails(announced, "called_off") == []
    assert upgrade.evidence is not None
    assert upgrade.evidence["retold"] == [
        {
            "subject": "The amount has changed: $102.40 for Standard, 20 users, on 8 Mar 2026",
            "accepted_at": day(7).isoformat(),
            "recipients": [cast.alice.email],
        }
    ]


def test_over_history_tells_what_it_was_told_to_cost_before(cast: Cast, announced: Account) -> None:
    cast.buy(announced, clients_100=1)
    cast.let_pass(days=1)

    told = entries.page(db.session(), announced, Asked((Kind.LIMITS,)), limit=1, offset=0)[0]
    assert told.title == "The amount of the automatic upgrade rose to $102.40"
    assert "Told before: $96.67." in told.detail
    story = episode_story.moments(db.session(), announced, episode(announced), now=cast.clock.now())
    assert told.title in [moment.title for moment in story]


def test_over_an_amount_that_fell_is_charged_without_another_email(
    cast: Cast, announced: Account
) -> None:
    """The seat that was bought is let go on 6 March: it doesn't come along."""
    cast.buy(announced, clients_100=1)
    cast.let_pass(hours=22)
    cast.let_go(announced, "clients_100")
    cast.let_pass(days=1)
    assert the_upgrade(announced).due_minor < 10240
    assert len(emails(announced, "deadline_moved")) == 1


def test_over_upgrade_is_not_put_off_for_ever_by_what_makes_it_dearer(
    cast: Cast, announced: Account
) -> None:
    """100 clients more, day after day: told again on 7, 8 and 9 March, and no more are sold. What
    was told last is charged on 10 March; then they are sold again."""
    for _ in range(3):
        cast.buy(announced, clients_100=1)
        cast.let_pass(days=1)
    with pytest.raises(ToldOften, match="told again 3 times"):
        cast.buy(announced, clients_100=1)
    cast.let_pass(days=1)

    told = emails(announced, "deadline_moved")
    assert [notice.settled_at for notice in told] == [day(7), day(8), day(9)]
    upgrade = the_upgrade(announced)
    assert upgrade.issued_at == day(10)
    assert f"${upgrade.due_minor / 100:.2f}" in told[-1].subject
    cast.buy(announced, clients_100=1)


def test_over_upgrade_is_not_put_off_for_ever_by_add_ons_that_are_kept_after_all(
    cast: Cast,
) -> None:
    """Four times 100 clients, bought on 1 March and all to go with the cycle. One more is kept each
    day from 6 March on, for nothing: three times, then the upgrade comes."""
    cast.buy(cast.acme, clients_100=4)
    cast.let_go(cast.acme, "clients_100")
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    cast.let_pass(days=5)
    for kept in (1, 2, 3):
        cast.let_go(cast.acme, "clients_100", renewing=kept)
        cast.let_pass(days=1)
    assert [notice.settled_at for notice in emails(cast.acme, "deadline_moved")] == [
        day(7),
        day(8),
        day(9),
    ]

    with pytest.raises(ToldOften, match="until it is made, or until no more is in use"):
        cast.let_go(cast.acme, "clients_100", renewing=4)
    cast.let_go(cast.acme, "clients_100", renewing=2)
    with pytest.raises(ToldOften):
        cast.let_go(cast.acme, "clients_100", renewing=3)
    cast.let_pass(days=1)

    assert the_upgrade(cast.acme).issued_at == day(10)
    assert plan_name(cast.acme) == "Standard, 20 users"


def test_over_fixed_in_time_by_a_seat_however_often_it_was_told(
    cast: Cast, announced: Account
) -> None:
    """100 clients more three times; a seat is sold: it brings eleven people within eleven seats."""
    for _ in range(3):
        cast.buy(announced, clients_100=1)
        cast.let_pass(days=1)

    cast.buy(announced, seat=1)

    assert episode(announced).state is EpisodeState.RESOLVED
    cast.buy(announced, clients_100=1)
    cast.let_pass(days=3)
    assert upgrades(announced) == []


def test_over_upgrade_back_within_the_limit_what_was_refused_is_possible(
    cast: Cast, announced: Account
) -> None:
    for _ in range(3):
        cast.buy(announced, clients_100=1)
        cast.let_pass(days=1)
    cast.leave(announced, cast.bob)
    cast.buy(announced, clients_100=1)
    move(cast, announced, "FI")


def test_over_upgrade_that_becomes_dearer_by_the_vendor_s_doing_is_told_once_more_then_stopped(
    cast: Cast, announced: Account
) -> None:
    """Three times 100 clients, then a tax that the vendor puts right each day: told on 10 March
    too, stopped on 11 March."""
    for _ in range(3):
        cast.buy(announced, clients_100=1)
        cast.let_pass(days=1)
    for country in ("NL", "FI"):
        put_right(announced, country)
        cast.let_pass(days=1)

    assert [notice.settled_at for notice in emails(announced, "deadline_moved")] == [
        day(7),
        day(8),
        day(9),
        day(10),
    ]
    stopped = episode(announced)
    assert (stopped.state, stopped.parked_reason) == (
        EpisodeState.PARKED,
        ParkReason.AMOUNT_KEPT_RISING,
    )
    assert upgrades(announced) == []
    (to_vendor,) = emails(announced, "vendor_told")
    assert "amount kept rising" in to_vendor.body_text
    with pytest.raises(FullWhileParked, match="rose again each time"):
        cast.members(announced, 1)


def test_over_upgrade_is_not_put_off_for_ever_by_another_tax(
    cast: Cast, announced: Account
) -> None:
    """A country with a higher rate, day after day: three times told again, then it waits for the
    upgrade; what was told last, on 9 March for 10 March, is charged."""
    for country in ("NL", "IE", "FI"):
        move(cast, announced, country)
        cast.let_pass(days=1)
    assert len(emails(announced, "deadline_moved")) == 3

    with pytest.raises(DetailsRefused, match="told again 3 times"):
        move(cast, announced, "DE")
    cast.let_pass(days=1)
    told = emails(announced, "deadline_moved")[-1]
    charged = describe.money(Money(the_upgrade(announced).due_minor, "USD"))
    assert charged in told.subject
    move(cast, announced, "DE")


def test_over_stopped_for_its_amount_it_goes_on_when_the_vendor_says_so(
    cast: Cast, announced: Account
) -> None:
    for _ in range(3):
        cast.buy(announced, clients_100=1)
        cast.let_pass(days=1)
    for country in ("NL", "FI"):
        put_right(announced, country)
        cast.let_pass(days=1)
    assert episode(announced).parked_reason == ParkReason.AMOUNT_KEPT_RISING
    Operator(announced, cast).release("They know what it costs.")
    cast.let_pass(days=2)

    *_, told = emails(announced, "deadline_moved")
    upgrade = the_upgrade(announced)
    assert told.settled_at is not None
    assert upgrade.issued_at >= told.settled_at + timedelta(hours=24)
    assert f"${upgrade.due_minor / 100:.2f}" in told.body_text


def test_over_never_unwarned_the_new_amount_waits_for_a_mail_server(
    cast: Cast, announced: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Down from 7 to 9 March, and dearer once more meanwhile: one email, of what holds then."""
    cast.buy(announced, clients_100=1)
    with monkeypatch.context() as outage:
        outage.setattr(mailer, "send", unreachable)
        cast.let_pass(days=2)
        cast.buy(announced, clients_100=1)
        cast.let_pass(days=1)
        assert upgrades(announced) == []
    cast.let_pass(days=3)

    (told,) = emails(announced, "deadline_moved")
    upgrade = the_upgrade(announced)
    assert told.settled_at is not None
    assert upgrade.issued_at - told.settled_at >= timedelta(hours=24)
    assert f"we charge ${upgrade.due_minor / 100:.2f}." in " ".join(told.body_text.split())
    assert plan_name(announced) == "Standard, 20 users"


def test_over_a_new_amount_that_is_refused_is_left_to_the_vendor_and_told_again(
    cast: Cast, announced: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    cast.buy(announced, clients_100=1)
    with monkeypatch.context() as fault:
        fault.setattr(mailer, "send", refused)
        cast.let_pass(days=2)
    assert episode(announced).parked_reason == ParkReason.MAIL_REFUSED
    assert upgrades(announced) == []

    Operator(announced, cast).release("The address was put right.")
    cast.let_pass(days=2)
    first, second = emails(announced, "deadline_moved")
    assert (first.state, second.state) == (NoticeState.REFUSED, NoticeState.ACCEPTED)
    assert f"${the_upgrade(announced).due_minor / 100:.2f}" in second.body_text


def test_another_price_version_is_never_charged_unannounced(cast: Cast, announced: Account) -> None:
    """Sold for $190.00 since the third email: nothing was told of that, so all begins anew."""
    cast.reprice(cast.price("standard", "20-users"), 19000)
    cast.let_pass(days=2)

    (told,) = emails(announced, "called_off")
    text = " ".join(told.body_text.split())
    assert "does not happen" in text
    assert "three new emails" in text
    assert upgrades(announced) == []
    assert len(emails(announced, "warning")) == 3 + 1


def test_over_payment_fails_counts_over_episodes_of_an_account_that_stayed_over(
    cast: Cast, announced: Account
) -> None:
    """Declined on 7 March; sold at another price, so announced anew for 16 March: the second of
    four tries, not the first of four more."""
    cast.use_card(announced, "card_declines")
    cast.let_pass(days=1)
    cast.reprice(cast.price("standard", "20-users"), 19000)
    cast.let_pass(days=20)

    tried = emails(announced, "payment_failed")
    assert sorted({notice.created_at.day for notice in tried}) == [7, 16, 17, 18]
    assert episode(announced).parked_reason == ParkReason.NOT_PAID
    with pytest.raises(FullWhileParked, match="could not be paid"):
        cast.members(announced, 1)


def test_over_payment_fails_counts_anew_once_all_was_well(cast: Cast, announced: Account) -> None:
    """Declined on 7 March, ten on 8 March, eleven again: all of its days, and all of its tries."""
    cast.use_card(announced, "card_declines")
    cast.let_pass(days=2)
    cast.leave(announced, cast.bob)
    cast.members(announced, 1)
    cast.let_pass(days=20)

    tried = emails(announced, "payment_failed")
    assert sorted({notice.created_at.day for notice in tried}) == [7, 14, 17, 19, 21]


def unreachable(_letter: object) -> None:
    raise mailer.Retry("no route to the mail server")


def refused(_letter: object) -> mailer.Answer:
    return mailer.Answer(NoticeState.REFUSED, "550 No such user")


def move(cast: Cast, account: Account, country: str) -> None:
    """The account's company is in another country from now on."""
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        details = replace(billing_details.of(locked), country=country)
        now = cast.clock.now()
        billing_details.change(session, locked, details, now=now, actor=SYSTEM)


def put_right(account: Account, country: str) -> None:
    """The vendor has found where the account's company is taxed."""
    with transaction() as session:
        accounts.lock(session, account.id).billing.country = country
