"""Pages and emails say for how long documents are kept once a plan has ended.

Acme's plan of 1 March 2026 ends on the 31st; documents are kept for 365 days from then.
"""

from collections.abc import Callable

from flask.testing import FlaskClient

from portal.models import User
from tests.blueprints.pages import words
from tests.cast import Cast, FixedClock
from tests.client_stories import ClientList
from tests.credit_stories import emails
from tests.document_stories import Shelf, kept_for, work

Browser = Callable[[User | None], FlaskClient]
UNTIL = "Documents of clients can be downloaded until 31 Mar 2027 at least."


def test_whoever_cancels_is_told_before(cast: Cast, browser: Browser) -> None:
    client = browser(cast.alice)
    page = words(client.get("/account/cancellation").text)
    assert f"{UNTIL} Then they are removed, if no plan runs again" in page
    assert "Everything else is kept" in page
    cast.cancel(cast.acme)
    assert UNTIL in words(client.get("/account/cancellation").text)
    (email, _) = emails(cast.acme, "cancelled")
    assert UNTIL in " ".join(email.body_text.split())
    assert UNTIL in " ".join(email.body_html.split())


def test_afterwards_it_is_on_the_account_s_page_and_they_can_be_downloaded(
    cast: Cast, browser: Browser, clock: FixedClock
) -> None:
    ada = ClientList(cast.acme, clock).add("Ada")
    document = Shelf(cast.acme, clock).keep(ada)
    ended(cast)
    bob, alice = browser(cast.bob), browser(cast.alice)
    assert UNTIL.rstrip(".") in words(alice.get("/account").text)
    for path in ("/clients/documents", f"/clients/{ada}/documents"):
        page = words(bob.get(path).text)
        assert "Documents can be downloaded for 365 days after a plan has ended" in page
        assert "All that is here is kept" not in page
    assert "All that is here is kept" in words(bob.get("/clients").text)
    assert bob.get(f"/clients/{ada}/documents/{document}").data == b"twelve bytes"
    (email, _) = emails(cast.acme, "subscription_ended")
    assert UNTIL in " ".join(email.body_text.split())


def test_nothing_is_said_of_an_end_where_there_is_none(cast: Cast, browser: Browser) -> None:
    kept_for(0)
    client = browser(cast.alice)
    assert "Everything is kept" in words(client.get("/account/cancellation").text)
    ended(cast)
    assert "Documents of clients" not in words(client.get("/account").text)
    assert "All that is here is kept" in words(client.get("/clients/documents").text)
    (email, _) = emails(cast.acme, "subscription_ended")
    assert "Documents of clients are kept, and can be downloaded." in " ".join(
        email.body_text.split()
    )


def ended(cast: Cast) -> None:
    cast.cancel(cast.acme)
    cast.clock.advance(days=30, hours=1)
    work()
