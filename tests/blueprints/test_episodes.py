"""The page of an over-limit episode, and the banner on all other pages while it is open.

Acme is on Standard, 10 users since 1 March 2026, 09:00, with eleven people since a minute later.
"""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from portal.billing.rules.roles import Role
from portal.models import Account, EpisodeState, User
from tests.blueprints.pages import in_order, words
from tests.cast import Cast, FixedClock
from tests.scenarios.over import Operator, episode
from tests.taking_back_stories import makes_room, take_back, upgrades

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def over(cast: Cast) -> Account:
    cast.let_pass(minutes=1)
    cast.members(cast.acme, 9)
    return cast.acme


def address(account: Account) -> str:
    return f"/account/over-limit/{episode(account).public_id}"


def test_over_history_an_open_episode_tells_all_and_shows_the_ways_out(
    cast: Cast, over: Account, browser: Browser
) -> None:
    """$180.00 − 25/30 × $100.00 = $96.67, on 7 March at 06:00."""
    cast.let_pass(days=3, hours=2)
    page = browser(cast.alice).get(address(over)).text
    in_order(
        words(page),
        "Over the limit: 11 of 10 seats",
        "Open Since 2 Mar 2026, 06:00",
        "What follows",
        "On 7 Mar 2026, 06:00 UTC the plan moves from Standard, 10 users to Standard, 20 users",
        "$96.67 is charged",
        "Remove users",
        "Choose a plan yourself",
        "When seats run out",
        "What happened",
        "was added · 11 seats",
        "Over the limit of",
        "Email: ",
        "taken by the mail server, 2 Mar 2026, 06:00",
        "Second warning",
    )
    assert page.count("Read it as it was sent") == 2


def test_over_history_an_upgrade_leads_to_its_invoice_and_the_way_back(
    cast: Cast, over: Account, browser: Browser
) -> None:
    cast.let_pass(days=7)
    client, found = browser(cast.alice), episode(over)
    assert found.state is EpisodeState.UPGRADED
    text = words(client.get(address(over)).text)
    in_order(
        text,
        "Upgraded Since 2 Mar 2026, 06:00",
        "until 7 Mar 2026, 06:00",
        "Paid $96.67 on 7 Mar 2026",
        "Take the upgrade back Possible until 6 Apr 2026, 06:00 UTC",
        "Third warning",
        "Email: ",
    )
    assert text.count("Read it as it was sent") == 4, "three warnings and the receipt"
    assert "The ways out" not in text


def test_over_revert_stands_at_the_end_of_the_story(
    cast: Cast, over: Account, browser: Browser
) -> None:
    cast.let_pass(days=7)
    makes_room(cast, over, seats=10)
    (change,) = upgrades(over)
    take_back(cast, change)
    text = words(browser(cast.alice).get(address(over)).text)
    in_order(text, "The upgrade was taken back")
    assert "Email: Taken back: $96.67 credited" in text
    assert "CN-2026-" in text
    assert "Take the upgrade back Possible until" not in text


def test_over_fixed_in_time_is_told_and_the_banner_is_gone(
    cast: Cast, over: Account, browser: Browser
) -> None:
    cast.let_pass(days=3, hours=2)
    client = browser(cast.alice)
    assert "See why, and the ways out" in client.get("/clients").text
    assert "$96.67" in client.get("/account/over-limit/banner", headers=HTMX).text
    cast.leave(over, cast.bob)
    assert "See why, and the ways out" not in client.get("/clients").text
    gone = client.get("/account/over-limit/banner", headers=HTMX).text
    assert words(gone).strip() == ""
    assert 'id="over-limit-banner"' in gone, "what the open page has is replaced by it"
    in_order(
        words(client.get(address(over)).text),
        "Within the limit again",
        "All is well: nothing was changed",
    )


def test_what_the_operator_said_is_told(cast: Cast, over: Account, browser: Browser) -> None:
    cast.let_pass(days=3, hours=2)
    Operator(over, cast).hold("We are looking at your contract.")
    client = browser(cast.alice)
    text = words(client.get(address(over)).text)
    assert "The automatic upgrade is on hold: nothing is charged. We are looking at your" in text
    assert "The automatic upgrade is on hold" in client.get("/invoices").text


def test_two_episodes_name_each_other(cast: Cast, over: Account, browser: Browser) -> None:
    cast.let_pass(days=2)
    first = address(over)
    cast.leave(over, cast.bob)
    cast.members(over, 1)
    cast.let_pass(days=2)
    assert first in browser(cast.alice).get(address(over)).text


@pytest.mark.parametrize(("person", "status"), [("carol", 403), ("bob", 403), ("mallory", 404)])
def test_roles_server_side(
    cast: Cast, over: Account, browser: Browser, person: str, status: int
) -> None:
    cast.let_pass(days=2)
    client = browser(getattr(cast, person))
    assert client.get(address(over)).status_code == status
    assert "See why, and the ways out" not in client.get("/clients").text


def test_an_open_page_replaces_what_it_shows_and_keeps_its_stream(
    cast: Cast, over: Account, browser: Browser
) -> None:
    cast.let_pass(days=2)
    client = browser(cast.alice)
    page, part = client.get(address(over)).text, client.get(address(over), headers=HTMX).text
    assert part.strip().startswith('<div id="episode"')
    assert (page.count("sse-connect"), part.count("sse-connect")) == (1, 0)
    banner = client.get("/account/over-limit/banner", headers=HTMX).text
    assert "sse-connect" not in banner


def test_a_banner_alone_is_no_page(cast: Cast, browser: Browser) -> None:
    answer = browser(cast.alice).get("/account/over-limit/banner")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")


def test_another_admin_without_an_episode_sees_none(
    cast: Cast, over: Account, browser: Browser, clock: FixedClock
) -> None:
    cast.let_pass(days=2)
    said = "See why, and the ways out"
    assert said not in browser(cast.mallory).get("/invoices").text
    newcomer = cast.member(over, "Nia", Role.ADMIN)
    assert said in browser(newcomer).get("/invoices").text


def test_an_admins_page_listens_before_there_is_an_episode(cast: Cast, browser: Browser) -> None:
    """One stream on each page, whose banner is empty until there is something to say."""
    for page in ("/invoices", "/clients", "/users", "/account"):
        text = browser(cast.alice).get(page).text
        assert text.count("sse-connect") == 1, page
        assert "/over-limit" in text, page
    for person in (cast.bob, cast.carol):
        assert (
            "over-limit-banner" not in browser(person).get(browser(person).get("/").location).text
        )
