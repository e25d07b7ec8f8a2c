"""A file of 1,200 clients as people really have them: first what it would do, then exactly that."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from e2e import acts
from e2e.acts import fact, row, used
from e2e.conftest import ROOT

FILE = ROOT / "catalog" / "example-clients.csv"
IN_FILE, NEW, COUNTED, DUPLICATES, MISTAKES = 1_200, 1_130, 839, 40, 30


def test_what_the_dry_run_said_is_what_happens(somebody: Callable[..., Page]) -> None:
    page = somebody()
    acts.sign_up(page, plan="Standard, 40 users")
    acts.bring_in(page, ["Here Already,Client", "Nobody Counts,Lead"])
    other_tab = page.context.new_page()

    acts.check_file(page, str(FILE))
    assert NEW + DUPLICATES + MISTAKES == IN_FILE
    expect(fact(page, "New clients")).to_have_text(f"{NEW:,}")
    expect(fact(page, "Of these counted")).to_have_text(f"{COUNTED:,}")
    expect(fact(page, "Already there, left out")).to_have_text(f"{DUPLICATES:,}")
    expect(fact(page, "Lines with mistakes, left out")).to_have_text(f"{MISTAKES:,}")
    expect(fact(page, "Your count becomes")).to_have_text(f"{1 + COUNTED:,} of 2,400")
    holds(other_tab, clients=2, counted=1)

    page.get_by_role("button", name=f"Add {NEW:,} clients").click()
    expect(page.get_by_role("heading", name=f"{NEW:,} clients were added")).to_be_visible()
    expect(fact(page, "Your count after it")).to_have_text(f"{1 + COUNTED:,}")
    holds(other_tab, clients=2 + NEW, counted=1 + COUNTED)


def test_letters_arrive_as_they_are_in_the_file(somebody: Callable[..., Page]) -> None:
    page = somebody()
    acts.sign_up(page)
    acts.bring_in(
        page, ['"Dupré, Fils & Cie",Client', '"Said ""call me""",Client', "Łukasz Yıldız,Lead"]
    )

    page.goto("/clients")
    for name in ("Dupré, Fils & Cie", 'Said "call me"', "Łukasz Yıldız"):
        expect(row(page, name)).to_be_visible()
    page.get_by_label("Search by name or email").fill("lukasz")
    expect(row(page, "Dupré")).to_be_hidden()
    expect(row(page, "Łukasz Yıldız")).to_contain_text("Lead")


def holds(page: Page, *, clients: int, counted: int) -> None:
    """The list, the meter, and the list of those the meter counts agree."""
    page.goto("/clients")
    expect(used(page, "clients")).to_have_text(f"{counted:,} of 2,400")
    expect(page.get_by_role("navigation", name="Pages")).to_contain_text(listed(clients))
    used(page, "clients").get_by_role("link").click()
    expect(page).to_have_url("/clients?counted=yes")
    expect(page.get_by_role("navigation", name="Pages")).to_contain_text(listed(counted))


def listed(clients: int) -> str:
    return f"{clients:,} client{'' if clients == 1 else 's'}"
