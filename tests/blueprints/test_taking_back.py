"""The page that takes an automatic upgrade back: what it says before, and that it is done once.

Acme has been on Standard, 10 users since 1 March 2026, 09:00, with eleven people: upgraded on the
6th for $180.00 − 25/30 × $100.00 = $96.67.
"""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.models import AuditEntry, CreditNote, Invoice, PlanChange, TakenBack, User
from tests.blueprints.pages import in_order, words
from tests.blueprints.test_change_plan import at_once
from tests.cast import Cast, FixedClock
from tests.credit_stories import credit, newest
from tests.taking_back_stories import makes_room, running, upgraded

Browser = Callable[[User | None], FlaskClient]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def upgrade(cast: Cast) -> PlanChange:
    return upgraded(cast, cast.acme)


@pytest.fixture
def fitting(cast: Cast, upgrade: PlanChange) -> PlanChange:
    """The same, with ten people left."""
    makes_room(cast, cast.acme, seats=10)
    return upgrade


def test_over_revert_says_beforehand_what_follows(
    cast: Cast, browser: Browser, fitting: PlanChange
) -> None:
    text = words(browser(cast.alice).get(path_of(fitting)).text)
    in_order(
        text,
        "Take the upgrade back Standard, 20 users, since 6 Mar 2026 by an automatic upgrade:",
        "Comes back $96.67 All of invoice INV-2026-000003: $96.67 to Test card ending 4242.",
        "Your plan then Standard, 10 users, as if the upgrade had not been made:",
        "paid from 1 Mar 2026 to 31 Mar 2026",
        "Charged then Nothing.",
        "Next charge $100.00 on 31 Mar 2026, then every 30 days",
        "Possible until 5 Apr 2026, 09:00 UTC",
        "These figures hold until 6 Mar 2026, 09:15 UTC",
    )


def test_over_revert_says_what_is_charged_then(
    cast: Cast, browser: Browser, fitting: PlanChange
) -> None:
    """On 1 April the cycle of 1 March is over: its renewal is due, and the $96.67 pay for it."""
    cast.let_pass(days=26)
    text = words(browser(cast.alice).get(path_of(fitting)).text)
    in_order(
        text,
        "Comes back $96.67 All of invoice INV-2026-000003: $96.67 to your credit balance.",
        "$96.67 of what you paid goes to your credit balance instead of back, because that much is"
        " charged then.",
        "Charged then $3.33",
        "$100.00 less $96.67 from your credit balance",
        "for Standard, 10 users from 31 Mar 2026, paid by Test card ending",
        "Next charge $100.00 on 30 Apr 2026, then every 30 days",
    )


def test_it_is_done_and_said(cast: Cast, browser: Browser, fitting: PlanChange) -> None:
    client = browser(cast.alice)
    answer = post(client, fitting, client.get(path_of(fitting)).text)

    assert (answer.status_code, answer.location) == (303, path_of(fitting))
    page = words(client.get(path_of(fitting)).text)
    in_order(page, "The upgrade is taken back", "Credited to you $96.67", "Credit note CN-2026")
    assert running(cast.acme).price.plan_name == "Standard, 10 users"
    invoice = words(client.get("/invoices/INV-2026-000003").text)
    in_order(invoice, "What comes next Nothing: all of it was credited.", "Credited since")
    account = words(client.get("/account").text)
    assert "Automatic upgrade to Standard, 20 users taken back" in account
    assert "Next charge $100.00 on 31 Mar 2026" in account
    assert "Take the upgrade back" not in account
    entry = db.session.query(AuditEntry).filter_by(action="plan.upgrade_taken_back").one()
    assert entry.actor["name"] == "Alice"
    history = words(client.get("/account/history").text)
    assert "Standard, 10 users runs again, in the cycle that ends on 31 Mar 2026." in history


def test_with_htmx_it_is_a_fragment_and_a_way_on(
    cast: Cast, browser: Browser, fitting: PlanChange
) -> None:
    client = browser(cast.alice)
    fragment = client.get(path_of(fitting), headers=HTMX).text
    assert fragment.startswith('<div id="taking-back"')
    answer = post(client, fitting, fragment, headers=HTMX)
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, path_of(fitting))


