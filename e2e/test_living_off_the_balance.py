"""From paying by the year to a bigger plan by the month, paid for by the credit for four months."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from e2e import acts, looks
from e2e.acts import LARGER, SMALL, Company

CYCLE = timedelta(days=30)
# 480.00 × 355 ÷ 365 = 466.849…; 466.85 − 100.00 are kept.
CREDIT, KEPT = "−$466.85", "$366.85"
LEFT_AFTER = ("$266.85", "$166.85", "$66.85")


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page) -> Company:
    """Ten days into a year that is paid for."""
    company = acts.sign_up(admin, yearly=True)
    expect(admin.get_by_role("main")).to_contain_text("$480.00 every 365 days")
    acts.move_clock(admin, "+5 days", "+5 days")
    return company


def test_the_quote_keeps_the_rest(admin: Page, company: Company) -> None:
    """charge.credit-left: nothing to pay, and what becomes of the rest is said before."""
    costs = acts.open_quote(admin, LARGER)

    assert acts.sums(costs.locator(".sum")) == [
        f"{LARGER} $100.00",
        f"Unused time on {SMALL} {CREDIT}",
        f"Kept as your credit balance {KEPT}",
        "Due now $0.00",
    ]
    expect(costs).to_contain_text("355 of 365 days × $480.00")
    expect(costs).to_contain_text("$100.00 less $100.00 from your credit balance")
    expect(costs).to_contain_text("$100.00 every 30 days")
    admin.get_by_role("button", name="Change plan, nothing to pay").click()
    expect(admin.get_by_role("heading", name=f"You are on {LARGER}")).to_be_visible()
    expect(admin.get_by_role("main")).to_contain_text("Nothing to pay")


def test_my_account_foretells_when_money_is_charged_again(admin: Page, company: Company) -> None:
    admin.goto("/account")
    expect(admin.get_by_role("region", name="Your plan")).to_contain_text(KEPT)
    coming = coming_charges(admin)

    first = acts.clock_of(admin) + CYCLE
    for number, due in enumerate(("$0.00", "$0.00", "$0.00", "$33.15", "$100.00")):
        line = coming.locator("tbody tr").nth(number)
        expect(line.locator("time")).to_have_text(acts.day(first + number * CYCLE))
        expect(line.locator("td")).to_have_text(due)
    expect(coming.locator("tbody tr").nth(3)).to_contain_text("$100.00 less $66.85")
    looks.are_in_order(admin, "/account", "/account/balance")


def test_the_balance_pays_three_times(admin: Page, company: Company) -> None:
    """charge.credit-left, charge.renewal: three invoices without a payment, each explained."""
    for left in LEFT_AFTER:
        admin.goto("/account")
        acts.to_the_next_thing(admin, "the renewal")
        expect(admin.get_by_role("region", name="Your plan")).to_contain_text(left)
    invoice = acts.newest_invoice(admin)
    expect(invoice).to_contain_text("Nothing to pay: credit covered it")
    assert "Paid from your credit balance −$100.00" in acts.sums(invoice.locator(".sum").first)
    told = acts.open_email(admin, company.admin, "Receipt: nothing to pay")
    expect(told).to_contain_text("−$100.00")


def test_the_fourth_is_charged_for_the_rest(admin: Page, company: Company) -> None:
    admin.goto("/account")
    acts.to_the_next_thing(admin, "the renewal")

    invoice = acts.newest_invoice(admin)
    expect(invoice.get_by_role("region", name="Payment")).to_contain_text("$33.15")
    assert "Paid from your credit balance −$66.85" in acts.sums(invoice.locator(".sum").first)
    acts.open_email(admin, company.admin, "Receipt: $33.15 paid")
    admin.goto("/account")
    plan = admin.get_by_role("region", name="Your plan")
    expect(plan).not_to_contain_text("Credit balance")
    expect(plan).to_contain_text("$100.00 on")


def test_every_movement_can_be_followed(admin: Page, company: Company) -> None:
    """The balance's page adds up from the first cent to the last."""
    admin.goto("/account/balance")
    rows = admin.get_by_role("region", name="Movements").locator("tbody tr")

    moved = [(amount(row, "Amount"), amount(row, "Balance after")) for row in rows.all()]
    assert moved == [
        ("−$66.85", "$0.00"),
        ("−$100.00", "$66.85"),
        ("−$100.00", "$166.85"),
        ("−$100.00", "$266.85"),
        ("+$366.85", "$366.85"),
    ]
    rows.last.get_by_role("link").click()
    expect(admin.get_by_role("main")).to_contain_text(f"{KEPT} kept as credit balance")


def coming_charges(page: Page) -> Locator:
    """All that My Account foretells, also what is folded away."""
    coming = page.get_by_role("region", name="The next twelve months")
    coming.locator("summary").click()
    return coming


def amount(row: Locator, label: str) -> str:
    return row.locator(f'[data-label="{label}"]').inner_text()
