"""Impatience, two people at once, and the Back button: charged once, shown to nobody else."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Request, expect

from e2e import acts
from e2e.acts import Company
from e2e.conftest import Portal

SEND_TWICE = """form => {
    const body = new URLSearchParams(new FormData(form));
    const send = () => fetch(form.action, {method: "POST", body});
    return Promise.all([send(), send()]).then(
        answers => answers.map(({status, url}) => ({status, url})));
}"""


@pytest.fixture(scope="module")
def admin(somebody: Callable[..., Page]) -> Page:
    return somebody()


@pytest.fixture(scope="module")
def company(admin: Page) -> Company:
    return acts.sign_up(admin)


def test_double_click(admin: Page, company: Company) -> None:
    """charge.once"""
    see_price(admin, "Standard, 10 users")
    sent: list[Request] = []
    admin.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    admin.get_by_role("button", name="Pay $50.00 and upgrade").dblclick()
    expect(admin.get_by_role("heading", name="You are on Standard, 10 users")).to_be_visible()

    assert len(sent) == 1
    assert charged(admin) == ["$50.00", "$50.00"]


def test_a_form_that_arrives_twice(admin: Page, company: Company) -> None:
    """charge.once: both get the same answer, of one charge."""
    see_price(admin, "Standard, 20 users")
    first, second = admin.locator("form", has_text="Pay $80.00 and upgrade").evaluate(SEND_TWICE)
    assert first == second
    admin.goto(first["url"])
    expect(admin.get_by_role("heading", name="You are on Standard, 20 users")).to_be_visible()

    assert charged(admin) == ["$80.00", "$50.00", "$50.00"]


def test_two_admins_at_once(
    admin: Page, company: Company, somebody: Callable[..., Page], portal: Portal
) -> None:
    """charge.quote-is-charge: who comes second is shown how things are now, and pays nothing."""
    other = somebody()
    portal.add_user(company.email("second"), company.name, "admin")
    acts.sign_in(other, company.email("second"))
    wanted = {admin: "Standard, 40 users", other: "Standard, 80 users"}
    for page, plan in wanted.items():
        see_price(page, plan)
    for page in wanted:
        page.get_by_role("button", name="Pay ").click(no_wait_after=True)

    settled = [settle(page) for page in wanted]
    assert sorted(settled) == ["Nothing was changed", "You are on"]
    plan = list(wanted.values())[settled.index("You are on")]
    for page in wanted:
        page.goto("/account")
        expect(page.get_by_role("region", name="Your plan")).to_contain_text(plan)
    price = {"Standard, 40 users": "$140.00", "Standard, 80 users": "$380.00"}[plan]
    assert charged(admin) == [price, "$80.00", "$50.00", "$50.00"]


def test_back_after_sign_out(somebody: Callable[..., Page], company: Company) -> None:
    page = somebody()
    acts.sign_in(page, company.admin)
    acts.bring_in(page, ["Confidential Client,Client"])
    page.goto("/clients")
    expect(page.get_by_role("main")).to_contain_text("Confidential Client")
    acts.sign_out(page)

    page.go_back()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    for secret in ("Confidential Client", company.name):
        assert secret not in page.content()


def see_price(page: Page, plan: str) -> None:
    page.goto("/account/change-plan")
    page.get_by_role("link", name=f"See the price of {plan}").click()
    expect(page.get_by_role("heading", name=plan)).to_be_visible()


def settle(page: Page) -> str:
    """How a confirmation ended, in the words the page has for it."""
    done = page.get_by_role("heading", name="You are on")
    refused = page.get_by_role("alert").filter(has_text="Nothing was changed")
    expect(done.or_(refused)).to_be_visible()
    return "You are on" if done.is_visible() else "Nothing was changed"


def charged(page: Page) -> list[str]:
    """What the account was charged so far, newest first."""
    page.goto("/invoices")
    expect(page.get_by_role("heading", name="Invoices")).to_be_visible()
    return page.locator('td[data-label="Amount"]').all_inner_texts()