def test_charge_once_of_taking_back(cast: Cast, browser: Browser, fitting: PlanChange) -> None:
    """Sent twice from one page it is done once; another page is told that it was done."""
    client = browser(cast.alice)
    page, another = (client.get(path_of(fitting)).text for _ in range(2))

    answers = [post(client, fitting, each) for each in (page, page, another)]

    assert [answer.status_code for answer in answers] == [303, 303, 409]
    assert "The upgrade is taken back" in words(answers[2].text)
    assert "This upgrade was taken back already." in words(answers[2].text)
    assert db.session.query(TakenBack).count() == db.session.query(CreditNote).count() == 1


def test_charge_once_by_two_clicks_at_once(
    app: Flask, cast: Cast, browser: Browser, fitting: PlanChange
) -> None:
    clients = [browser(cast.alice) for _ in range(2)]
    pages = [client.get(path_of(fitting)).text for client in clients]
    path = path_of(fitting)

    def click(number: object) -> TestResponse:
        assert isinstance(number, int)
        return clients[number].post(path, data={"confirmation": token_in(pages[number])})

    answers = at_once(app, click, [0, 1])

    assert sorted(answer.status_code for answer in answers) == [303, 409]
    db.session.rollback()
    assert db.session.query(CreditNote).count() == 1


def test_charge_quote_is_charge_of_taking_back(
    cast: Cast, browser: Browser, clock: FixedClock, fitting: PlanChange
) -> None:
    """Seen on 30 March, confirmed on 1 April: a renewal is to be charged, and that is shown."""
    clock.advance(days=24)
    client = browser(cast.alice)
    page = client.get(path_of(fitting)).text
    clock.advance(days=2)

    answer = post(client, fitting, page)

    assert answer.status_code == 409
    in_order(
        words(answer.text),
        "Nothing was changed The figures have changed since you looked.",
        "Charged then $3.33",
    )
    assert db.session.query(TakenBack).count() == 0
    assert post(client, fitting, answer.text).status_code == 303


def test_too_many_people_are_pointed_at(cast: Cast, browser: Browser, upgrade: PlanChange) -> None:
    """The figures are shown, without a way to confirm, and the way to the users page."""
    page = browser(cast.alice).get(path_of(upgrade)).text
    in_order(
        words(page),
        "Comes back $96.67",
        "Not possible yet Standard, 10 users doesn't hold what is in use. 11 of 10 seats: 1 too"
        " many. Remove 1 person first.",
        "Remove users",
        "These are the figures once there is room.",
    )
    assert 'href="/users"' in page
    assert 'name="confirmation"' not in page


def test_somebody_joined_since_it_was_seen(
    cast: Cast, browser: Browser, fitting: PlanChange
) -> None:
    client = browser(cast.alice)
    page = client.get(path_of(fitting)).text
    cast.members(cast.acme, 1)

    answer = post(client, fitting, page)

    assert answer.status_code == 409
    assert "11 of 10 seats: 1 too many" in words(answer.text)
    assert running(cast.acme).price.plan_name == "Standard, 20 users"


def test_what_is_too_late_leads_to_change_plan(
    cast: Cast, browser: Browser, clock: FixedClock, fitting: PlanChange
) -> None:
    clock.advance(days=30)
    page = browser(cast.alice).get(path_of(fitting)).text
    assert "This can't be taken back An automatic upgrade can be taken back for 30 days" in (
        words(page)
    )
    assert 'href="/account/change-plan"' in page


def test_an_upgrade_after_it_is_pointed_at(
    cast: Cast, browser: Browser, upgrade: PlanChange
) -> None:
    second = upgraded(cast, cast.acme)
    page = browser(cast.alice).get(path_of(upgrade)).text
    assert "Take the upgrade to Standard, 40 users back" in words(page)
    assert f'href="{path_of(second)}"' in page


def test_what_was_credited_leads_to_the_vendor(
    cast: Cast, browser: Browser, fitting: PlanChange
) -> None:
    credit(cast, newest(cast.acme), 1)
    page = browser(cast.alice).get(path_of(fitting)).text
    assert "Credit note CN-2026-000001 gave a part of it back already" in words(page)
    assert "mailto:" in page


