"""What pages say of what is over a limit: the banner, My Account and the page of an episode.

Acme is on Standard, 10 users since 1 March 2026, 09:00, with eleven people since a minute later;
the upgrade to 20 users is told for 7 March, 06:00, for $180.00 − 25/30 × $100.00 = $96.67.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient

from portal.audit import SYSTEM
from portal.billing import accounts, overages
from portal.billing.rules.counting import Metric
from portal.billing.rules.roles import Role
from portal.jobs import overages as jobs
from portal.mail.usage_places import MAKE_ROOM
from portal.models import Account, EpisodeState, Notice, PaymentState, User
from portal.transaction import transaction
from tests.blueprints.pages import in_order, use, words
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList
from tests.payment_stories import last_payment, unpaid
from tests.scenarios.over import emails, episode, the_upgrade
from tests.scenarios.vendor import VendorsFile

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}
GB = 10**9


@pytest.fixture
def over(cast: Cast) -> Account:
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    return cast.acme


@pytest.fixture
def for_all(clock: FixedClock) -> None:
    """The vendor upgrades automatically for every metric."""
    file = VendorsFile(clock)
    for metric in ("clients", "storage"):
        file.edit(f'{metric} = "warn"', f'{metric} = "auto_upgrade"')
    file.apply()


@pytest.fixture
def twofold(cast: Cast, clock: FixedClock, for_all: None) -> tuple[Account, User]:
    """6 of 5 seats and 301 of 300 clients, since 1 March, and one of its Admins."""
    account = cast.account("Twofold", "standard", "5-users")
    cast.let_pass(minutes=1)
    ada = cast.member(account, "Ada", Role.ADMIN)
    cast.members(account, 5)
    lines = "\n".join(f"Client {number}" for number in range(301))
    ClientList(account, clock).bring_in(f"Name\n{lines}\n", accepted=301)
    return account, ada


def address(account: Account) -> str:
    return f"/account/over-limit/{episode(account).public_id}"


def told(client: FlaskClient, account: Account) -> list[str]:
    """My Account, the banner and the page of the episode, as they are read."""
    pages = ("/account/over-limit", "/account/over-limit/banner", address(account))
    return [words(client.get(page, headers=HTMX).text) for page in pages]


def grow(account: Account, clock: FixedClock, more: int) -> None:
    with transaction() as session:
        locked = accounts.lock(session, account.id)
        overages.count_changed(session, locked, Metric.CLIENTS, more, now=clock.now(), actor=SYSTEM)


# --- Every metric --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "more", "standing"),
    [
        (Metric.SEATS, 9, "11 of 10 seats"),
        (Metric.CLIENTS, 601, "601 of 600 clients"),
        (Metric.STORAGE, 10 * GB + 1, "10.1 of 10 GB of documents"),
    ],
)
def test_over_history_of_every_metric(
    cast: Cast,
    clock: FixedClock,
    for_all: None,
    browser: Browser,
    metric: Metric,
    more: int,
    standing: str,
) -> None:
    """A little too much is never shown as just enough, and the way to make room is the metric's."""
    use(cast.acme, metric, more)
    client = browser(cast.alice)
    before = words(client.get("/account/over-limit", headers=HTMX).text)
    assert f"Over the limit: {standing}" in before
    assert "your plan moves to Standard, 20 users: its full price, less the unused days" in before
    with transaction() as session:
        account = accounts.lock(session, cast.acme.id)
        assert overages.open_if_over(session, account, metric, now=clock.now())
    answer = client.get(address(cast.acme))
    assert answer.status_code == 200
    in_order(words(answer.text), f"Over the limit: {standing}", "What follows", "The ways out")
    assert f'href="{MAKE_ROOM[metric].path.replace("&", "&amp;")}"' in answer.text
    assert all(standing in text for text in told(client, cast.acme))


def test_over_history_tells_how_each_day_ended(
    cast: Cast, clock: FixedClock, for_all: None, browser: Browser
) -> None:
    """601 of 600 clients on 1 March, 611 at the end of 3 March, 621 on 5 March at 11:00."""
    grow(cast.acme, clock, 601)
    cast.let_pass(days=2, hours=1)
    grow(cast.acme, clock, 10)
    cast.let_pass(days=2, hours=1)
    grow(cast.acme, clock, 10)
    in_order(
        words(browser(cast.alice).get(address(cast.acme)).text),
        "Over the limit of 600 clients 601 clients in use.",
        "3 Mar 2026, 23:59 UTC 611 clients at the end of the day",
        "5 Mar 2026, 11:00 UTC 621 clients in use",
    )


# --- After the hour that was told ----------------------------------------------------------------


def test_over_payment_fails_is_told_with_the_next_try(
    cast: Cast, over: Account, browser: Browser
) -> None:
    """Declined on 7 March: what was announced is over, and the next try is on 10 March."""
    cast.use_card(over, "card_declines")
    cast.let_pass(days=7)
    client = browser(cast.alice)
    for text in told(client, over):
        assert (
            "The upgrade of 7 Mar 2026, 06:00 UTC could not be paid. It is tried again on"
            " 10 Mar 2026, 06:00 UTC. Change how you pay" in text
        )
        assert "2026, 06:00 UTC your plan moves" not in text
        assert "2026, 06:00 UTC the plan moves" not in text


