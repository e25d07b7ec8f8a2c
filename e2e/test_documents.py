"""Papers of a client: sent with a bar that fills, had back byte by byte, deleted, explained."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import FilePayload, Page, expect

from e2e import acts
from e2e.acts import row, used
from e2e.conftest import Portal

LARGE = b"%PDF-1.7\n" + bytes(range(256)) * 40_000
NOTES = "Grüße aus Łódź\n".encode()


def file(name: str, content: bytes) -> FilePayload:
    return FilePayload(name=name, mimeType="application/octet-stream", buffer=content)


def open_documents(page: Page, client: str) -> None:
    page.goto("/clients")
    row(page, client).get_by_role("link", name=client, exact=True).click()
    page.get_by_role("main").get_by_role("link", name="Documents").click()
    expect(page.get_by_role("heading", name="Documents")).to_be_visible()


def upload(page: Page, *files: FilePayload) -> None:
    page.get_by_label("Add documents").set_input_files(list(files))
    page.get_by_role("button", name="Upload").click()


def test_sent_had_back_and_deleted(somebody: Callable[..., Page], tmp_path: Path) -> None:
    page = somebody()
    acts.sign_up(page)
    acts.bring_in(page, ["Ada Example,Client"])
    open_documents(page, "Ada Example")
    expect(page.get_by_text("No documents yet")).to_be_visible()

    shown: list[str] = []
    page.expose_function("progressShown", lambda words: shown.append(words))
    page.evaluate(
        """() => new MutationObserver(() =>
             window.progressShown(document.querySelector("[data-upload-words]")?.textContent ?? ""))
           .observe(document.querySelector("[data-upload-progress]"),
                    { subtree: true, childList: true, attributes: true })"""
    )
    upload(page, file("Contract.pdf", LARGE), file("Notes.txt", NOTES))
    expect(page.get_by_text("2 documents were added.")).to_be_visible()
    expect(row(page, "Contract.pdf")).to_contain_text("PDF")
    expect(row(page, "Contract.pdf")).to_contain_text("10.2 MB")
    expect(used(page, "storage")).to_have_text("10.2 MB of 5 GB")
    assert "Sending …" in shown
    assert "Sent. Being kept …" in shown

    with page.expect_download() as downloading:
        page.get_by_role("link", name="Contract.pdf").click()
    download = downloading.value
    assert download.suggested_filename == "Contract.pdf"
    download.save_as(tmp_path / "back.pdf")
    assert (tmp_path / "back.pdf").read_bytes() == LARGE

    row(page, "Contract.pdf").get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete document").click()
    expect(page.get_by_text("Contract.pdf was deleted.")).to_be_visible()
    expect(row(page, "Contract.pdf")).to_be_hidden()
    expect(row(page, "Notes.txt")).to_be_visible()


def test_what_is_too_large_is_told_before_it_is_sent(somebody: Callable[..., Page]) -> None:
    page = somebody()
    acts.sign_up(page)
    acts.bring_in(page, ["Ada Example,Client"])
    open_documents(page, "Ada Example")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))

    upload(page, file("Film.mov", b"x" * 25_000_001))
    problem = page.get_by_text("Too large, up to 25 MB fits: Film.mov.")
    expect(problem).to_be_visible()
    assert "POST" not in asked

    upload(page, file("Photo.jpg", b"\xff\xd8\xff" + b"x" * 1000))
    expect(problem).to_be_hidden()
    expect(row(page, "Photo.jpg")).to_contain_text("JPEG image")


def test_the_meter_leads_to_the_rows_behind_it(somebody: Callable[..., Page]) -> None:
    page = somebody()
    acts.sign_up(page)
    acts.bring_in(page, ["Ada Example,Client", "Ben Example,Client"])
    for client, size in (("Ada Example", 5_000), ("Ben Example", 300)):
        open_documents(page, client)
        upload(page, file(f"{size}.txt", b"x" * size))
        expect(row(page, f"{size}.txt")).to_be_visible()
    page.goto("/clients")
    expect(row(page, "Ben Example").get_by_role("link", name="1 document of")).to_be_visible()
    row(page, "Ben Example").get_by_role("button", name="Delete").click()
    expect(row(page, "Ben Example")).to_contain_text("not counted: deleted")

    page.goto("/account")
    used(page, "storage").get_by_role("link").click()
    expect(row(page, "5000.txt")).to_contain_text("counted: kept with a client")
    expect(row(page, "300.txt")).to_be_hidden()
    page.get_by_label("Show").select_option(label="Not counted")
    expect(row(page, "300.txt")).to_contain_text("not counted: its client is deleted")
    expect(page.get_by_role("main")).to_contain_text("Counted: 5 kB in 1 document.")


def test_without_scripts(somebody: Callable[..., Page]) -> None:
    page = somebody(java_script_enabled=False)
    acts.sign_up(page)
    page.goto("/clients/new")
    page.get_by_label("Name").fill("Ada Example")
    page.get_by_role("button", name="Add client").click()
    open_documents(page, "Ada Example")
    upload(page, file("Notes.txt", NOTES), file("More.txt", NOTES))
    expect(page.get_by_text("2 documents were added.")).to_be_visible()
    upload(page, file("Film.mov", b"x" * 26_000_000))
    expect(page.get_by_text("25 MB is the most for one file")).to_be_visible()
    expect(row(page, "Notes.txt")).to_be_visible()
    row(page, "Notes.txt").get_by_text("Delete", exact=True).click()
    page.get_by_role("button", name="Delete document").click()
    expect(row(page, "Notes.txt")).to_be_hidden()


def test_verify_finds_everything_where_it_belongs(portal: Portal) -> None:
    assert portal.flask("verify")
