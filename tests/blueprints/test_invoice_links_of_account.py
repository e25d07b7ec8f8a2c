"""All links to an account's invoices: seen and ended by its Admins, and gone with who made them."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from portal.audit import SYSTEM
from portal.billing import people
from portal.billing.rules.roles import Role
from portal.extensions import db, limiter
from portal.models import AuditEntry, InvoiceLink, User
from portal.papers import making
from portal.transaction import transaction
from tests.blueprints.pages import in_order, words
from tests.cast import Cast, FixedClock
from tests.credit_stories import newest

Browser = Callable[[User | None], FlaskClient]
PAGE = "/invoices/links"


@pytest.fixture(autouse=True)
def _quick_pdfs(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "render", lambda paper: making.Files(paper.number.encode()))
    making.make(newest(cast.acme).id)


def make(client: FlaskClient, number: str, days: str = "30") -> str:
    """The path of a new link."""
    page = client.get(f"/invoices/{number}").text
    token = unescape(re.search(r'name="token" value="([^"]+)"', page)[1])  # type: ignore[index]
    answer = client.post(f"/invoices/{number}/links", data={"token": token, "days": days})
    assert answer.status_code == 200
    return re.search(r'id="new-link" value="http[^"]*?(/i/[^"]+)"', answer.text)[1]  # type: ignore[index]


def works(browser: Browser, path: str) -> bool:
    return browser(None).get(path).status_code == 200


def withdrawals() -> list[dict[str, object]]:
    db.session.rollback()
    statement = select(AuditEntry.details).where(AuditEntry.action == "invoice_link.withdrawn")
    return list(db.session.scalars(statement.order_by(AuditEntry.id)))


def become(cast: Cast, user: User, role: Role) -> None:
    with transaction() as session:
        membership = people.membership_in(session, cast.acme.id, user.id)
        assert membership is not None
        people.set_role(session, membership, role, now=cast.clock.now(), actor=SYSTEM)


# --- The page ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "status"), [("alice", 200), ("carol", 403), ("bob", 403), ("nobody", 303)]
)
def test_roles_server_side(cast: Cast, browser: Browser, person: str, status: int) -> None:
    path = make(browser(cast.alice), newest(cast.acme).number_text)
    client = browser(getattr(cast, person, None))
    name = db.session.scalar(select(InvoiceLink.public_id))
    assert client.get(PAGE).status_code == status
    allowed = 303 if status == 200 else status
    assert client.post(f"{PAGE}/{name}/withdrawal").status_code == allowed
    assert client.post(f"{PAGE}/withdrawals").status_code == allowed
    assert works(browser, path) is (status != 200)


def test_every_link_of_the_account_is_there(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    first = newest(cast.acme).number_text
    opened = make(browser(cast.carol), first, "7")
    clock.advance(hours=1)
    assert works(browser, opened)
    cast.buy(cast.acme, seat=1)
    second = newest(cast.acme).number_text
    make(browser(cast.alice), second, "90")
    client = browser(cast.alice)
    assert f'href="{PAGE}"' in client.get("/invoices").text
    in_order(
        words(client.get(PAGE).text),
        *(second, "30 May 2026, 10:00 UTC", "1 Mar 2026 by Alice", "not yet"),
        *(first, "8 Mar 2026, 09:00 UTC", "1 Mar 2026 by Carol", "once last on 1 Mar 2026, 10:00"),
        "2 links",
    )
    assert f'href="{PAGE}"' not in browser(cast.carol).get("/invoices").text


def test_those_that_are_over_are_not(cast: Cast, browser: Browser, clock: FixedClock) -> None:
    make(browser(cast.alice), newest(cast.acme).number_text, "7")
    clock.advance(days=7)
    assert "No link works now" in browser(cast.alice).get(PAGE).text


def test_one_is_ended(cast: Cast, browser: Browser) -> None:
    client, number = browser(cast.alice), newest(cast.acme).number_text
    gone, stays = make(browser(cast.carol), number), make(browser(cast.carol), number)
    name = db.session.scalar(select(InvoiceLink.public_id).order_by(InvoiceLink.id).limit(1))
    answer = client.post(f"{PAGE}/{name}/withdrawal", follow_redirects=True)
    assert "The link was withdrawn." in answer.text
    assert (works(browser, gone), works(browser, stays)) == (False, True)


def test_all_are_ended_at_once(cast: Cast, browser: Browser) -> None:
    number, other = newest(cast.acme).number_text, newest(cast.other)
    paths = [make(browser(person), number) for person in (cast.alice, cast.carol, cast.carol)]
    making.make(other.id)
    foreign = make(browser(cast.mallory), other.number_text)
    answer = browser(cast.alice).post(f"{PAGE}/withdrawals", follow_redirects=True)
    in_order(words(answer.text), "No link works now")
    assert "3 links were withdrawn." in answer.text
    assert not any(works(browser, path) for path in paths)
    assert works(browser, foreign), "another account's stays"
    assert withdrawals() == [{"invoice": number, "opened": 0}] * 3


def test_another_accounts_link_is_not_there(cast: Cast, browser: Browser) -> None:
    path = make(browser(cast.alice), newest(cast.acme).number_text)
    name = db.session.scalar(select(InvoiceLink.public_id))
    mallory = browser(cast.mallory)
    assert mallory.post(f"{PAGE}/{name}/withdrawal").status_code == 404
    assert "No link works now" in mallory.get(PAGE).text
    assert works(browser, path)


# --- Who leaves ----------------------------------------------------------------------------------


def test_they_end_with_the_access_of_who_made_them(cast: Cast, browser: Browser) -> None:
    number = newest(cast.acme).number_text
    of_carol, of_alice = make(browser(cast.carol), number), make(browser(cast.alice), number)
    assert works(browser, of_carol)
    cast.leave(cast.acme, cast.carol)
    assert (works(browser, of_carol), works(browser, of_alice)) == (False, True)
    assert withdrawals() == [{"invoice": number, "opened": 1, "left": "Carol"}]
    in_order(
        words(browser(cast.alice).get("/account/history?kind=money").text),
        f"Link to invoice {number} withdrawn",
        "Carol, who made it, sees no invoices any more. It was opened 1 time.",
    )


@pytest.mark.parametrize(("role", "stays"), [(Role.MEMBER, False), (Role.ADMIN, True)])
def test_another_role_ends_them_where_it_sees_no_invoices(
    cast: Cast, browser: Browser, role: Role, stays: bool
) -> None:
    path = make(browser(cast.carol), newest(cast.acme).number_text)
    become(cast, cast.carol, role)
    assert works(browser, path) is stays


def test_who_comes_back_finds_them_ended(cast: Cast, browser: Browser) -> None:
    path = make(browser(cast.carol), newest(cast.acme).number_text)
    cast.leave(cast.acme, cast.carol)
    with transaction() as session:
        carol = people.membership_in(session, cast.acme.id, cast.carol.id)
        assert carol is not None
        people.reactivate(session, carol, now=cast.clock.now(), actor=SYSTEM)
    assert not works(browser, path)


# --- How many ------------------------------------------------------------------------------------


def test_an_account_makes_thirty_an_hour(cast: Cast, browser: Browser) -> None:
    number, clients = newest(cast.acme).number_text, [browser(cast.alice), browser(cast.carol)]
    limiter.enabled = True
    limiter.reset()
    path = f"/invoices/{number}/links"
    try:
        statuses = [clients[turn % 2].post(path, data={}).status_code for turn in range(31)]
    finally:
        limiter.enabled = False
        limiter.reset()
    assert statuses == [422] * 30 + [429]
