"""An add-on is bought in the middle of a cycle, let go, kept after all, and goes along upwards."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from e2e import acts
from e2e.acts import LARGER, SMALL, Company, row, used

# Half of the cycle is left: 12.00 × 15 ÷ 30. With ten days left 10/15 of that is unused.
PRICE, UNUSED = "$6.00", "−$4.00"


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page) -> Company:
    """15 days into its cycle."""
    company = acts.sign_up(admin)
    acts.move_clock(admin, "+5 days", "+5 days", "+5 days")
    return company


def test_the_upgrade_is_beside_it(admin: Page, company: Company) -> None:
    """charge.add-ons: both costs for the same capacity, before anything is chosen."""
    admin.goto("/account/add-ons")
    expect(admin.get_by_role("heading", name=f"Or move to {LARGER}")).to_be_visible()
    expect(row(admin, LARGER)).to_contain_text("10 seats · 600 clients · 10 GB")
    expect(row(admin, LARGER).locator(".num")).to_have_text(["$75.00", "$50.00"])
    same = row(admin, "The same as add-ons")
    expect(same).to_contain_text("10 seats · 600 clients · 10 GB")
    expect(same).to_contain_text("3 × 100 clients, 5 × 1 seat, 1 × 5 GB")
    expect(same.locator(".num")).to_have_text(["$45.50", "$91.00"])


def test_what_it_costs_is_said_before(admin: Page, company: Company) -> None:
    """charge.quote-is-charge: for the days left, and with every cycle after."""
    admin.get_by_label("100 clients").fill("1")
    admin.get_by_role("button", name="See the price").click()
    expect(admin.get_by_role("heading", name="1 × 100 clients")).to_be_focused()
    costs = admin.get_by_role("region", name="What it costs")

    assert acts.sums(costs.locator(".sum")) == [f"100 clients {PRICE}", f"Due now {PRICE}"]
    expect(costs).to_contain_text("$12.00 × 15 of 30 days = $6.00")
    expect(costs).to_contain_text("$62.00 every 30 days")
    expect(row(admin, "What you chose").locator(".num")).to_have_text([PRICE, "$12.00"])


def test_there_is_room_at_once(admin: Page, company: Company) -> None:
    admin.get_by_role("button", name=f"Pay {PRICE} and add").click()

    expect(admin.get_by_role("heading", name="You have 1 × 100 clients")).to_be_visible()
    expect(admin.get_by_role("main")).to_contain_text(f"Paid {PRICE}")
    admin.goto("/account")
    expect(used(admin, "clients")).to_have_text("0 of 400")
    plan = admin.get_by_role("region", name="Your plan")
    expect(plan).to_contain_text("with 1 × 100 clients")
    expect(plan).to_contain_text("$62.00 every 30 days")
    told = acts.open_email(admin, company.admin, f"Receipt: {PRICE} paid")
    expect(told).to_contain_text("has more room beside its plan: 100 clients")


def test_let_go_and_kept_after_all(admin: Page, company: Company) -> None:
    """charge.add-ons: removing takes effect at the renewal, and is taken back until then."""
    for number, said, costs in ((0, "1 goes on", "$50.00"), (1, None, "$62.00")):
        admin.goto("/account/add-ons")
        admin.get_by_label("How many 100 clients go on").fill(str(number))
        admin.get_by_role("button", name="Keep this many").click()
        expect(admin.get_by_text("nothing changes before")).to_be_visible()
        owned = admin.get_by_role("region", name="What you have")
        if said:
            expect(owned).to_contain_text(said)
        else:
            expect(owned).not_to_contain_text("goes on")
        admin.goto("/account")
        expect(used(admin, "clients")).to_have_text("0 of 400")
        expect(admin.get_by_role("region", name="Your plan")).to_contain_text(
            f"Next charge {costs}"
        )


def test_the_upgrade_carries_it(admin: Page, company: Company) -> None:
    """charge.paid-not-list: plan and add-on are each credited by what they were charged at."""
    admin.goto("/account")
    acts.move_clock(admin, "+5 days")
    costs = acts.open_quote(admin, LARGER)

    assert acts.sums(costs.locator(".sum")) == [
        f"{LARGER} $100.00",
        "100 clients $12.00",
        f"Unused time on {SMALL} −$16.67",
        f"Unused time on 100 clients {UNUSED}",
        "Due now $91.33",
    ]
    expect(costs).to_contain_text("$112.00 every 30 days")
    costs.get_by_role("button", name="Pay $91.33 and upgrade").click()
    expect(admin.get_by_role("heading", name=f"You are on {LARGER}")).to_be_visible()
    admin.goto("/account")
    expect(used(admin, "clients")).to_have_text("0 of 700")


def test_the_invoice_credits_both(admin: Page, company: Company) -> None:
    """invoice.explains-itself: each credit with its own days and amount."""
    invoice = acts.newest_invoice(admin)
    expect(invoice).to_contain_text("10 of 30 days × $50.00 = −$16.67")
    expect(invoice).to_contain_text(f"10 of 15 days × {PRICE} = {UNUSED}")
    assert "Paid $91.33" in acts.sums(invoice.locator(".sum").first)


def test_what_the_larger_plan_holds_need_not_be_kept(admin: Page, company: Company) -> None:
    """The numbers beside a quote can be changed before it is confirmed."""
    costs = acts.open_quote(admin, "Standard, 20 users")
    costs.get_by_label("100 clients").fill("0")
    costs.get_by_role("button", name="Show the price with these").click()
    expect(costs.get_by_text("Add-ons beside the plan: none")).to_be_visible()
    expect(costs).to_contain_text("$180.00 every 30 days")
    # Bought today, so that everything is given back: 180.00 − 100.00 − 12.00.
    expect(costs.get_by_role("button", name="Pay $68.00 and upgrade")).to_be_visible()
