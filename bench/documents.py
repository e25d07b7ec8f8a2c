"""Invoices as PDF: the time of one against bare WeasyPrint, two processes against one, memory,
download, and how long one waits for the PDF after paying.

What is set is an invoice of the example catalog with its electronic invoice inside. Bare WeasyPrint
sets the same HTML and CSS as PDF/A-3a too, in a process that lives on and has its fonts loaded;
what the worker does besides is handing it to the process that sets its pages, that one's limits,
and the electronic invoice.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from resource import RUSAGE_CHILDREN, getrusage
from statistics import median

from sqlalchemy import select
from weasyprint import HTML

from bench import people
from bench.place import ROOT, Measured, megabytes, portal_on, running
from portal import create_app
from portal.audit import SYSTEM
from portal.billing import accounts, payments, plan_changes
from portal.clock import wall_now
from portal.collecting.collection import carry_change
from portal.config import Settings
from portal.extensions import db
from portal.models import Invoice, InvoiceDocument, Price
from portal.papers import archival, compositor, invoice_display, making, typesetting
from portal.papers.invoice_display import IssuedInvoice
from portal.transaction import transaction

ROUNDS, WARM_UP = 100, 10
DOWNLOADS = 1_000
INVOICES, PAID = 1_000, 40
MOST_TIMES_BARE, LEAST_SPEEDUP, MOST_MEGABYTES = 1.25, 1.8, 30
MOST_TIMES_STATIC, MOST_SECONDS = 1.5, 1.0
LONGEST_WAIT_SECONDS = 30


def measure() -> Iterator[str]:
    """A row for each figure."""
    with portal_on("sqlite") as measured:
        people.settle(measured.environ)
        yield _against_bare(_in_process("compare", measured)[0])
        yield from _one_and_two(measured)
        with running(measured) as portal:
            yield _download(portal)
            yield _waiting(portal)


def _against_bare(said: dict[str, float]) -> str:
    ours, bare = said["ours"], said["bare"]
    return (
        f"PDF of an invoice in the worker: {ours * 1000:.0f} ms, bare WeasyPrint"
        f" {bare * 1000:.0f} ms: {ours / bare:.2f}× (at most {MOST_TIMES_BARE}×)"
    )


def _one_and_two(measured: Measured) -> Iterator[str]:
    alone = _in_process("render", measured, INVOICES)
    both = _in_process("render", measured, INVOICES // 2, INVOICES // 2)
    one, two = _seconds(alone), _seconds(both)
    yield (
        f"{INVOICES:,} PDFs, two processes: {INVOICES / two:.1f} a second, one:"
        f" {INVOICES / one:.1f}: {one / two:.2f}× (at least {LEAST_SPEEDUP}×)"
    )
    grown = max(alone[0]["grown"], alone[0]["grown_child"])
    yield (
        f"memory over {INVOICES:,} PDFs: the worker {alone[0]['grown']:+.0f} MB, what it forks"
        f" {alone[0]['grown_child']:+.0f} MB to {alone[0]['child']:.0f} MB:"
        f" {grown:+.0f} MB (at most {MOST_MEGABYTES} MB)"
    )


def _seconds(said: list[dict[str, float]]) -> float:
    """From when the first began to when the last was done."""
    return max(each["ended"] for each in said) - min(each["began"] for each in said)


def _in_process(what: str, measured: Measured, *counts: int) -> list[dict[str, float]]:
    """What so many processes say that do the same at once."""
    command = [sys.executable, "-m", "bench.documents", what]
    processes = [
        subprocess.Popen(
            [*command, str(count)],
            cwd=ROOT,
            env=measured.environ,
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        for count in counts or (0,)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    # All are told before the first is waited for.
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    return [json.loads(process.communicate()[0]) for process in processes]


def _compare(issued: IssuedInvoice) -> dict[str, float]:
    page = making._page(issued, b"")
    style, fonts = typesetting.prepared(page.sheet)
    styles = [style, typesetting.of_paper(page.paper)]
    fetcher = typesetting.AssetsOnly()

    def bare() -> None:
        HTML(string=page.html, url_fetcher=fetcher).write_pdf(
            stylesheets=styles, font_config=fonts, pdf_variant=archival.VARIANT
        )

    ours, yardstick = _in_turn(lambda: making.render(issued), bare)
    return {"ours": ours, "bare": yardstick}


def _render(issued: IssuedInvoice, count: int) -> dict[str, float]:
    began = time.time()
    for number in range(count):
        making.render(issued)
        # Once a process that sets pages has lived and ended.
        if number == 2 * compositor.PAGES:
            early, early_child = megabytes(), _megabytes_of_children()
    return {
        "began": began,
        "ended": time.time(),
        "grown": megabytes() - early,
        "grown_child": _megabytes_of_children() - early_child,
        "child": _megabytes_of_children(),
    }


def _megabytes_of_children() -> float:
    """The most that any process had that this one waited for."""
    return getrusage(RUSAGE_CHILDREN).ru_maxrss / 1024


def _download(portal: Measured) -> str:
    """The stored PDF, and the same file as a static one."""
    visitor = people.signed_in(portal.url)
    with create_app(Settings.from_env(portal.environ)).app_context():
        path, static = _first_file()
    pdf, file = _in_turn(lambda: visitor.get(path), lambda: visitor.get(static), DOWNLOADS)
    size = len(visitor.get(path))
    if len(visitor.get(static)) != size:
        raise RuntimeError("not the same file")
    return (
        f"download of a stored PDF of {size / 1000:.0f} kB: {pdf * 1000:.1f} ms, as a static file"
        f" {file * 1000:.1f} ms: {pdf / file:.2f}× (at most {MOST_TIMES_STATIC}×)"
    )


def _first_file() -> tuple[str, str]:
    """Where the PDF of the only invoice is had, and where its file is."""
    invoice = db.session.scalars(select(Invoice)).one()
    number, invoice_id = invoice.number_text, invoice.id
    db.session.rollback()
    making.make(invoice_id)
    sha256 = db.session.get_one(InvoiceDocument, invoice_id).sha256
    return f"/invoices/{number}.pdf", f"/bench/static/{sha256[:2]}/{sha256}"


def _waiting(portal: Measured) -> str:
    """From the payment to a row that names the stored file."""
    times = []
    with create_app(Settings.from_env(portal.environ)).app_context():
        for number in range(PAID):
            change_id, account_id = _about_to_pay(number)
            began = time.perf_counter()
            carry_change(change_id)
            _wait_for_pdf(account_id)
            times.append(time.perf_counter() - began)
        db.session.remove()
        db.engine.dispose()
    return (
        f"from payment to PDF: {median(times):.2f} s, at worst {max(times):.2f} s"
        f" (median at most {MOST_SECONDS:.0f} s)"
    )


def _about_to_pay(number: int) -> tuple[int, int]:
    now = wall_now()
    with transaction() as session:
        account = accounts.open_account(
            session, name=f"Payer {number}", country="US", currency="USD", time_zone="UTC",
            now=now, actor=SYSTEM,
        )  # fmt: skip
        payments.set_method(
            session, account, gateway="sandbox", reference="card_pays", label="Test card", now=now
        )
        price = session.query(Price).filter(Price.currency == "USD").order_by(Price.id).first()
        change = plan_changes.subscribe(
            session, account, price, op_id=f"bench-{number}", now=now, actor=SYSTEM
        )
        return change.id, account.id


def _wait_for_pdf(account_id: int) -> None:
    until = time.monotonic() + LONGEST_WAIT_SECONDS
    statement = select(InvoiceDocument.sha256).where(InvoiceDocument.account_id == account_id)
    while time.monotonic() < until:
        found = db.session.execute(statement).first()
        db.session.rollback()
        if found is not None:
            return
        time.sleep(0.01)
    raise TimeoutError("no PDF was made")


def _in_turn(
    one: Callable[[], object], other: Callable[[], object], rounds: int = ROUNDS
) -> tuple[float, float]:
    """Median seconds of both, alternating, so that a machine that slows down slows both."""
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(WARM_UP + rounds):
        for which, action in enumerate((one, other)):
            began = time.perf_counter()
            action()
            if round_ >= WARM_UP:
                times[which].append(time.perf_counter() - began)
    return median(times[0]), median(times[1])


def _work(what: str, count: int) -> None:
    """What one process does, once it is warm and told to."""
    with create_app(Settings.from_env(os.environ)).app_context():
        row = db.session.scalars(select(Invoice).order_by(Invoice.id)).first()
        issued = invoice_display.issued(db.session(), row)
        db.session.rollback()
        making.warm_up()
        making.keep_ready()
        print("warm", datetime.now(UTC), flush=True)
        sys.stdin.readline()
        print(json.dumps(_compare(issued) if what == "compare" else _render(issued, count)))


if __name__ == "__main__":
    if sys.argv[1:]:
        _work(sys.argv[1], int(sys.argv[2]))
    else:
        for row in measure():
            print(row, flush=True)
