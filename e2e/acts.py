"""What people do in the journeys, by what they see on the pages."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count

from playwright.sync_api import FilePayload, Locator, Page, expect

PASSWORD = "a quiet river runs through"
EXAMPLE_PASSWORD = "an open door for a look around"
SMALL, LARGER = "Standard, 5 users", "Standard, 10 users"
# Its clock is UTC all year, so that days on pages are days of the clock.
COUNTRY = "Iceland"
STEPS = {"+1 day": timedelta(days=1), "+5 days": timedelta(days=5)}
# How long the clock may take over some days of everybody's work.
JOURNEY_MS = 120_000
SENT_SECONDS = 30
numbers = count(1)


@dataclass(frozen=True)
class Company:
    """An account that a journey opened, by its first Admin."""

    name: str
    domain: str

    @property
    def admin(self) -> str:
        return self.email("admin")

    def email(self, person: str) -> str:
        return f"{person}@{self.domain}"


def sign_up(page: Page, *, plan: str = SMALL, card: str = "4242", yearly: bool = False) -> Company:
    """Open an account of its own; the page is then My Account."""
    company = fill_sign_up(page, plan=plan, card=card, yearly=yearly)
    page.get_by_role("button", name="Open the account").click()
    expect(page.get_by_role("heading", name="My account")).to_be_visible()
    return company


def fill_sign_up(page: Page, *, plan: str, card: str, yearly: bool = False) -> Company:
    """Write everything into the form that opens an account, paid with a test card."""
    number = next(numbers)
    company = Company(f"Journey {number}", f"journey-{number}.example.com")
    page.goto("/signup?interval=yearly" if yearly else "/signup")
    page.get_by_label(plan).check()
    page.get_by_label("Company").fill(company.name)
    page.get_by_label("Country").select_option(label=COUNTRY)
    page.get_by_label("Your name").fill(f"Admin {number}")
    page.get_by_role("textbox", name="Email").fill(company.admin)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label(f"Test card ending {card}").check()
    return company


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    page.goto("/login")
    page.get_by_role("textbox", name="Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def sign_out(page: Page) -> None:
    page.locator(".person-menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def invite(admin: Page, email: str, role: str) -> None:
    """Ask somebody into the account."""
    fill_invitation(admin, email, role)
    expect(admin.locator("#user-board")).to_contain_text(email)


def fill_invitation(admin: Page, email: str, role: str) -> None:
    admin.goto("/users")
    form = admin.locator("#invite-form")
    form.get_by_role("textbox", name="Email").fill(email)
    form.get_by_role("radio", name=role).check()
    form.get_by_role("button", name="Send invitation").click()


def accept(page: Page, email: str, *, name: str, told: str = "") -> None:
    """Join by the link in the invitation's email, having read what it says will follow."""
    open_email(page, email, "You are invited")
    page.frame_locator("iframe").get_by_role("link", name="Accept the invitation").click()
    expect(page.get_by_role("main")).to_contain_text(told)
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def emails(page: Page, to: str) -> Locator:
    """Everything that one person got, newest first."""
    page.goto(f"/dev/mailbox?to={to}")
    return page.locator("#mailbox-list tbody tr")


def until_sent(page: Page, to: str) -> None:
    """Until every email to somebody was taken by the mail server: a receipt waits for its PDF."""
    until = time.monotonic() + SENT_SECONDS
    while emails(page, to).filter(has_text="On its way").count():
        assert time.monotonic() < until, f"an email to {to} was not sent"
        time.sleep(0.2)


def open_email(page: Page, to: str, *words: str) -> Locator:
    """Open the newest email with these words in the list; returns its text."""
    rows = emails(page, to)
    for word in words:
        rows = rows.filter(has_text=word)
    rows.first.get_by_role("link").click()
    expect(page.get_by_role("heading", name="As text")).to_be_visible()
    return page.locator(".mail-text")


def bring_in(page: Page, rows: list[str]) -> None:
    """Import clients, each "name,status", and agree to what the dry run says."""
    content = "\n".join(["Name,Status", *rows]).encode()
    check_file(page, FilePayload(name="clients.csv", mimeType="text/csv", buffer=content))
    page.get_by_role("button", name=re.compile(r"^Add [\d,]+ client")).click()
    expect(page.get_by_role("heading", name=re.compile("added$"))).to_be_visible()


