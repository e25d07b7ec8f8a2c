"""Pages: their size, where they break, and letters that are not Latin."""

import io
import random
import shutil
import subprocess
import unicodedata
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from pypdf import PdfReader

from portal.extensions import db
from portal.language import LANGUAGES, speaking
from portal.models import Invoice, InvoiceLine, InvoiceReason
from portal.papers import invoice_display, making, page
from portal.papers.invoice_display import IssuedInvoice
from portal.papers.parts import Party
from portal.web.formatting import date, money
from tests.invoice_examples import DAY, EVIDENCE, ISSUED_AT, UPGRADE, invoice, usd

A4, LETTER = (595, 842), (612, 792)
LINES = 200
HEADINGS = ("What, and how it was worked out", "Period", "Amount")
LONG = Party(
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 2,
    ("Abteilung für außerordentlich lange Anschriften, Hinterhaus, 3. Stiege, Tür 14",) * 5
    + ("Germany",),
    "DE" + "1" * 30,
    "accounts.payable.of.the.whole.group@" + "donaudampfschifffahrt." * 4 + "example.com",
    "DE",
)
SCRIPTS = {
    "Japanese": ("株式会社サンプル製作所", "東京都千代田区丸の内一丁目1番1号"),
    "Chinese": ("示例软件有限公司", "北京市朝阳区建国路88号"),
    "Korean": ("주식회사 예시 소프트웨어", "서울특별시 중구 세종대로 110"),
    "Hebrew": ("סטודיו לדוגמה", "רחוב הרצל"),
    "Arabic": ("شركة المثال للبرمجيات", "شارع الملك فهد"),
    "Greek": ("Παράδειγμα Α.Ε.", "Οδός Παραδείγματος 1"),
    "Cyrillic": ("ООО «Пример»", "Примерная улица, 1"),
}
WORDS = (
    *("Plan", "Standard", "Prämie", "für", "Größe", "Łódź", "Ψηφιακή", "O'Brien", "&", "Söhne"),
    *("<b>", "«Пример»", "10", "Plätze", "ﬁne", "−", "=SUM(A1)", "%s", "{{", "100 %"),
)


@pytest.mark.parametrize(
    ("country", "setting", "size"),
    [
        ("AT", "auto", A4),
        ("US", "auto", LETTER),
        ("MX", "auto", LETTER),
        ("", "auto", A4),
        ("US", "A4", A4),
        ("AT", "Letter", LETTER),
    ],
)
def test_paper_is_that_of_the_customers_country_unless_set(
    app: Flask, country: str, setting: str, size: tuple[int, int]
) -> None:
    app.config["PORTAL"] = replace(app.config["PORTAL"], paper=setting)
    vendor = replace(UPGRADE.vendor, country="")
    customer = replace(UPGRADE.customer, country=country)
    (only,) = pages_of(invoice(vendor=vendor, customer=customer))
    assert (round(only.mediabox.width), round(only.mediabox.height)) == size


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_usual_invoice_and_one_with_its_evidence_are_one_page_on_either_paper(
    app: Flask, language: str
) -> None:
    for country in ("AT", "US"):
        customer = replace(UPGRADE.customer, country=country)
        for evidence in (None, EVIDENCE):
            issued = invoice(customer=customer, evidence=evidence, language=language)
            assert len(pages_of(issued)) == 1


def test_two_hundred_lines_break_between_lines_under_repeated_headings(app: Flask) -> None:
    lines = tuple(
        replace(UPGRADE.lines[0], description=f"Line {number}.", amount=usd(1_000_00 + number))
        for number in range(LINES)
    )
    texts = [each.extract_text() for each in pages_of(invoice(lines=lines))]
    assert all(heading in text for text in texts for heading in HEADINGS)
    for number in range(LINES):
        (on,) = (text for text in texts if f"Line {number}." in text)
        assert f"$1,00{number // 100}.{number % 100:02}" in on
    assert all(f"Page {n} of {len(texts)}" in text for n, text in enumerate(texts, start=1))
    # The sums stand below the last lines, not alone on a page.
    assert "Line 199." in texts[-1]
    assert "Total" in texts[-1]


@pytest.mark.parametrize("count", range(8, 20, 3))
def test_sums_are_never_alone_on_a_page(app: Flask, count: int) -> None:
    pages = pages_of(invoice(lines=UPGRADE.lines[:1] * count))
    last = pages[-1].extract_text()
    assert "Standard, 10 users" in last
    assert "Total" in last


def test_long_names_and_addresses_stay_between_the_margins(app: Flask) -> None:
    issued = invoice(vendor=LONG, customer=LONG, po_number="PO-" + "9" * 100)
    margin = 20 / 25.4 * 72 - 1
    for left, right in edges(making.render(issued).pdf):
        assert left >= margin
        assert right <= A4[0] - margin


@pytest.mark.parametrize(("name", "street"), SCRIPTS.values(), ids=SCRIPTS)
def test_letters_of_other_scripts_are_set(app: Flask, name: str, street: str) -> None:
    customer = replace(UPGRADE.customer, name=name, address=(street, "Austria"))
    text = text_of(invoice(customer=customer, vendor=replace(UPGRADE.vendor, name=name)))
    for written in (name, street):
        assert letters(written) <= letters(text)


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("Example", "ltr"),
        ("12 סטודיו", "rtl"),
        ("(שלום) Ltd", "rtl"),
        ("مرحبا", "rtl"),
        ("ACME סטודיו", "ltr"),
        ("123", "ltr"),
        ("", "ltr"),
    ],
)
def test_a_line_runs_as_its_first_letter_does(text: str, direction: str) -> None:
    assert page.direction(text) == direction