def test_over_payment_fails_tells_everybody_what_they_can_do(cast: Cast, over: Account) -> None:
    """Nothing can be paid by hand: there is no invoice. Who may change the card is led there."""
    cast.use_card(over, "card_declines")
    cast.let_pass(days=7)
    told = {notice.user_id: " ".join(notice.body_text.split()) for notice in failed(over)}
    assert address(over) in told[cast.alice.id]
    assert "account/payment-method" in told[cast.alice.id]
    assert "An Admin of the account can change the card." in told[cast.carol.id]
    assert address(over) not in told[cast.carol.id], "a billing contact can't open it"
    assert all("pay it now" not in text and "Pay now" not in text for text in told.values())
    assert {notice.episode_id for notice in failed(over)} == {episode(over).id}


def failed(account: Account) -> list[Notice]:
    return emails(account, "payment_failed")


def test_charge_no_plan_change_unpaid_says_what_the_upgrade_waits_for(
    cast: Cast, browser: Browser
) -> None:
    """Over on 28 March; the renewal of 31 March is declined. The upgrade told for 3 April waits."""
    cast.let_pass(days=27, hours=3)
    cast.members(cast.acme, 9)
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=6)
    number = unpaid(cast.acme).number_text
    client = browser(cast.alice)
    waits = f"The upgrade announced for 3 Apr 2026, 06:00 UTC waits until invoice {number} is paid"
    assert all(waits in text for text in told(client, cast.acme))
    assert f'href="/invoices/{number}"' in client.get(address(cast.acme)).text


def test_an_upgrade_that_is_called_off_is_no_longer_announced(
    cast: Cast, clock: FixedClock, over: Account, browser: Browser
) -> None:
    """Begun on 7 March, and then somebody leaves: the banner goes before the gateway answers."""
    cast.let_pass(days=5, hours=20, minutes=58)
    clock.at = datetime(2026, 3, 7, 6, tzinfo=UTC)
    jobs.step(episode(over).id)
    client = browser(cast.alice)
    assert all("is being confirmed" in text for text in told(client, over))
    cast.leave(over, cast.bob)
    assert last_payment(over).state is PaymentState.CREATED
    on_account, banner, page = told(client, over)
    assert (on_account.strip(), banner.strip()) == ("", "")
    assert "The upgrade is being called off" in page


@pytest.mark.parametrize("how", ["room", "add-ons"])
def test_over_fixed_in_time_is_told_as_it_is_then(
    cast: Cast, over: Account, browser: Browser, how: str
) -> None:
    """Somebody left: 10 of 10 seats. A seat was bought: 11 of 11, and not "11 of 10"."""
    cast.let_pass(days=2)
    if how == "room":
        cast.leave(over, cast.bob)
    else:
        cast.buy(over, seat=1)
    (notice,) = emails(over, "all_clear")
    standing = "10 of 10 seats" if how == "room" else "11 of 11 seats"
    assert notice.subject == f"All is well: {standing} in use"
    assert address(over) in notice.body_text
    text = words(browser(cast.alice).get(address(over)).text)
    in_order(text, "Over the limit: 11 of 10 seats", "All is well: nothing was changed")


def test_over_a_cancelled_plan_promises_no_emails(cast: Cast, browser: Browser) -> None:
    """11 of 10 seats, and the plan was cancelled before the check: none is opened."""
    use(cast.acme, Metric.SEATS, 9)
    cast.cancel(cast.acme)
    text = browser(cast.alice).get("/account/over-limit", headers=HTMX).text
    assert "three emails" not in text


# --- Two at once ---------------------------------------------------------------------------------


def test_two_metrics_over_at_once_are_one_upgrade(
    cast: Cast, browser: Browser, twofold: tuple[Account, User]
) -> None:
    account, ada = twofold
    cast.let_pass(days=4)
    once = "one upgrade answers both, and it is charged once."
    seats, clients = (
        f"Seats are over their limit too: {once}",
        f"Clients are over their limit too: {once}",
    )
    client = browser(ada)
    for page in ("/account/over-limit", "/account/over-limit/banner"):
        in_order(words(client.get(page, headers=HTMX).text), clients, seats)
    told_by_email = [" ".join(notice.body_text.split()) for notice in emails(account, "warning")]
    assert len(told_by_email) == 4
    assert all((seats in body) != (clients in body) for body in told_by_email)


def test_what_another_upgrade_answered_leads_to_it(
    cast: Cast, browser: Browser, twofold: tuple[Account, User]
) -> None:
    account, ada = twofold
    cast.let_pass(days=10)
    answered = episode(account)
    assert (answered.metric, answered.state) == (Metric.CLIENTS, EpisodeState.SUPERSEDED)
    page = browser(ada).get(address(account)).text
    number = the_upgrade(account).number_text
    in_order(
        words(page),
        "Over the limit: 301 of 300 clients",
        "Answered by the upgrade for seats",
        f"Paid $58.33, once, on 7 Mar 2026: invoice {number}",
        "Take the upgrade back Possible until 6 Apr 2026, 06:00 UTC",
    )
    assert "ended without" not in page
