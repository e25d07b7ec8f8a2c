"""The sandbox's mailbox: what everybody got, readable and harmless."""

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from portal import outbox
from portal.config import Mode
from portal.extensions import db
from portal.mail import mailer
from portal.models import Episode, Notice, User, Work
from portal.transaction import transaction
from tests.cast import Cast, FixedClock
from tests.notices.post import ODD_NAME, deliver_all, newest

Browser = Callable[..., FlaskClient]


@pytest.mark.parametrize("who", ["alice", "carol", None])
def test_the_list_shows_emails_newest_first_also_to_strangers(
    browser: Browser, episode: Episode, cast: Cast, who: str | None
) -> None:
    page = browser(getattr(cast, who) if who else None).get("/dev/mailbox")
    assert page.status_code == 200
    emails = re.findall(r"/dev/mailbox/([0-9a-f]{32})", page.text)
    ids = [_by_public_id(public_id).id for public_id in emails]
    assert ids == sorted(ids, reverse=True)
    assert newest("warning").public_id in emails


def test_the_list_can_be_narrowed_to_one_person(
    browser: Browser, episode: Episode, cast: Cast
) -> None:
    page = browser(None).get("/dev/mailbox", query_string={"to": cast.alice.email})
    assert newest("warning").subject in page.text
    page = browser(None).get("/dev/mailbox", query_string={"to": "nobody@example.com"})
    assert newest("warning").subject not in page.text


def test_the_list_renews_itself_as_a_fragment(browser: Browser, episode: Episode) -> None:
    page = browser(None).get("/dev/mailbox", headers={"HX-Request": "true"})
    assert page.text.lstrip().startswith('<div id="mailbox-list"')
    assert "<html" not in page.text


@pytest.mark.parametrize("query", ["page=0", "page=-3", "page=999999999999", "page=x", "to=%ff"])
def test_odd_addresses_of_the_list_still_show_it(
    browser: Browser, episode: Episode, query: str
) -> None:
    assert browser(None).get(f"/dev/mailbox?{query}").status_code == 200


def test_an_email_is_shown_as_text_and_with_the_server_s_answer(
    browser: Browser, episode: Episode, clock: FixedClock
) -> None:
    notice = newest("warning")
    page = browser(None).get(f"/dev/mailbox/{notice.public_id}")
    assert "On its way" in page.text
    deliver_all(clock.now())
    page = browser(None).get(f"/dev/mailbox/{notice.public_id}")
    assert mailer.KEPT in page.text
    assert "Accepted" in page.text
    assert "25 of 30 days × $100.00 = −$83.33" in page.text
    assert ODD_NAME not in page.text


def test_an_email_that_waits_says_what_stands_in_the_way(
    browser: Browser, episode: Episode, clock: FixedClock
) -> None:
    notice = newest("warning")
    with transaction() as session:
        item = outbox.find(session, Work.NOTICE, notice.id)
        item.attempts = 3
        outbox.put_off(item, "451 4.7.1 Greylisted", at=clock.now())
    assert "451 4.7.1 Greylisted" in browser(None).get(f"/dev/mailbox/{notice.public_id}").text


def test_the_html_is_framed_and_can_do_nothing(browser: Browser, episode: Episode) -> None:
    notice = newest("warning")
    page = browser(None).get(f"/dev/mailbox/{notice.public_id}")
    frame = re.search(r"<iframe[^>]*>", page.text)
    assert frame is not None
    assert 'sandbox="allow-top-navigation-by-user-activation"' in frame[0]

    alone = browser(None).get(f"/dev/mailbox/{notice.public_id}/html")
    assert alone.headers["X-Frame-Options"] == "SAMEORIGIN"
    policy = alone.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert "allow-scripts" not in policy
    (sheet,) = re.findall(r"<style>(.*?)</style>", alone.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    assert '<base target="_top">' in alone.text


def test_the_calendar_file_can_be_downloaded(browser: Browser, episode: Episode) -> None:
    file = browser(None).get(f"/dev/mailbox/{newest('warning').public_id}/deadline.ics")
    assert file.mimetype == "text/calendar"
    assert "attachment" in file.headers["Content-Disposition"]
    assert file.text.startswith("BEGIN:VCALENDAR\r\n")


@pytest.mark.parametrize("path", ["", "/html", "/deadline.ics"])
def test_an_email_there_is_not_is_not_found(browser: Browser, cast: Cast, path: str) -> None:
    assert browser(None).get(f"/dev/mailbox/{'0' * 32}{path}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/dev/mailbox", "/dev/mailbox/{id}", "/dev/mailbox/{id}/html", "/dev/components"]
)
def test_production_has_none_of_it(
    app: Flask, browser: Browser, episode: Episode, cast: Cast, path: str
) -> None:
    app.config["PORTAL"] = replace(app.config["PORTAL"], mode=Mode.PRODUCTION)
    path = path.replace("{id}", newest("warning").public_id)
    for person in (cast.alice, None):
        assert browser(person).get(path).status_code == 404


def test_the_components_page_shows_a_refused_form(browser: Browser, cast: Cast) -> None:
    page = _components(browser, cast.alice)
    assert page.status_code == 200
    assert "Write it like ada@example.com." in page.text


def test_the_components_page_asks_strangers_to_sign_in(browser: Browser, cast: Cast) -> None:
    page = browser(None).get("/dev/components")
    assert page.status_code == 303
    assert page.headers["Location"].startswith("/login?next=")


def _components(browser: Browser, user: User) -> object:
    return browser(user).get("/dev/components")


def _by_public_id(public_id: str) -> Notice:
    return db.session.query(Notice).filter_by(public_id=public_id).one()
