"""The documents of a client in each of their states, on a desk and on a phone, in light and dark:
none yet, being sent, refused, kept, and a disk that has no room."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from e2e import acts
from e2e.acts import row
from e2e.conftest import started
from e2e.looks import DESK, PHONE, is_in_order
from e2e.test_documents import NOTES, file, open_documents, upload

SCREENS = pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk", "phone"])
LONG_NAME = "Contract of the 14th of March with all of its annexes, signed by both sides.pdf"


@SCREENS
def test_none_yet_being_sent_kept_and_refused(
    somebody: Callable[..., Page], screen: dict[str, int]
) -> None:
    with documents_of_ada(somebody(), screen) as page:
        expect(page.get_by_text("No documents yet")).to_be_visible()
        is_in_order(page, [])

        sending: list[Route] = []
        page.route("**/documents", lambda route: hold(route, sending))
        upload(page, file(LONG_NAME, b"%PDF-1.7\n" + b"x" * 2_000_000))
        expect(page.get_by_role("progressbar", name="Sent so far")).to_be_visible()
        expect(page.get_by_text("Sending …")).to_be_visible()
        is_in_order(page, [])
        sending[0].continue_()
        page.unroute("**/documents")
        expect(row(page, LONG_NAME)).to_contain_text("2 MB")
        is_in_order(page, [])

        row(page, LONG_NAME).get_by_text("Delete", exact=True).click()
        expect(page.get_by_role("button", name="Delete document")).to_be_in_viewport()
        is_in_order(page, [])

        upload(page, file("Empty.txt", b""), file("Notes.txt", NOTES))
        expect(page.get_by_role("alert")).to_contain_text("Empty.txt: It is empty.")
        is_in_order(page, [])

        page.get_by_label("Add documents").set_input_files([file("Film.mov", b"x" * 25_000_001)])
        expect(page.get_by_text("Too large, up to 25 MB fits: Film.mov.")).to_be_visible()
        is_in_order(page, [])


@SCREENS
def test_all_documents_of_an_account(somebody: Callable[..., Page], screen: dict[str, int]) -> None:
    with documents_of_ada(somebody(), screen) as page:
        page.goto("/clients/documents")
        expect(page.get_by_text("No documents yet")).to_be_visible()
        is_in_order(page, [])
        open_documents(page, "Ada Example")
        upload(page, file(LONG_NAME, NOTES))
        expect(row(page, LONG_NAME)).to_be_visible()
        page.goto("/clients/documents?counted=no")
        expect(page.get_by_text("No document is left out")).to_be_visible()
        is_in_order(page, [])
        page.goto("/clients/documents?counted=yes")
        expect(row(page, LONG_NAME)).to_be_visible()
        is_in_order(page, [])


def test_a_disk_without_room_says_so_and_keeps_nothing(
    browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data: Path = tmp_path_factory.mktemp("full")
    # The example has documents of its own: it is put in before the disk is full.
    with started(data):
        pass
    with started(data, DOCUMENTS_RESERVE_BYTES=str(10**15)) as portal:
        context = browser.new_context(base_url=portal.url, viewport=PHONE, reduced_motion="reduce")
        page = context.new_page()
        acts.sign_up(page)
        acts.bring_in(page, ["Ada Example,Client"])
        open_documents(page, "Ada Example")
        upload(page, file("Notes.txt", NOTES))
        refusal = page.get_by_text("The portal has no room for more documents at this moment")
        expect(refusal).to_be_visible()
        expect(page.get_by_role("alert")).to_contain_text("Nothing was added")
        expect(refusal).to_be_in_viewport()
        expect(page.get_by_role("progressbar", name="Sent so far")).to_be_hidden()
        is_in_order(page, [])
        page.reload()
        expect(page.get_by_text("No documents yet")).to_be_visible()
        context.close()


@contextmanager
def documents_of_ada(page: Page, screen: dict[str, int]) -> Iterator[Page]:
    """The page of a client's documents, in a window that nobody listens to: axe tries out styles,
    which the policy of the page refuses."""
    acts.sign_up(page)
    acts.bring_in(page, ["Ada Example,Client"])
    browser, state = page.context.browser, page.context.storage_state()
    assert browser is not None
    context = browser.new_context(
        base_url=page.url, viewport=screen, reduced_motion="reduce", storage_state=state
    )
    window = context.new_page()
    open_documents(window, "Ada Example")
    yield window
    context.close()


def hold(route: Route, held: list[Route]) -> None:
    """What is sent waits; everything else goes through."""
    if route.request.method == "POST":
        held.append(route)
    else:
        route.continue_()
