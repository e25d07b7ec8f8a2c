"""Six people on five seats: three emails and five days, and what becomes of it either way.

One account goes through it twice: first it makes room on the fourth day, then it does not.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from e2e import acts
from e2e.acts import LARGER, SMALL, Company, row
from e2e.conftest import Portal

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SMALL_CENTS, LARGER_CENTS, CYCLE_DAYS = 5_000, 10_000, 30


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page, portal: Portal) -> Company:
    """Five of its five seats are taken."""
    company = acts.sign_up(admin)
    for person in ("ben", "cleo", "dan", "eve"):
        portal.add_user(company.email(person), company.name, "member")
    return company


def test_told_before_the_act(admin: Page, company: Company, somebody: Callable[..., Page]) -> None:
    """over.before-the-act: who asks a sixth person in, and who comes in as the sixth."""
    acts.fill_invitation(admin, company.email("fay"), "Member")
    question = admin.get_by_role("alert")
    expect(question).to_contain_text("6 of 5 seats")
    expect(question).to_contain_text(LARGER)
    question.get_by_role("button", name="Invite all the same").click()
    expect(admin.locator("#user-board")).to_contain_text("6 of 5 seats")

    sixth = somebody()
    acts.accept(sixth, company.email("fay"), name="Fay Sixth", told="You would be user 6")
    sixth.close()
    admin.goto("/account")
    expect(over_limit(admin)).to_contain_text("Over the limit: 6 of 5 seats")


def test_fixed_in_time(admin: Page, company: Company) -> None:
    """over.fixed-in-time: room on the fourth day; two warnings, one email of relief, no upgrade."""
    admin.goto("/account")
    acts.move_clock(admin, "+1 day")
    expect(over_limit(admin)).to_contain_text("The first of three emails")
    acts.move_clock(admin, "+1 day", "+1 day", "+1 day")
    expect(over_limit(admin)).to_contain_text("The second of three emails")

    admin.goto("/users")
    row(admin, "Fay Sixth").get_by_text("Deactivate").first.click()
    row(admin, "Fay Sixth").get_by_role("button", name="Deactivate").click()
    expect(row(admin, "Fay Sixth")).to_contain_text("Reactivate")
    acts.move_clock(admin, "+5 days")

    warnings = acts.emails(admin, company.admin).filter(has_text="6 of 5 seats in use")
    expect(warnings).to_have_count(2)
    expect(acts.emails(admin, company.admin).filter(has_text="All is well")).to_have_count(1)
    admin.goto("/account")
    expect(admin.get_by_role("region", name="Your plan")).to_contain_text(SMALL)
    expect(over_limit(admin)).to_have_count(0)


def test_warned_three_times_then_upgraded(admin: Page, company: Company) -> None:
    """over.emails, over.upgrade: over again, with all its days, for the amount told each time."""
    bring_back(admin, "Fay Sixth")
    admin.goto("/account")
    paid_from = acts.instant_in(admin.get_by_role("region", name="Your plan").locator("time").first)
    first, second, third = (
        acts.to_the_next_thing(admin, thing)
        for thing in ("the daily check", "the second warning", "the third warning")
    )
    assert second - first >= 2 * DAY
    assert third - second >= 2 * DAY
    upgrade_at = acts.instant_in(admin.locator(".clockbar-next time"))
    assert max(first + 5 * DAY, third + DAY) <= upgrade_at < first + 5 * DAY + 2 * HOUR
    due = upgrade_price(paid_from, upgrade_at)
    for left, written_at in (("in 5 days", first), ("in 3 days", second), ("Tomorrow", third)):
        email = acts.open_email(admin, company.admin, left, acts.day(written_at))
        expect(email).to_contain_text(f"{acts.day(upgrade_at)}, {upgrade_at:%H:%M}")
        expect(email).to_contain_text(f"we charge {due}")
        expect(email).to_contain_text(LARGER)

    admin.goto("/account")
    assert acts.to_the_next_thing(admin, "the auto-upgrade") == upgrade_at
    expect(admin.get_by_role("region", name="Your plan")).to_contain_text(LARGER)
    acts.open_email(admin, company.admin, f"Your plan is now {LARGER}: {due}")
    explains_itself(admin, [first, second, third], due)


def over_limit(page: Page) -> Locator:
    return page.get_by_role("region", name="Over the limit")


def bring_back(admin: Page, name: str) -> None:
    """Give somebody access again, having read what that starts."""
    admin.goto("/users")
    row(admin, name).get_by_role("button", name="Reactivate").click()
    question = admin.get_by_role("alert")
    expect(question).to_contain_text("6 of 5 seats")
    question.get_by_role("button").first.click()
    expect(row(admin, name)).to_contain_text("Deactivate")


def upgrade_price(paid_from: datetime, at: datetime) -> str:
    """Full price less the unused days; a day that is not over is not used."""
    unused = CYCLE_DAYS - (at - paid_from) // DAY
    credit = (2 * SMALL_CENTS * unused + CYCLE_DAYS) // (2 * CYCLE_DAYS)
    return f"${(LARGER_CENTS - credit) / 100:.2f}"


def explains_itself(admin: Page, written: list[datetime], due: str) -> None:
    """invoice.evidence: the newest invoice has the amount, the count and the three emails."""
    admin.goto("/invoices")
    admin.locator("tbody").get_by_role("rowheader").first.get_by_role("link").click()
    expect(admin.get_by_role("region", name="Payment")).to_contain_text(due)
    why = admin.get_by_role("region", name="Why the plan was upgraded automatically")
    expect(why).to_contain_text("6 of 5 seats")
    warnings = why.get_by_role("listitem")
    expect(warnings).to_have_count(3)
    for warning, written_at in zip(warnings.all(), written, strict=True):
        expect(warning).to_contain_text(acts.day(written_at))
        expect(warning).to_contain_text("6 of 5 seats")
