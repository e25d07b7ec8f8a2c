"""over.never-unwarned: the mail server is away for three days, and every date moves with it.

A portal of its own hands its emails to a real mail server, which is stopped and started. Eleven
people are on ten seats; the first email arrives, the second can't. `flask simulate` is asked twice:
before anything happens, and while the server is still away.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import Locator, Page, expect

from e2e import acts
from e2e.acts import Company
from e2e.conftest import Portal, free_port, started
from e2e.foretold import Email, came_since, foretell, is_as_told, newest_bill, plain
from tests.faults.mail_server import Mode, PostOffice

TEN, TWENTY = "Standard, 10 users", "Standard, 20 users"
NAMES = ("ada", "ben", "cleo", "dan", "eve", "finn", "gwen", "hal", "ivy", "jo")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class MailServer:
    """Takes everything while it runs; refuses connections while it doesn't."""

    def __init__(self) -> None:
        self.port, self._office = free_port(), PostOffice(Mode.ACCEPTS)
        self.start()

    def start(self) -> None:
        self._running = Controller(self._office, hostname="127.0.0.1", port=self.port)
        self._running.start()

    def stop(self) -> None:
        self._running.stop()

    def taken(self, recipient: str, *, about: str) -> list[EmailMessage]:
        """What it took for somebody, in order, with these words in the subject."""
        return [
            message
            for recipients, message in self._office.stored
            if recipient in recipients and about in message["Subject"]
        ]


@pytest.fixture(scope="module")
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def portal(mail_server: MailServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    data: Path = tmp_path_factory.mktemp("mailing")
    settings = {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": str(mail_server.port)}
    with started(data, **settings, MAIL_USE_TLS="no") as running:
        yield running


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page, portal: Portal) -> Company:
    """Eleven people, since just now."""
    company = acts.sign_up(admin, plan=TEN)
    for name in NAMES:
        portal.add_user(company.email(name), company.name, "member")
    acts.until_sent(admin, company.admin)
    return company


def test_dates_move_later_and_never_closer(
    admin: Page, company: Company, portal: Portal, mail_server: MailServer
) -> None:
    admin.goto("/account")
    began = acts.clock_of(admin)
    undisturbed = foretell(portal, company, began + 8 * DAY)
    told_first = acts.to_the_next_thing(admin, "the daily check") + 5 * DAY + HOUR
    (first,) = came_since(admin, company, began)
    is_as_told([first], undisturbed.emails[:1])
    (message,) = mail_server.taken(company.admin, about="11 of 10 seats")
    assert plain(message.get_body(("plain",)).get_content()) == first.text

    admin.goto("/account")
    acts.move_clock(admin, "+1 day")
    mail_server.stop()
    acts.move_clock(admin, "+1 day", "+1 day", "+1 day")
    moved = acts.instant_in(over_limit(admin).locator("time").first)
    assert moved > told_first + DAY
    pages_say_how_it_stands(admin, company)
    again = foretell(portal, company, acts.clock_of(admin) + 5 * DAY)
    (bill,) = again.bills
    upgrade_at = again.at("plan.changed")
    restarted_at = acts.clock_of(admin)
    mail_server.start()

    acts.move_clock(admin, "+1 day")
    third_at = acts.to_the_next_thing(admin, "the third warning")
    assert acts.to_the_next_thing(admin, "the auto-upgrade") == upgrade_at
    admin.goto("/account")
    expect(admin.get_by_role("region", name="Your plan")).to_contain_text(TWENTY)
    came = came_since(admin, company, began)
    is_as_told(came[1:], again.emails)
    keep_their_distance(came[:3], upgrade_at)
    assert restarted_at <= came[1].at <= restarted_at + HOUR
    assert third_at - came[1].at >= 2 * DAY - HOUR
    each_names_the_date_that_held(came[:3], upgrade_at)
    assert newest_bill(admin) == bill
    sent = [message["Subject"] for message in mail_server.taken(company.admin, about="")]
    assert len(sent) == len(set(sent)), "nothing twice"


def pages_say_how_it_stands(admin: Page, company: Company) -> None:
    """What is known while the second email can't be sent: the moved date, and that it waits."""
    date = over_limit(admin).locator("time").first.inner_text()
    expect(over_limit(admin)).to_contain_text("The second of three emails about it is on its way")
    admin.goto("/users")
    expect(admin.locator("#over-limit-banner")).to_contain_text(date)
    admin.locator("#over-limit-banner").get_by_role("link", name="See why").click()
    expect(admin.get_by_role("region", name="What follows")).to_contain_text(date)
    story = admin.get_by_role("region", name="What happened").get_by_role("listitem")
    expect(story.filter(has_text="taken by the mail server").first).to_be_visible()
    expect(story.filter(has_text=f"To {company.admin}: on its way").first).to_be_visible()
    acts.open_email(admin, company.admin, "11 of 10 seats", "On its way")
    expect(acts.fact(admin, "Last trouble")).to_contain_text("ConnectionRefusedError")


def keep_their_distance(warnings: list[Email], upgrade_at: datetime) -> None:
    """From acceptance to acceptance: 48 hours, 48 hours, 24 to the upgrade, 120 in all."""
    first, second, third = (email.at for email in warnings)
    assert second - first >= 48 * HOUR
    assert third - second >= 48 * HOUR
    assert upgrade_at - third >= 24 * HOUR
    assert upgrade_at - first >= 120 * HOUR


def each_names_the_date_that_held(warnings: list[Email], upgrade_at: datetime) -> None:
    """Nobody reads the first date again: the later emails say the moved one."""
    moved = f"{acts.day(upgrade_at)}, {upgrade_at:%H:%M}"
    assert [moved in email.text for email in warnings] == [False, True, True]


def over_limit(page: Page) -> Locator:
    return page.get_by_role("region", name="Over the limit")
