"""What `flask simulate` tells of an account, and what then really came."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from playwright.sync_api import Page, expect

from e2e import acts
from e2e.acts import Company
from e2e.conftest import Portal

# The real work takes a moment, the simulated one none.
A_MOMENT = timedelta(minutes=2)
# What is given out by chance or in turn, so that nobody can know it beforehand.
NUMBER = re.compile(r"\b([A-Z]+-\d{4})-(?:\d+|…)\.?")
KEY = re.compile(r"\b[0-9a-f]{32}\b")
# Of a file that there isn't yet.
HASH = re.compile(r"Its SHA-256:\s+[0-9a-f]{64}\s*")


@dataclass(frozen=True)
class Email:
    """An email to the Admin, at the instant the mail server took it."""

    at: datetime
    subject: str
    text: str


@dataclass(frozen=True)
class Bill:
    """An invoice: its lines and what is due, each as "label amount"."""

    lines: list[str]
    due: str


@dataclass(frozen=True)
class Story:
    """A simulation: `facts` is its JSON, `text` what it tells a reader."""

    facts: dict[str, Any]
    text: str

    @property
    def emails(self) -> list[Email]:
        told = [each for each in self.facts["happenings"] if each["what"] == "email"]
        return [
            Email(datetime.fromisoformat(each["at"]), plain(each["subject"]), plain(each["text"]))
            for each in told
        ]

    @property
    def bills(self) -> list[Bill]:
        invoices = [each.get("invoice") for each in self.facts["happenings"]]
        return [_bill(invoice) for invoice in invoices if invoice]

    @property
    def plan_in_the_end(self) -> str:
        return str(self.facts["after"]["plan"])

    def at(self, what: str) -> datetime:
        """When the one thing of this kind happens."""
        (found,) = [each["at"] for each in self.facts["happenings"] if each["what"] == what]
        return datetime.fromisoformat(found)


def foretell(portal: Portal, company: Company, to: datetime, *questions: str) -> Story:
    """Ask for both forms; whoever reads the text reads what the JSON says."""
    ask = ("simulate", company.name, "--to", to.isoformat(), *questions)
    story = Story(json.loads(portal.flask(*ask, "--json")), portal.flask(*ask))
    words = " ".join(story.text.split())
    for email in story.emails:
        assert f"Email to {company.admin}: {email.subject}" in plain(words)
    for bill in story.bills:
        assert f"Due {bill.due}" in words
    return story


def came_since(page: Page, company: Company, since: datetime) -> list[Email]:
    """Every email the Admin got since then, in order, as the mailbox has it."""
    rows = acts.emails(page, company.admin)
    written = [(acts.instant_in(row.locator("time")), _link(row)) for row in rows.all()]
    return sorted((_email(page, link) for at, link in written if at >= since), key=_at)


def is_as_told(came: Sequence[Email], told: Sequence[Email]) -> None:
    """The same emails, word by word, each in its hour."""
    came, told = sorted(came, key=_day_and_subject), sorted(told, key=_day_and_subject)
    assert [email.subject for email in came] == [email.subject for email in told]
    for real, expected in zip(came, told, strict=True):
        assert real.text == expected.text
        assert abs(real.at - expected.at) < A_MOMENT, real.subject


def newest_bill(page: Page) -> Bill:
    """The newest invoice on its page."""
    invoice = acts.newest_invoice(page)
    due = invoice.get_by_role("region", name="Payment").locator(".figure").inner_text()
    return Bill(acts.sums(invoice.locator("tbody").first), due)


def plain(text: str) -> str:
    """Without numbers, keys, sums of files and line breaks, which nobody can foretell or miss."""
    return " ".join(KEY.sub("…", HASH.sub("", NUMBER.sub(r"\1-…", text))).split())


def money(minor: int) -> str:
    """Dollars as pages write them."""
    return f"{'−' if minor < 0 else ''}${abs(minor) // 100:,}.{abs(minor) % 100:02}"


def _bill(invoice: dict[str, Any]) -> Bill:
    lines = [f"{line['description']} {money(line['amount_minor'])}" for line in invoice["lines"]]
    return Bill(lines, money(invoice["due_minor"]))


def _link(row: Any) -> str:
    return str(row.get_by_role("link").get_attribute("href"))


def _email(page: Page, link: str) -> Email:
    page.goto(link)
    settled = acts.fact(page, "Settled")
    expect(settled).to_be_visible()
    text = page.locator(".mail-text").inner_text()
    subject = page.get_by_role("heading", level=1).inner_text()
    return Email(acts.instant_in(settled.locator("time")), plain(subject), plain(text))


def _at(email: Email) -> datetime:
    return email.at


def _day_and_subject(email: Email) -> tuple[date, str]:
    """Of one instant, several may be taken in any order."""
    return email.at.date(), email.subject
