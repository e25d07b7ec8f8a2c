"""Getting invoices: found in the list, had as files, handed on by a link, checked by their hash."""

import hashlib
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import FilePayload, Page, expect

from e2e import acts
from e2e.conftest import Portal
from e2e.looks import are_in_order

NUMBER = re.compile(r"INV-\d{4}-\d{6}")


def newest(page: Page) -> str:
    """The number of the first invoice in the list."""
    page.goto("/invoices")
    number = page.locator("#invoice-list tbody th a").first.inner_text()
    assert NUMBER.fullmatch(number)
    return number


def save(page: Page, name: str, into: Path) -> bytes:
    """What a link downloads."""
    with page.expect_download() as downloading:
        page.get_by_role("link", name=name).first.click()
    downloading.value.save_as(into)
    return into.read_bytes()


def checked_file(content: bytes, name: str = "invoice.pdf") -> FilePayload:
    return FilePayload(name=name, mimeType="application/pdf", buffer=content)


def test_a_year_in_one_file(somebody: Callable[..., Page], tmp_path: Path) -> None:
    page = somebody()
    acts.sign_up(page)
    number = newest(page)
    page.get_by_role("button", name=re.compile(r"^Download \d{4} as ZIP$")).click()
    expect(page.get_by_role("heading", name="Downloads")).to_be_visible()
    row = page.locator("#invoice-exports tbody tr").first
    expect(row.get_by_role("link", name="Download")).to_be_visible(timeout=30_000)
    content = save(page, "Download", tmp_path / "year.zip")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        pdf = next(name for name in names if name.endswith(f"{number}.pdf"))
        assert archive.read(pdf).startswith(b"%PDF-")
        assert "index.csv" in names
        assert hashlib.sha256(archive.read(pdf)).hexdigest() in archive.read("index.csv").decode()
    row.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("was removed.")).to_be_visible()
    expect(page.get_by_text("No files yet")).to_be_visible()


def test_the_list_is_narrowed_down_and_goes_back(somebody: Callable[..., Page]) -> None:
    page = somebody()
    acts.sign_up(page)
    number = newest(page)
    rows = page.locator("#invoice-list tbody tr")
    page.get_by_label("Show").select_option(label="Past due")
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/invoices\?state=past_due$"))
    page.go_back()
    expect(rows.first).to_contain_text(number)
    page.get_by_role("searchbox").fill(number[-6:])
    expect(page).to_have_url(re.compile(rf"q={number[-6:]}$"))
    expect(rows).to_have_count(1)
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value(number[-6:])
    expect(rows).to_have_count(1)


def test_chosen_ones_by_their_boxes(somebody: Callable[..., Page]) -> None:
    page = somebody()
    acts.sign_up(page)
    number = newest(page)
    button = page.get_by_role("button", name="Download as ZIP")
    expect(button).to_be_hidden()
    page.get_by_label(f"Choose {number}").check()
    expect(page.get_by_text("1 chosen")).to_be_visible()
    button.click()
    expect(page.locator("#invoice-exports tbody th")).to_contain_text(number)


def test_a_link_for_somebody_who_does_not_sign_in(
    somebody: Callable[..., Page], tmp_path: Path
) -> None:
    page = somebody()
    acts.sign_up(page)
    number = newest(page)
    page.goto(f"/invoices/{number}")
    expect(page.get_by_role("link", name="Download PDF")).to_be_visible(timeout=30_000)
    page.get_by_label("It works for").select_option(label="7 days")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_role("textbox", name="Link")
    expect(link).to_be_focused()
    expect(page.get_by_role("button", name="Copy the link")).to_be_visible()
    address = re.sub(r"^https?://[^/]+", "", link.input_value())
    page.reload()
    expect(page.get_by_role("textbox", name="Link")).to_be_hidden()

    guest = somebody()
    guest.goto(address)
    expect(guest.get_by_role("heading", name=f"Invoice {number}")).to_be_visible()
    expect(guest.get_by_role("navigation", name="Main")).to_be_hidden()
    content = save(guest, "Download PDF", tmp_path / "shared.pdf")
    assert content == save(page, "Download PDF", tmp_path / "own.pdf")
    are_in_order(guest, address)

    page.reload()
    expect(page.locator("#invoice-links tbody")).to_contain_text("times")
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("The link was withdrawn.")).to_be_visible()
    guest.reload()
    expect(guest.get_by_text("This link leads to no invoice")).to_be_visible()


def test_a_file_is_checked_without_leaving_the_computer(
    somebody: Callable[..., Page], tmp_path: Path
) -> None:
    page = somebody()
    acts.sign_up(page)
    number = newest(page)
    page.goto(f"/invoices/{number}")
    expect(page.get_by_role("link", name="Download PDF")).to_be_visible(timeout=30_000)
    content = save(page, "Download PDF", tmp_path / "invoice.pdf")
    expect(page.locator("#invoice-files")).to_contain_text(hashlib.sha256(content).hexdigest())

    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    page.goto("/invoices/check")
    expect(page.get_by_text("It stays on your computer")).to_be_visible()
    page.get_by_label("File").set_input_files(checked_file(content))
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_text(f"This is the PDF of invoice {number}")).to_be_visible()
    page.get_by_label("File").set_input_files(checked_file(content + b" "))
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_text("This file was not issued here")).to_be_visible()
    assert "POST" not in sent


def test_a_statement_as_a_pdf(somebody: Callable[..., Page], tmp_path: Path) -> None:
    page = somebody()
    acts.sign_up(page)
    number = newest(page)
    page.get_by_role("link", name="Statement of account").click()
    expect(page.locator("#statement")).to_contain_text(f"Invoice {number}")
    page.get_by_role("button", name="Make the PDF").click()
    row = page.locator("#invoice-exports tbody tr").first
    expect(row).to_contain_text("Statement of account")
    expect(row.get_by_role("link", name="Download")).to_be_visible(timeout=30_000)
    assert save(page, "Download", tmp_path / "statement.pdf").startswith(b"%PDF-")
    are_in_order(
        page, "/invoices", "/invoices/exports", "/invoices/statement", "/invoices/check",
        f"/invoices/{number}", f"/invoices/{number}/links",
    )  # fmt: skip


def test_without_scripts(somebody: Callable[..., Page], tmp_path: Path) -> None:
    page = somebody(java_script_enabled=False)
    acts.sign_up(page)
    number = newest(page)
    page.get_by_label("Show").select_option(label="Paid")
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_label(f"Choose {number}").check()
    page.get_by_role("button", name="Download as ZIP").click()
    download = page.locator("#invoice-exports tbody tr").get_by_role("link", name="Download")
    for _ in range(60):
        if download.is_visible():
            break
        page.get_by_role("link", name="look again").click()
        page.wait_for_timeout(500)
    assert save(page, "Download", tmp_path / "chosen.zip").startswith(b"PK")

    page.goto(f"/invoices/{number}")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_role("textbox", name="Link").input_value()
    guest = somebody(java_script_enabled=False)
    guest.goto(re.sub(r"^https?://[^/]+", "", link))
    content = save(guest, "Download PDF", tmp_path / "invoice.pdf")
    page.goto("/invoices/check")
    expect(page.get_by_text("It is sent to the portal")).to_be_visible()
    page.get_by_label("File").set_input_files(checked_file(content))
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_text(f"This is the PDF of invoice {number}")).to_be_visible()


def test_verify_finds_everything_in_order(portal: Portal) -> None:
    assert portal.flask("verify")
