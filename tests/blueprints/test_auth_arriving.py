"""Links of emails lead to the account they are about, for people who have several."""

from portal.audit import SYSTEM
from portal.billing import people
from portal.billing.rules.roles import Role
from portal.models import Account, User
from portal.transaction import transaction
from tests.cast import Cast


def test_a_link_about_this_account_leads_to_its_page(cast: Cast, browser) -> None:
    arrived = browser(cast.alice).get(f"/in/{cast.acme.public_id}/users?x=1")
    assert (arrived.status_code, arrived.location) == (303, "/users")


def test_a_link_about_another_account_of_mine_asks_to_switch(cast: Cast, browser) -> None:
    carol = browser(cast.carol)
    with transaction() as session:
        people.add_member(
            session,
            session.get_one(Account, cast.other.id),
            session.get_one(User, cast.carol.id),
            Role.BILLING,
            now=cast.clock.now(),
            actor=SYSTEM,
        )
    page = carol.get(f"/in/{cast.other.public_id}/invoices/INV-2026-000002")
    assert "Switch to Other" in page.text

    switched = carol.post(
        "/accounts",
        data={"account": cast.other.public_id, "next": "/invoices/INV-2026-000002"},
    )
    assert switched.location == "/invoices/INV-2026-000002"
    assert carol.get(switched.location).status_code == 200


def test_a_link_about_somebody_else_s_account_leads_nowhere(cast: Cast, browser) -> None:
    assert browser(cast.mallory).get(f"/in/{cast.acme.public_id}/users").status_code == 404
    assert browser(cast.mallory).get("/in/nothing/users").status_code == 404


def test_a_stranger_signs_in_and_arrives(cast: Cast, browser) -> None:
    answer = browser(None).get(f"/in/{cast.acme.public_id}/users")
    assert answer.status_code == 303
    assert "next=" in answer.location


def test_a_link_never_leads_off_the_site(cast: Cast, browser) -> None:
    arrived = browser(cast.alice).get(f"/in/{cast.acme.public_id}//evil.example/x")
    assert arrived.status_code != 303 or arrived.location.startswith("/evil.example")
