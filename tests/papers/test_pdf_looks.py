"""How documents look, page by page: pictures are kept in `looks`."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask

from portal.extensions import db
from portal.language import speaking
from portal.models import CreditNote, Invoice
from portal.papers import (
    credit_note_display,
    handing_out,
    invoice_display,
    making,
    statement_display,
)
from portal.papers.parts import Sum
from tests.cast import Cast
from tests.credit_stories import newest
from tests.invoice_examples import UPGRADE, invoice, usd
from tests.paper_stories import ada, company, papers
from tests.pdf_pictures import needs_poppler, pages
from tests.pictures import looks_as_kept
from tests.taking_back_stories import upgraded

LOOKS = Path(__file__).parent / "looks"

pytestmark = needs_poppler


def test_a_first_invoice_paid_by_card(cast: Cast, tmp_path: Path) -> None:
    """$100.00 and 19 %."""
    first = newest(company(cast))
    look_as_kept("first-invoice", pdf_of(first), tmp_path)


def test_an_upgrade_with_credit_tax_and_balance(cast: Cast, tmp_path: Path) -> None:
    look_as_kept("upgrade", pdf_of(papers(cast).upgrade), tmp_path)


def test_the_upgrade_in_german(cast: Cast, tmp_path: Path) -> None:
    look_as_kept("upgrade-german", pdf_of(papers(cast, "de").upgrade), tmp_path)


def test_the_upgrade_on_letter_paper(cast: Cast, tmp_path: Path) -> None:
    cast.app.config["PORTAL"] = replace(cast.app.config["PORTAL"], paper="Letter")
    look_as_kept("upgrade-letter", pdf_of(papers(cast).upgrade), tmp_path)


def test_an_automatic_upgrade_with_its_evidence(cast: Cast, tmp_path: Path) -> None:
    """11 of 10 seats, three emails, and the upgrade five days after the first."""
    account = company(cast)
    ada(cast, account)
    upgraded(cast, account)
    look_as_kept("automatic-upgrade", pdf_of(newest(account)), tmp_path)


def test_a_credit_note(cast: Cast, tmp_path: Path) -> None:
    look_as_kept("credit-note", pdf_of(papers(cast).credit_note), tmp_path)


def test_a_statement(cast: Cast, tmp_path: Path) -> None:
    """March: two invoices paid by card, a credit note, an upgrade paid from it and by card."""
    account = papers(cast).account
    since_at, before_at = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
    statement = statement_display.shown(
        db.session(), account, since_at=since_at, before_at=before_at, now=cast.clock.now()
    )
    look_as_kept("statement", handing_out.statement_pdf(statement), tmp_path, of_pages=2)


def test_sixty_lines_on_four_pages(app: Flask, tmp_path: Path) -> None:
    """$1.00 to $60.00: $1,830.00."""
    lines = tuple(
        replace(
            UPGRADE.lines[0],
            description=f"Standard, {users} users",
            explanation=f"Full price for 30 days: ${users}.00",
            amount=usd(users * 100),
        )
        for users in range(1, 61)
    )
    total = usd(1830_00)
    issued = invoice(lines=lines, sums=(Sum("Total", total),), due=total)
    look_as_kept("sixty-lines", making.render(issued).pdf, tmp_path, of_pages=4)


def test_a_customer_who_writes_hebrew(app: Flask, tmp_path: Path) -> None:
    address = ("רחוב הרצל 12", "תל אביב", "Israel")
    customer = replace(UPGRADE.customer, name="סטודיו לדוגמה בע״מ", address=address)
    look_as_kept("hebrew", making.render(invoice(customer=customer)).pdf, tmp_path)


def look_as_kept(name: str, pdf: bytes, folder: Path, *, of_pages: int = 1) -> None:
    """Each page is held to its picture."""
    drawn = pages(pdf)
    assert len(drawn) == of_pages
    for number, picture in enumerate(drawn, start=1):
        of_page = f"-{number}" if of_pages > 1 else ""
        looks_as_kept(picture, LOOKS / f"{name}{of_page}.png", folder)


def pdf_of(paper: Invoice | CreditNote) -> bytes:
    """As the worker makes it."""
    display = invoice_display if isinstance(paper, Invoice) else credit_note_display
    with speaking(paper.language):
        return making.render(display.issued(db.session(), paper)).pdf