def check_file(page: Page, file: FilePayload | str) -> None:
    """The dry run of a file."""
    page.goto("/clients/import")
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("heading", name="Check the import")).to_be_visible()


def fact(page: Page, term: str) -> Locator:
    """What a page says beside a term."""
    return page.locator("dl.facts div").filter(has=page.get_by_text(term, exact=True)).locator("dd")


def row(page: Page, name: str) -> Locator:
    """The row of a list that begins with a name."""
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))


def said(page: Page, text: str) -> Locator:
    """What a page tells was done."""
    return page.get_by_role("main").get_by_role("status").filter(has_text=text)


def open_quote(page: Page, plan: str, *, interval: str = "monthly") -> Locator:
    """From Change Plan to what a plan costs."""
    page.goto(f"/account/change-plan?interval={interval}")
    page.get_by_role("link", name=f"See the price of {plan}").click()
    costs = page.get_by_role("region", name="What it costs")
    expect(costs).to_be_visible()
    return costs


def pay_with(page: Page, card: str) -> None:
    """Choose a test card beside a quote."""
    choice = page.get_by_label("Pay with")
    choice.select_option(label=choice.locator("option").filter(has_text=card).inner_text())


def change_card(page: Page, card: str) -> None:
    """Pay with another test card from now on."""
    page.goto("/account/payment-method")
    page.get_by_label(f"Test card ending {card}").check()
    page.get_by_role("button", name="Pay with this card").click()


def newest_invoice(page: Page) -> Locator:
    """Open it from the list; returns its main part."""
    page.goto("/invoices")
    page.locator("main tbody th[scope=row] a").filter(has_text="INV-").first.click()
    expect(page.get_by_role("heading", name="How it was worked out")).to_be_visible()
    return page.get_by_role("main")


def sums(table: Locator) -> list[str]:
    """The rows of a sum, each as "label amount", without the details under the labels."""
    rows = []
    for line in table.locator("tr").all():
        label = line.locator("th").evaluate("cell => cell.firstChild.textContent.trim()")
        rows.append(f"{label} {line.locator('td').last.inner_text()}")
    return rows


def used(page: Page, metric: str) -> Locator:
    """The figures of a meter: "3 of 300"."""
    return page.locator(f'[data-metric="{metric}"] .meter-figures')


@contextmanager
def without_reload(*pages: Page) -> Iterator[None]:
    """Whatever these pages come to show meanwhile, they show by themselves."""
    loaded: list[str] = []
    for page in pages:
        # What it shows may be there before all it is made of.
        page.wait_for_load_state()
        page.on("load", lambda page: loaded.append(page.url))
    yield
    assert loaded == []


def clock_of(page: Page) -> datetime:
    """What time the portal's clock says on this page."""
    return instant_in(page.locator(".clockbar-now time"))


def instant_in(time: Locator) -> datetime:
    return datetime.fromisoformat(time.get_attribute("datetime") or "")


def day(instant: datetime) -> str:
    """As pages write it: 7 Dec 2026."""
    return f"{instant.day} {instant:%b %Y}"


def move_clock(page: Page, *steps: str) -> None:
    """Press the bar's buttons, each when the clock has arrived where the one before sent it."""
    for step in steps:
        _send_clock(page, step, to=clock_of(page) + STEPS[step])


def to_the_next_thing(page: Page, what: str) -> datetime:
    """Send the clock to what the bar says is next; returns when that was."""
    coming = page.locator(".clockbar-next")
    expect(coming).to_contain_text(f"Next: {what}")
    at = instant_in(coming.locator("time"))
    _send_clock(page, "To the next thing", to=at)
    return at


def _send_clock(page: Page, button: str, *, to: datetime) -> None:
    """Until the page shows, by itself, the clock at rest and there."""
    with page.expect_navigation():
        page.get_by_role("button", name=button).click()
    at_rest = page.locator("#sandbox-clock:not([aria-busy])")
    expect(at_rest).to_be_visible(timeout=JOURNEY_MS)
    assert clock_of(page) >= to
