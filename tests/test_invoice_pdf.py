"""The PDF itself: what it says, that it is the same every time, and what it makes of bad text."""

import hashlib
import io
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from flask import Flask
from pypdf import PdfReader

from portal.extensions import db
from portal.models import Invoice, InvoiceLine, InvoiceReason
from portal.papers import invoice_display, making, rendering, typesetting
from portal.papers.invoice_display import IssuedInvoice
from portal.papers.parts import Line, Sum
from portal.printable import printable
from tests.invoice_examples import DAY, EVIDENCE, ISSUED_AT, UPGRADE, invoice, usd

RENDER_ELSEWHERE = """
import hashlib
from portal import create_app
from portal.papers import making
from portal.config import Settings
from tests.invoice_examples import UPGRADE
with create_app(Settings()).app_context():
    print(hashlib.sha256(making.render(UPGRADE).pdf).hexdigest())
"""
HOSTILE = {
    "markup": "<script>alert(1)</script><b>x</b>&amp;",
    "attachment": '<link rel="attachment" href="file:///etc/hostname">',
    "image": "<img src=http://127.0.0.1:9/x>",
    "template": "{{ 7 * 7 }}{% raw %}",
    "style": "</style><style>* { display: none }",
    "marks": "Z" + "\u0301" * 100_000,
    "many letters with marks": ("a" + "\u0301" * 30) * 5_000,
    "one endless word": "W" * 100_000,
    "control characters": "a\x00b\x1b[31mc\nd\te",
    "half a character": "a\ud800b",
    "turned text": "\u202egnp.exe\u202c\u2066x\u2069",
    "lines": "\n" * 10_000,
    "not in the font": "株式会社 עברית العربية 🎉",
    "empty": "",
}


def test_v3_the_text_is_that_of_the_invoice(app: Flask) -> None:
    text = text_of(UPGRADE)
    expected = (
        "Invoice",
        "INV-2026-000002",
        "Example Software",
        "1 Example Street",
        "Tax id ATU1",
        "pay@example.com",
        "Example Studio",
        "2 Example Lane",
        "Change to Standard, 10 users",
        "Full price for 30 days: $100.00",
        "15 of 30 days × $50.00 = −$25.00",
        "−$25.00",
        "$75.00",
        "Paid on 16 Mar 2026 with Visa ending in 4242",
        "16 Mar 2026 – 15 Apr 2026",
        "every 30 days",
        "the next charge falls on 15 Apr 2026",
        "Page 1 of 1",
    )
    assert [part for part in expected if part not in text] == []


def test_v2_the_same_invoice_gives_the_same_bytes(app: Flask) -> None:
    first = making.render(UPGRADE).pdf
    typesetting.prepared.cache_clear()
    rendering.end()
    assert making.render(UPGRADE).pdf == first
    elsewhere = subprocess.run(
        [sys.executable, "-c", RENDER_ELSEWHERE], capture_output=True, text=True, check=True
    )
    assert elsewhere.stdout.strip() == hashlib.sha256(first).hexdigest()


def test_a_different_invoice_gives_different_bytes(app: Flask) -> None:
    assert making.render(invoice(due=usd(75_01))).pdf != making.render(UPGRADE).pdf


def test_an_invoice_to_be_paid_says_when_it_is_due_and_where_to_see_its_payment(app: Flask) -> None:
    text = text_of(invoice(paid=None))
    assert "Due on 16 Mar 2026" in text
    assert "Amount due" in text
    assert "When and how it was paid is shown with this invoice in the portal." in text


def test_charge_credit_left(app: Flask) -> None:
    sums = (Sum("Total", usd(75_00)), Sum("Paid from your credit balance", usd(-75_00)))
    text = text_of(invoice(paid=None, due=usd(0), sums=sums, surplus=usd(212_33)))
    assert "Nothing to pay: credit covered it" in text
    assert "−$75.00" in text
    assert "$212.33 kept as credit balance." in text


def test_invoice_evidence(app: Flask) -> None:
    """The rule, the counts, the deadline and the three emails; nobody's address."""
    document = PdfReader(io.BytesIO(making.render(invoice(evidence=EVIDENCE)).pdf))
    text = document.pages[0].extract_text()
    expected = (
        EVIDENCE.rule,
        "11 of 10 seats",
        "16 Mar 2026, 10:30 CET",
        "Warning 1",
        "11 Mar 2026, 10:30 CET",
        "13 Mar 2026, 10:30 CET",
        "15 Mar 2026, 10:30 CET",
        "1 Admin",
    )
    assert [part for part in expected if part not in text] == []
    assert "admin@example.com" not in text
    assert len(document.pages) == 1


def test_dates_are_those_of_the_accounts_zone(app: Flask) -> None:
    late = ISSUED_AT.replace(hour=23)
    text = text_of(invoice(issued_at=late, zone="Asia/Tokyo", paid=None))
    assert "Due on 17 Mar 2026" in text


