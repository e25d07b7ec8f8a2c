"""The PDF of a credit note: what it says, that it is the same every time, bad text in it."""

import io
from dataclasses import replace

import pytest
from flask import Flask
from pypdf import PdfReader

from portal.extensions import db
from portal.models import CreditNote
from portal.papers import credit_note_display, making, rendering, typesetting
from portal.papers.credit_note_display import IssuedCreditNote
from tests.cast import Cast
from tests.credit_note_examples import CORRECTED_AT, DAY, ISSUED_AT, UPGRADE_BACK, credit_note, usd
from tests.credit_stories import credit, newest
from tests.test_invoice_pdf import HOSTILE, tags_below


def test_v3_the_text_is_that_of_the_credit_note(app: Flask) -> None:
    text = text_of(UPGRADE_BACK)
    expected = (
        "Credit note",
        "CN-2026-000001",
        "Credit for invoice INV-2026-000002",
        "of 16 Mar 2026",
        "18 Mar 2026",
        "Example Software",
        "Tax id ATU1",
        "Credited to",
        "Example Studio",
        "PO 77",
        "$100.00 charged, given back in full",
        "A credit of $25.00, taken back with what it was set against",
        "−$25.00",
        "VAT 20 % on $75.00",
        "$90.00",
        "Reason: Upgraded by mistake",
        "which itself stays as it was issued",
        f"Where the money goes: {UPGRADE_BACK.goes}.",
        "Banks usually show a refund after some days.",
        "Page 1 of 1",
    )
    flowing = " ".join(text.split())
    assert [part for part in expected if part not in flowing] == []


def test_what_does_not_apply_is_not_said(app: Flask) -> None:
    text = text_of(
        credit_note(
            lines=UPGRADE_BACK.lines[:1],
            goes="$90.00 off what is owed on INV-2026-000002",
            to_method=usd(0),
            to_balance=usd(0),
            po_number="",
        )
    )
    for absent in ("Banks usually", "credit balance", "A line with a minus", "PO number"):
        assert absent not in text


def test_v2_the_same_credit_note_gives_the_same_bytes(app: Flask) -> None:
    first = making.render(UPGRADE_BACK).pdf
    typesetting.prepared.cache_clear()
    rendering.end()
    assert making.render(UPGRADE_BACK).pdf == first
    assert making.render(credit_note(total=usd(90_01))).pdf != first


def test_reverse_charge_is_told_as_on_the_invoice(app: Flask) -> None:
    note = "Reverse charge: the customer accounts for the tax."
    assert note in text_of(credit_note(tax_note=note))


def test_dates_are_those_of_the_accounts_zone(app: Flask) -> None:
    late = ISSUED_AT.replace(hour=23)
    assert "19 Mar 2026" in text_of(credit_note(issued_at=late, zone="Asia/Tokyo"))


def test_many_lines_go_on_to_further_pages(app: Flask) -> None:
    line = replace(UPGRADE_BACK.lines[0], amount=usd(1_234_567_89), end_at=CORRECTED_AT + 365 * DAY)
    pages = PdfReader(io.BytesIO(making.render(credit_note(lines=(line,) * 30)).pdf)).pages
    assert len(pages) > 1
    assert sum(page.extract_text().count("$1,234,567.89") for page in pages) == 30


def test_it_can_be_read_aloud(app: Flask) -> None:
    document = PdfReader(io.BytesIO(making.render(UPGRADE_BACK).pdf))
    root = document.trailer["/Root"]
    assert root["/Lang"] == "en"
    assert {"/H1", "/H2", "/P", "/Table", "/TH", "/TD"} <= set(tags_below(root["/StructTreeRoot"]))
    metadata = document.metadata
    assert metadata is not None
    assert metadata.title == "Credit note CN-2026-000001 from Example Software"
    assert metadata.creation_date == ISSUED_AT


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a10_hostile_text_in_every_field_ends_as_text(cast: Cast, hostile: str) -> None:
    row = credit(cast, newest(cast.acme))
    party = {"name": hostile, "address": [hostile] * 9, "tax_id": hostile, "email": hostile}
    with db.session.no_autoflush:
        row.reason, row.vendor = hostile, party | {"country": hostile}
        row.customer = party | {"po_number": hostile, "time_zone": "UTC"}
        row.lines[0].description = row.lines[0].explanation = hostile
        issued = credit_note_display.issued(db.session(), row)
    db.session.rollback()
    document = PdfReader(io.BytesIO(making.render(issued).pdf))
    assert dict(document.attachments) == {}
    assert "$100.00" in document.pages[0].extract_text().replace("\0", "")


def test_it_is_made_once(cast: Cast) -> None:
    note_id = credit(cast, newest(cast.acme)).id
    making.make_credit_note(note_id)
    first = db.session.get_one(CreditNote, note_id).document
    assert first is not None
    sha256, rendered_at = first.sha256, first.rendered_at
    cast.clock.advance(days=1)
    making.make_credit_note(note_id)
    again = db.session.get_one(CreditNote, note_id).document
    assert again is not None
    assert (again.sha256, again.rendered_at) == (sha256, rendered_at)


def text_of(issued: IssuedCreditNote) -> str:
    document = PdfReader(io.BytesIO(making.render(issued).pdf))
    return "\n".join(page.extract_text() for page in document.pages)