def test_my_account_and_the_invoice_lead_there(
    cast: Cast, browser: Browser, upgrade: PlanChange
) -> None:
    invoice = newest(cast.acme)
    client = browser(cast.alice)
    for page in ("/account", f"/invoices/{invoice.number_text}"):
        text = client.get(page).text
        assert "Take the upgrade back Possible until 5 Apr 2026, " in words(text)
        assert f'href="{path_of(upgrade)}"' in text
    first = db.session.query(Invoice).filter_by(account_id=cast.acme.id).order_by(Invoice.id)[0]
    assert "Take the upgrade back" not in client.get(f"/invoices/{first.number_text}").text
    contact = browser(cast.carol)
    for page in ("/account", f"/invoices/{invoice.number_text}"):
        assert "Take the upgrade back" not in contact.get(page).text


def test_the_link_in_the_email_survives_signing_in(
    cast: Cast, browser: Browser, upgrade: PlanChange
) -> None:
    path = f"/in/{cast.acme.public_id}{path_of(upgrade)}"
    assert browser(cast.alice).get(path, follow_redirects=True).request.path == path_of(upgrade)
    stranger = browser(None).get(path)
    assert stranger.status_code == 303
    assert "/login" in stranger.location


@pytest.mark.parametrize(
    ("person", "status"), [("bob", 403), ("carol", 403), ("nobody", 303), ("alice", 200)]
)
def test_roles_server_side(
    cast: Cast, browser: Browser, upgrade: PlanChange, person: str, status: int
) -> None:
    client = browser(getattr(cast, person, None))
    assert client.get(path_of(upgrade)).status_code == status
    if status != 200:
        answer = client.post(path_of(upgrade), data={"confirmation": "x"})
        assert answer.status_code in (403, 302, 303)


def test_another_accounts_upgrade_is_not_there(
    cast: Cast, browser: Browser, fitting: PlanChange
) -> None:
    page = browser(cast.alice).get(path_of(fitting)).text
    mallory = browser(cast.mallory)
    assert mallory.get(path_of(fitting)).status_code == 404
    assert post(mallory, fitting, page).status_code == 404
    for op_id in ("nothing", "a%00b", "episode-999-1"):
        path = f"/account/plan-changes/{op_id}/taking-back"
        assert browser(cast.alice).get(path).status_code == 404


def test_a_change_made_by_hand_is_not_taken_back(cast: Cast, browser: Browser) -> None:
    change = cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    assert browser(cast.alice).get(path_of(change)).status_code == 404


def test_a_form_without_its_csrf_token_does_nothing(
    app: Flask, cast: Cast, browser: Browser, fitting: PlanChange
) -> None:
    client = browser(cast.alice)
    page = client.get(path_of(fitting)).text
    app.config["WTF_CSRF_ENABLED"] = True
    assert post(client, fitting, page).status_code == 400
    assert db.session.query(TakenBack).count() == 0


@pytest.mark.parametrize("token", ["", "nonsense", "x" * 3000])
def test_a_form_that_nobody_gave_out_does_nothing(
    cast: Cast, browser: Browser, fitting: PlanChange, token: str
) -> None:
    answer = browser(cast.alice).post(path_of(fitting), data={"confirmation": token})
    assert answer.status_code == 400
    assert "not one the portal gave out" in words(answer.text)
    assert db.session.query(TakenBack).count() == 0


def test_what_another_admin_was_shown_is_theirs(
    cast: Cast, browser: Browser, fitting: PlanChange
) -> None:
    page = browser(cast.alice).get(path_of(fitting)).text
    makes_room(cast, cast.acme, seats=9)
    anna = cast.member(cast.acme, "Anna", Role.ADMIN)
    assert post(browser(anna), fitting, page).status_code == 422
    assert db.session.query(TakenBack).count() == 0


def path_of(change: PlanChange) -> str:
    return f"/account/plan-changes/{change.op_id}/taking-back"


def post(
    client: FlaskClient, change: PlanChange, page: str, headers: dict[str, str] | None = None
) -> TestResponse:
    """Send the form of a page as it is."""
    return client.post(
        path_of(change), data={"confirmation": token_in(page)}, headers=headers or {}
    )


def token_in(page: str) -> str:
    found = re.search(r'name="confirmation" value="([^"]+)"', page)
    assert found is not None
    return found[1]
