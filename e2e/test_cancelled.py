"""Cancelled, withdrawn, cancelled again, ended, and back: at each step the pages say how it is."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pypdf
import pytest
from playwright.sync_api import Locator, Page, expect

from e2e import acts, looks
from e2e.acts import SMALL, Company

CYCLE = timedelta(days=30)


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def member(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page, member: Page) -> Company:
    """An Admin, a Member and two clients."""
    company = acts.sign_up(admin)
    acts.invite(admin, company.email("mo"), "Member")
    acts.accept(member, company.email("mo"), name="Mo Member")
    acts.bring_in(admin, ["Client A,Client", "Client B,Lead"])
    return company


@pytest.fixture(scope="module")
def ended_at(admin: Page, member: Page, company: Company) -> datetime:
    """When the plan ended, while somebody was writing."""
    member.goto("/clients/new")
    member.get_by_role("textbox", name="Name").fill("Client C")
    admin.goto("/account")
    return acts.to_the_next_thing(admin, "the end of the plan")


def test_what_cancelling_leads_to_is_said_before(admin: Page, company: Company) -> None:
    admin.goto("/account")
    ends_on = acts.day(acts.clock_of(admin) + CYCLE)
    admin.get_by_role("link", name="Cancel the plan").click()

    main = admin.get_by_role("main")
    expect(main).to_contain_text(f"{SMALL} would run until {ends_on}")
    expect(main).to_contain_text("the account can be read, not worked in")
    main.get_by_role("button", name=f"Cancel {SMALL}").click()
    expect(cancelled(admin)).to_contain_text(f"Your plan is cancelled: it ends on {ends_on}")
    expect(admin.get_by_role("region", name="Your plan")).to_contain_text("Next charge None")
    told = acts.open_email(admin, company.admin, f"{SMALL} ends on {ends_on}")
    expect(told).to_contain_text("An Admin can withdraw the cancellation until then")


def test_nothing_else_is_changed_meanwhile(admin: Page, company: Company) -> None:
    """Change Plan and Add-ons say what has to be withdrawn first."""
    admin.goto("/account/change-plan")
    expect(admin.get_by_role("main")).to_contain_text("Withdraw the cancellation first")
    admin.goto("/account/add-ons")
    expect(admin.get_by_role("button", name="Withdraw the cancellation")).to_be_visible()


def test_withdrawn_and_cancelled_again(admin: Page, company: Company) -> None:
    """charge.cancel: taken back, it renews as before."""
    admin.goto("/account")
    admin.get_by_role("button", name="Keep my plan").click()
    expect(admin.get_by_text("The cancellation is withdrawn")).to_be_visible()
    expect(cancelled(admin)).to_have_count(0)
    expect(admin.get_by_role("region", name="Your plan")).to_contain_text("$50.00 on")

    admin.goto("/account/cancellation")
    admin.get_by_role("button", name=f"Cancel {SMALL}").click()
    expect(cancelled(admin)).to_be_visible()


def test_it_ends(admin: Page, company: Company, ended_at: datetime) -> None:
    """charge.cancel: nothing is charged, and everybody who should know is told."""
    main = admin.get_by_role("main")
    expect(main).to_contain_text("Your plan has ended")
    expect(main).to_contain_text(f"it ran until {acts.day(ended_at)}")
    acts.open_email(admin, company.admin, f"{SMALL} has ended")
    admin.goto("/invoices")
    expect(admin.locator("main tbody tr")).to_have_count(1)


def test_nobody_can_work_in_it(admin: Page, member: Page, ended_at: datetime) -> None:
    """charge.cancel: what was being written is refused, and no page offers what would be."""
    member.get_by_role("button", name="Add client").click()
    expect(member.get_by_role("main")).to_contain_text("it can be read but not changed")

    member.goto("/clients")
    expect(read_only(member)).to_contain_text("An Admin can choose a plan")
    expect(acts.row(member, "Client A")).to_be_visible()
    expect(acts.row(member, "Client C")).to_be_hidden()
    for page, path, offer in (
        (member, "/clients", "Add client"),
        (member, "/clients", "Suspend"),
        (member, "/clients/import", "Check the file"),
        (member, "/clients/statuses", "Add status"),
        (admin, "/users", "Send invitation"),
    ):
        page.goto(path)
        expect(read_only(page)).to_be_visible()
        expect(page.get_by_role("main").get_by_text(offer, exact=True)).to_have_count(0)
    # So that a smaller plan can hold them.
    admin.goto("/users")
    expect(admin.get_by_text("Deactivate", exact=True).first).to_be_visible()
    admin.goto("/clients")
    acts.row(admin, "Client A").get_by_role("link").click()
    expect(admin.get_by_role("textbox", name="Name")).to_be_disabled()
    expect(admin.get_by_role("textbox", name="Name")).to_have_value("Client A")


def test_what_can_only_be_read_is_in_order(admin: Page, ended_at: datetime) -> None:
    looks.are_in_order(admin, "/account", "/clients", "/clients/new", "/clients/statuses", "/users")


def test_what_is_there_can_be_taken_along(admin: Page, ended_at: datetime, tmp_path: Path) -> None:
    """charge.cancel: the clients as a file, the invoices as PDF."""
    admin.goto("/clients")
    with admin.expect_download() as download:
        admin.get_by_role("link", name="Export as CSV").click()
    download.value.save_as(tmp_path / "clients.csv")
    written = (tmp_path / "clients.csv").read_text(encoding="utf-8-sig")
    assert "Client A" in written
    assert "Client B" in written

    admin.goto("/invoices")
    with admin.expect_download() as download:
        admin.get_by_role("link", name=re.compile("as PDF")).click()
    download.value.save_as(tmp_path / "invoice.pdf")
    printed = pypdf.PdfReader(tmp_path / "invoice.pdf").pages[0].extract_text()
    assert "$50.00" in printed


def test_back_again(admin: Page, member: Page, ended_at: datetime) -> None:
    """charge.cancel: a new plan, in full, and everything as it was left."""
    admin.goto("/account")
    admin.get_by_role("link", name="Choose a plan").click()
    expect(admin.get_by_role("heading", name="Choose a plan")).to_be_visible()
    admin.get_by_role("link", name=f"See the price of {SMALL}").click()
    admin.get_by_role("button", name="Pay $50.00 and start").click()
    expect(admin.get_by_role("heading", name=f"You are on {SMALL}")).to_be_visible()

    next_on = acts.day(acts.clock_of(admin) + CYCLE)
    expect(admin.get_by_role("main")).to_contain_text(f"$50.00 on {next_on}")
    member.goto("/clients/new")
    expect(read_only(member)).to_have_count(0)
    member.get_by_role("textbox", name="Name").fill("Client C")
    member.get_by_role("button", name="Add client").click()
    expect(acts.row(member, "Client C")).to_be_visible()


def cancelled(page: Page) -> Locator:
    return page.get_by_text("Your plan is cancelled: it ends on")


def read_only(page: Page) -> Locator:
    return page.get_by_role("region", name="Read only")