@pytest.mark.parametrize("seed", range(20))
def test_v3_the_text_is_that_of_the_row_whatever_the_row(app: Flask, seed: int) -> None:
    check_random(seed)


@pytest.mark.soak
def test_v3_the_text_is_that_of_the_row_for_three_hundred_rows(app: Flask) -> None:
    for seed in range(1000, 1300):
        check_random(seed)


def check_random(seed: int) -> None:
    row = random_row(random.Random(seed))
    with speaking(row.language):
        issued = invoice_display.issued(db.session(), row)
        parts = parts_of(row, issued)
    said = flowing(text_of(issued))
    for part in parts:
        assert flowing(part) in said, part


def parts_of(row: Invoice, issued: IssuedInvoice) -> list[str]:
    """What the row holds, as it should stand there."""
    zone = row.customer["time_zone"]
    names = [row.number_text, row.vendor["name"], row.customer["name"], row.customer["po_number"]]
    parts = [*names, *row.vendor["address"], *row.customer["address"], row.customer["tax_id"]]
    parts += [row.tax_note, money(row.money(row.due_minor)), date(row.issued_at, zone)]
    for line in row.lines:
        parts += [line.description, line.explanation, money(line.money)]
        parts += [date(line.period_start_at, zone), date(line.period_end_at, zone)]
    for each in issued.sums:
        parts += [each.label, money(each.amount)]
    return [part for part in parts if part]


def random_row(chance: random.Random) -> Invoice:
    """An invoice with anything in it that the portal lets in."""
    currency = chance.choice(["USD", "EUR", "JPY", "GBP"])
    amounts = [chance.randint(-5000, 900_000) for _ in range(chance.randint(1, 9))]
    amounts[0] = 10_000_000
    tax = chance.choice([0, 700, 2000])
    lines = [random_line(chance, currency, amount, tax) for amount in amounts]
    subtotal, taxed = sum(amounts), sum(line.tax_minor for line in lines)
    balance = chance.choice([0, 12_34])
    return Invoice(
        account_id=1,
        number_text=f"INV-2026-{chance.randint(1, 999_999):06}",
        reason=chance.choice([InvoiceReason.RENEWAL, InvoiceReason.PLAN_CHANGE]),
        currency=currency,
        subtotal_minor=subtotal,
        tax_minor=taxed,
        total_minor=subtotal + taxed,
        balance_applied_minor=balance,
        due_minor=subtotal + taxed - balance,
        surplus_minor=0,
        tax_note="" if tax else words(chance, 5),
        issued_at=ISSUED_AT + timedelta(minutes=chance.randint(0, 500_000)),
        period_start_at=ISSUED_AT,
        period_end_at=ISSUED_AT + 30 * DAY,
        vendor=random_party(chance),
        customer=random_party(chance)
        | {"time_zone": chance.choice(["UTC", "Asia/Tokyo", "America/Lima"])}
        | {"po_number": chance.choice(["", f"PO {chance.randint(1, 10**9)}"])},
        lines=lines,
        language=chance.choice(list(LANGUAGES)),
    )


def random_line(chance: random.Random, currency: str, amount: int, tax: int) -> InvoiceLine:
    start = ISSUED_AT + timedelta(minutes=chance.randint(0, 500_000))
    return InvoiceLine(
        kind="plan",
        description=words(chance, 4),
        explanation=words(chance, 9),
        base_minor=abs(amount),
        quantity=1,
        days=30,
        days_in_cycle=30,
        amount_minor=amount,
        tax_name="VAT" if tax else "",
        tax_basis_points=tax,
        tax_minor=amount * tax // 10_000,
        currency=currency,
        period_start_at=start,
        period_end_at=start + chance.randint(1, 365) * DAY,
    )


def random_party(chance: random.Random) -> dict[str, Any]:
    return {
        "name": words(chance, 3),
        "address": [words(chance, 3) for _ in range(chance.randint(1, 5))],
        "country": chance.choice(["AT", "US", "JP", ""]),
        "tax_id": chance.choice(["", "ATU12345678"]),
        "email": "pay@example.com",
    }


def words(chance: random.Random, most: int) -> str:
    return " ".join(chance.choices(WORDS, k=chance.randint(1, most)))


def pages_of(issued: IssuedInvoice) -> list[Any]:
    return list(PdfReader(io.BytesIO(making.render(issued).pdf)).pages)


def text_of(issued: IssuedInvoice) -> str:
    """By Poppler, where there is one: another reader than the one that wrote it."""
    content = making.render(issued).pdf
    if shutil.which("pdftotext") is None:
        return "\n".join(each.extract_text() for each in PdfReader(io.BytesIO(content)).pages)
    command = ["pdftotext", "-raw", "-", "-"]
    read = subprocess.run(command, input=content, capture_output=True, check=True)
    return read.stdout.decode()


def edges(content: bytes) -> list[tuple[float, float]]:
    """The left and right edge of each word, in points."""
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext")
    command = ["pdftotext", "-bbox", "-", "-"]
    read = subprocess.run(command, input=content, capture_output=True, check=True).stdout.decode()
    words = [line.split('"') for line in read.splitlines() if "<word" in line]
    return [(float(word[1]), float(word[5])) for word in words]


def letters(text: str) -> set[str]:
    """Without order and shape: readers differ in how they give text that runs to the left."""
    return {c for c in unicodedata.normalize("NFKC", text) if c.isalpha()}


def flowing(text: str) -> str:
    """Without spaces; the font draws "fi" and "ﬁ" alike, and a PDF says one of both for either."""
    return "".join(unicodedata.normalize("NFKC", text).split())
