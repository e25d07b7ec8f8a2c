"""A renewal is declined three times; on the fourth day another card pays, and all is as before."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from e2e import acts, looks
from e2e.acts import LARGER, Company

DAY = timedelta(days=1)
# What the work that was due at an instant may take.
MOMENT = timedelta(minutes=10)
LATER, REFUSED, GOOD = "0341", "0002", "4242"


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page) -> Company:
    """Its card pays now and is declined when the plan renews."""
    return acts.sign_up(admin, card=LATER)


@pytest.fixture(scope="module")
def declined_at(admin: Page, company: Company) -> datetime:
    """When the renewal was declined for the first time."""
    return acts.to_the_next_thing(admin, "the renewal")


def test_declined(admin: Page, company: Company, declined_at: datetime) -> None:
    """pay.fails: the plan runs on, past due; page and email say when it is tried again."""
    again_at = declined_at + 3 * DAY
    notice = past_due(admin)
    expect(notice).to_contain_text("of $50.00 is not paid")
    expect(notice).to_contain_text(f"It is tried again on {acts.day(again_at)}")
    expect(notice).to_contain_text("Your plan keeps running meanwhile")

    looks.are_in_order(admin, "/account", "/account/payment-method")

    told = acts.open_email(admin, company.admin, "We could not collect $50.00")
    expect(told).to_contain_text("The card was declined.")
    expect(told).to_contain_text(f"We try again on {acts.day(again_at)}")


def test_changing_the_plan_waits(admin: Page, declined_at: datetime) -> None:
    """charge.no-plan-change-unpaid: said before it is tried, with the way to the invoice."""
    admin.goto("/account/change-plan")
    expect(admin.get_by_role("main")).to_contain_text("is not paid yet. Pay it first")
    admin.get_by_role("link", name="See the invoice").click()
    expect(admin.get_by_role("button", name="Pay $50.00 now")).to_be_visible()
    looks.are_in_order(admin, admin.url)


def test_declined_again_on_the_third_day(
    admin: Page, company: Company, declined_at: datetime
) -> None:
    admin.goto("/account")
    tried_at = acts.to_the_next_thing(admin, "the next try to collect a payment")

    assert timedelta() <= tried_at - (declined_at + 3 * DAY) < MOMENT
    last_but_one = acts.day(declined_at + 5 * DAY)
    expect(past_due(admin)).to_contain_text(f"It is tried again on {last_but_one}")
    expect(acts.emails(admin, company.admin).filter(has_text="We could not collect")).to_have_count(
        2
    )
    told = acts.open_email(admin, company.admin, "We could not collect $50.00")
    expect(told).to_contain_text(f"We try again on {last_but_one}")


def test_another_card_is_declined_too(admin: Page, declined_at: datetime) -> None:
    """pay.fails: a new card is tried at once; declined by hand, it uses up no automatic try."""
    admin.goto("/account")
    acts.move_clock(admin, "+1 day")
    acts.change_card(admin, REFUSED)

    expect(admin.get_by_text(f"Test card ending {REFUSED}: The card was declined.")).to_be_visible()
    expect(admin.get_by_role("region", name="Not paid yet")).to_contain_text("tried again on")
    admin.get_by_role("link", name="See the invoice").click()
    payment = admin.locator("#payment")
    expect(payment).to_contain_text("Not paid yet")
    expect(payment).to_contain_text(f"tried again on {acts.day(declined_at + 5 * DAY)}")
    expect(payment.get_by_text("The card was declined.")).to_have_count(3)


def test_the_next_card_pays_at_once(admin: Page, company: Company, declined_at: datetime) -> None:
    acts.change_card(admin, GOOD)

    expect(admin.get_by_text(f"$50.00 paid with Test card ending {GOOD}.")).to_be_visible()
    expect(admin.get_by_role("region", name="Not paid yet")).to_have_count(0)
    paid_on = acts.day(declined_at + 4 * DAY)
    payment = acts.newest_invoice(admin).locator("#payment")
    expect(payment).to_contain_text(f"Paid on {paid_on} with Test card ending {GOOD}")
    expect(payment).to_contain_text(
        f"is charged next on {acts.day(declined_at + 30 * DAY)} at $50.00"
    )
    acts.open_email(admin, company.admin, "Receipt: $50.00 paid")


def test_all_is_as_before(admin: Page, declined_at: datetime) -> None:
    """The cycle began when the former ended, and the plan can be changed again."""
    admin.goto("/account")
    expect(past_due(admin)).to_have_count(0)
    plan = admin.get_by_role("region", name="Your plan")
    renews_on = acts.day(declined_at + 30 * DAY)
    expect(plan).to_contain_text(f"Paid from {acts.day(declined_at)} to {renews_on}")

    # 26 of 30 days are unused: 50.00 × 26 ÷ 30 = 43.333…
    costs = acts.open_quote(admin, LARGER)
    costs.get_by_role("button", name="Pay $56.67 and upgrade").click()
    expect(admin.get_by_role("heading", name=f"You are on {LARGER}")).to_be_visible()


def past_due(page: Page) -> Locator:
    return page.get_by_role("region", name="Past due")