def test_twelve_lines_of_great_amounts_stay_within_the_page(app: Flask) -> None:
    amount = usd(1_234_567_89)
    line = Line("Standard, 80 users " * 3, "x" * 200, amount, ISSUED_AT, ISSUED_AT + 30 * DAY)
    pages = PdfReader(io.BytesIO(making.render(invoice(lines=(line,) * 12)).pdf)).pages
    assert sum(page.extract_text().count("$1,234,567.89") for page in pages) == 12
    assert all("What, and how it was worked out" in page.extract_text() for page in pages[:-1])


def test_it_can_be_read_aloud(app: Flask) -> None:
    """Language, title and tags, with table headers as such."""
    content = making.render(UPGRADE).pdf
    document = PdfReader(io.BytesIO(content))
    root = document.trailer["/Root"]
    assert root["/Lang"] == "en"
    assert root["/MarkInfo"]["/Marked"].value is True
    assert root["/ViewerPreferences"]["/DisplayDocTitle"].value is True
    tags = tags_below(root["/StructTreeRoot"])
    assert {"/H1", "/H2", "/P", "/Table", "/TH", "/TD"} <= set(tags)
    metadata = document.metadata
    assert metadata is not None
    assert metadata.title == "Invoice INV-2026-000002 from Example Software"
    assert metadata.creation_date == ISSUED_AT


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a10_hostile_text_in_every_field_ends_as_text_within_a_second(
    app: Flask, hostile: str
) -> None:
    making.render(UPGRADE)
    row = invoice_row_full_of(hostile)
    started = cpu_seconds()
    content = making.render(invoice_display.issued(db.session(), row)).pdf
    assert cpu_seconds() - started < 1
    document = PdfReader(io.BytesIO(content))
    assert dict(document.attachments) == {}
    # The reader puts a zero byte before letters of a font that lacks some of the text.
    assert "$75.00" in document.pages[0].extract_text().replace("\0", "")


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("  Acme   & Sons\n", "Acme & Sons"),
        ("Zoe\u0308", "Zoë"),
        ("Z" + "\u0301" * 100_000, "Ź" + "\u0301" * 4),
        ("a\x00\x1b[31mb\ud800", "a[31mb"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("x" * 300, "x" * 119 + "…"),
        ("Donau\u00addampf", "Donaudampf"),
        ("", ""),
    ],
)
def test_what_is_printed_of_what_was_typed(typed: str, printed: str) -> None:
    assert printable(typed, 120) == printed


def test_markup_in_a_name_is_printed_as_it_was_typed(app: Flask) -> None:
    vendor = replace(UPGRADE.vendor, name="<b>Bold</b> & {{ 7 * 7 }}")
    assert "<b>Bold</b> & {{ 7 * 7 }}" in text_of(invoice(vendor=vendor))


def cpu_seconds() -> float:
    """Of this process and the ones it waited for."""
    return sum(os.times()[:4])


def text_of(issued: IssuedInvoice) -> str:
    document = PdfReader(io.BytesIO(making.render(issued).pdf))
    return "\n".join(page.extract_text() for page in document.pages)


def invoice_row_full_of(text: str) -> Invoice:
    """An upgrade with `text` wherever anybody may have typed something."""
    party = {"name": text, "address": [text] * 9, "tax_id": text, "email": text, "country": text}
    warning = {"accepted_at": ISSUED_AT.isoformat(), "used": 11, "limit": 10, "recipients": [text]}
    line = InvoiceLine(
        kind="plan",
        description=text,
        explanation=text,
        base_minor=75_00,
        quantity=1,
        days=30,
        days_in_cycle=30,
        amount_minor=75_00,
        tax_name="VAT",
        tax_basis_points=0,
        tax_minor=0,
        currency="USD",
    )
    return Invoice(
        account_id=1,
        number_text="INV-2026-000002",
        reason=InvoiceReason.AUTO_UPGRADE,
        currency="USD",
        subtotal_minor=75_00,
        tax_minor=0,
        total_minor=75_00,
        balance_applied_minor=0,
        due_minor=75_00,
        surplus_minor=0,
        language="en",
        tax_note=text,
        issued_at=ISSUED_AT,
        period_start_at=ISSUED_AT,
        period_end_at=ISSUED_AT + 30 * DAY,
        vendor=party,
        customer=party | {"time_zone": "UTC", "po_number": text},
        lines=[line],
        evidence={
            "rule": text,
            "metric": "seats",
            "used": 11,
            "limit": 10,
            "deadline_at": ISSUED_AT.isoformat(),
            "warnings": [warning | {"number": number} for number in (1, 2, 3)],
        },
    )


def tags_below(node: object) -> list[str]:
    found: list[str] = []
    stack = [node]
    while stack:
        item = stack.pop()
        item = item.get_object() if hasattr(item, "get_object") else item
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            found += [str(item["/S"])] if "/S" in item else []
            stack += [item["/K"]] if "/K" in item else []
    return found
