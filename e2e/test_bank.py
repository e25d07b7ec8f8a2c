"""A card whose bank wants to hear from the customer: agreed, refused, left waiting, paid later."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from e2e import acts, looks
from e2e.acts import LARGER, SMALL, Company

ASKING = "3155"
AT_THE_BANK = "Authenticate a payment"


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page) -> Company:
    """Opened with a card that asks, and confirmed."""
    company = acts.fill_sign_up(admin, plan=SMALL, card=ASKING)
    admin.get_by_role("button", name="Open the account").click()
    expect(admin.get_by_role("heading", name=AT_THE_BANK)).to_be_visible()
    expect(admin.get_by_role("main")).to_contain_text("$50.00")
    admin.get_by_role("button", name="Authenticate").click()
    expect(admin.get_by_role("heading", name=f"You are on {SMALL}")).to_be_visible()
    return company


def test_refused(admin: Page, company: Company) -> None:
    """pay.fails: an upgrade whose payment fails changes nothing."""
    to_the_bank(admin)
    looks.are_in_order(admin, admin.url, "/account/change-plan")
    admin.get_by_role("button", name="Refuse").click()

    main = admin.get_by_role("main")
    expect(main.get_by_role("heading", name="Nothing was changed")).to_be_visible()
    expect(main).to_contain_text("The payment was not authenticated. Nothing was charged")
    admin.goto("/account")
    expect(admin.get_by_role("region", name="Your plan")).to_contain_text(SMALL)


def test_left_waiting_and_called_off(admin: Page, company: Company) -> None:
    """Who turns back finds what waits on every page it concerns, and can call it off."""
    to_the_bank(admin)
    admin.goto("/account")
    under_way = admin.get_by_role("region", name="Plan change under way")
    expect(under_way).to_contain_text(f"Moving to {LARGER}")
    under_way.get_by_role("link", name="See how it stands").click()

    looks.are_in_order(admin, admin.url)
    main = admin.get_by_role("main")
    expect(main).to_contain_text("Your bank asks you to confirm the payment of $50.00")
    expect(main.get_by_role("link", name="Confirm with your bank")).to_be_visible()
    main.get_by_role("button", name="Call the change off").click()
    expect(main.get_by_role("heading", name="Nothing was changed")).to_be_visible()
    expect(main).to_contain_text("Nothing was charged, and your plan stayed as it was.")


def test_left_waiting_for_too_long(admin: Page, company: Company) -> None:
    """After an hour it is called off by itself, and the plan can be changed again."""
    to_the_bank(admin)
    admin.goto("/account")
    acts.move_clock(admin, "+1 day")

    expect(admin.get_by_role("region", name="Plan change under way")).to_have_count(0)
    expect(admin.get_by_role("region", name="Your plan")).to_contain_text(SMALL)


def test_agreed(admin: Page, company: Company) -> None:
    """charge.paid-first: the plan changes when the bank has said yes. One day has gone by."""
    to_the_bank(admin, due="$51.67")
    admin.get_by_role("button", name="Authenticate").click()

    expect(admin.get_by_role("heading", name=f"You are on {LARGER}")).to_be_visible()
    expect(admin.get_by_role("main")).to_contain_text("Paid $51.67")


def test_a_renewal_is_paid_by_hand(admin: Page, company: Company) -> None:
    """pay.fails: nobody is there to confirm a renewal, so it is paid from the invoice's page."""
    admin.goto("/account")
    acts.to_the_next_thing(admin, "the renewal")
    told = acts.open_email(admin, company.admin, "We could not collect $100.00")
    expect(told).to_contain_text("pay the invoice yourself")

    admin.goto("/account")
    admin.get_by_role("link", name="See and pay the invoice").click()
    admin.get_by_role("button", name="Pay $100.00 now").click()
    expect(admin.get_by_role("heading", name=AT_THE_BANK)).to_be_visible()
    admin.go_back()
    expect(admin.locator("#payment")).to_contain_text("Waits for confirmation at the bank")
    admin.get_by_role("link", name="Confirm with your bank").click()
    admin.get_by_role("button", name="Authenticate").click()
    expect(admin.get_by_text(f"$100.00 paid with Test card ending {ASKING}.")).to_be_visible()
    expect(admin.locator("#payment")).to_contain_text("Paid on")


def to_the_bank(admin: Page, *, due: str = "$50.00") -> None:
    """Ask for the upgrade, and be sent to the bank for it."""
    costs = acts.open_quote(admin, LARGER)
    acts.pay_with(admin, ASKING)
    costs.get_by_role("button", name=f"Pay {due} and upgrade").click()
    expect(admin.get_by_role("heading", name=AT_THE_BANK)).to_be_visible()
    expect(admin.get_by_role("main")).to_contain_text(due)
