"""What a file can't be made of, what it can do without, and what it makes of bad text."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from lxml import etree

from portal.billing.rules import money
from portal.billing.rules.money import Money
from portal.extensions import db
from portal.papers import invoice_display
from portal.papers.e_invoice import NoEInvoice, factur_x, ubl
from portal.papers.invoice_display import IssuedInvoice
from portal.papers.line_facts import NOT_SUBJECT, LineTax, TaxCase
from portal.papers.parts import Line
from tests.e_invoice_checks import broken_rules
from tests.invoice_examples import UPGRADE, invoice, usd
from tests.test_invoice_pdf import HOSTILE, invoice_row_full_of

CURRENCIES = sorted(code for codes in money._CODES_BY_DIGITS.values() for code in codes.split())
PRICE = usd(75_00)
VENDOR, CUSTOMER = UPGRADE.vendor, UPGRADE.customer
VAT, REVERSED = LineTax(TaxCase.STANDARD, 20_00), LineTax(TaxCase.REVERSE_CHARGE, note="Reverse")
HOSTILE_XML = HOSTILE | {
    "no characters": "\ufffe\uffff\ufdd0",
    "end of a section": "]]> <![CDATA[ --> <?xml?>",
    "an entity": "&lol; <!ENTITY lol SYSTEM 'file:///etc/hostname'> &#0; &#x1F;",
    "beyond the first plane": "\U0001fffe\U0010ffff\U0001f9fe",
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param(
            {"vendor": replace(VENDOR, country="")}, "the vendor's country", id="vendor's country"
        ),
        pytest.param({"vendor": replace(VENDOR, name="")}, "the vendor's name", id="vendor's name"),
        pytest.param(
            {"customer": replace(CUSTOMER, country="")}, "customer's country", id="country"
        ),
        pytest.param({"customer": replace(CUSTOMER, name="\uffff")}, "customer's name", id="name"),
        pytest.param(
            {"vendor": replace(VENDOR, tax_id=""), "tax": VAT}, "vendor's tax id", id="vendor's id"
        ),
        pytest.param(
            {"vendor": replace(VENDOR, tax_id="", email="")}, "tax id or email", id="no id at all"
        ),
        pytest.param(
            {"customer": replace(CUSTOMER, tax_id=""), "tax": REVERSED},
            "customer's tax id",
            id="reverse charge to nobody",
        ),
        pytest.param({"amount": Money(75_001, "KWD")}, "three decimals", id="three decimals"),
        pytest.param({"amount": Money(75_00, "STN")}, "list the currency STN", id="currency"),
        pytest.param({"lines": ()}, "don't add up", id="no lines"),
        pytest.param({"subtotal": usd(75_01)}, "don't add up", id="wrong sum"),
    ],
)
@pytest.mark.parametrize("write", [factur_x, ubl], ids=("Factur-X", "UBL"))
def test_no_file_and_why(write: Any, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(NoEInvoice, match=reason):
        write(of_one_line(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"vendor": replace(VENDOR, address=("Austria",))}, id="vendor's address"),
        pytest.param({"customer": replace(CUSTOMER, address=("Austria",))}, id="address"),
        pytest.param({"vendor": replace(VENDOR, tax_id="")}, id="vendor's id, untaxed"),
        pytest.param({"vendor": replace(VENDOR, email=""), "tax": VAT}, id="vendor's email"),
        pytest.param({"customer": replace(CUSTOMER, tax_id=""), "tax": VAT}, id="id"),
        pytest.param(
            {"vendor": replace(VENDOR, tax_id="FN 12345 a"), "tax": VAT}, id="no VAT identifier"
        ),
        pytest.param(
            {"customer": replace(CUSTOMER, country="NO", tax_id="123456785MVA"), "tax": REVERSED},
            id="reverse charge outside the Union",
        ),
        pytest.param(
            {"customer": replace(CUSTOMER, country="GR", tax_id="EL123456783"), "tax": REVERSED},
            id="Greece",
        ),
        pytest.param(
            {"customer": replace(CUSTOMER, country="GB", tax_id="XI123456782"), "tax": REVERSED},
            id="Northern Ireland",
        ),
        pytest.param({"amount": Money(75_000, "KWD")}, id="whole fils"),
        pytest.param({"amount": Money(75, "JPY"), "tax": VAT}, id="yen"),
        pytest.param({"amount": usd(0)}, id="nothing"),
        pytest.param({"amount": usd(0), "tax": VAT}, id="nothing, taxed"),
        pytest.param({"po_number": "PO 77"}, id="PO number"),
    ],
)
@pytest.mark.parametrize("write", [factur_x, ubl], ids=("Factur-X", "UBL"))
def test_what_it_can_do_without(write: Any, changes: dict[str, Any]) -> None:
    assert broken_rules(write(of_one_line(**changes))) == []


def test_every_other_currency_is_known_to_the_rules() -> None:
    assert [
        currency
        for currency in CURRENCIES
        if currency != "STN" and broken_rules(ubl(of_one_line(amount=Money(75_000, currency))))
    ] == []


@pytest.mark.parametrize("basis_points", [1, 49, 50, 51, 99_99])
def test_odd_rates(basis_points: int) -> None:
    """Below half a percent the rules let less than half a unit be tax at all."""
    small = of_one_line(amount=usd(99_00), tax=LineTax(TaxCase.STANDARD, basis_points))
    assert broken_rules(factur_x(small)) == broken_rules(ubl(small)) == []
    large = of_one_line(amount=usd(9_999_999_00), tax=LineTax(TaxCase.STANDARD, basis_points))
    if basis_points < 50:
        with pytest.raises(NoEInvoice, match="further from the tax"):
            factur_x(large)
    else:
        assert broken_rules(factur_x(large)) == broken_rules(ubl(large)) == []


@pytest.mark.parametrize("hostile", HOSTILE_XML.values(), ids=HOSTILE_XML)
def test_hostile_text_in_every_field_ends_as_text_or_as_a_refusal(app: Flask, hostile: str) -> None:
    issued = invoice_display.issued(db.session(), invoice_row_full_of(hostile))
    with pytest.raises(NoEInvoice, match=r"country|name"):
        factur_x(issued)
    vendor, customer = (replace(party, country="AT") for party in (issued.vendor, issued.customer))
    known = replace(issued, vendor=vendor, customer=customer)
    name = vendor.name.translate(dict.fromkeys((0xFFFE, 0xFFFF)))
    for write in (factur_x, ubl):
        if not name:
            with pytest.raises(NoEInvoice, match="the vendor's"):
                write(known)
            continue
        content = write(known)
        assert broken_rules(content) == []
        assert name in [each.text for each in etree.fromstring(content).iter()]


def test_lines_of_every_length_have_their_place() -> None:
    """200 lines, and five lines of an address where the standard has three."""
    lines = (UPGRADE.lines[0],) * 200
    address = tuple(f"Line {number}" for number in range(1, 6))
    long = invoice(
        vendor=replace(VENDOR, address=(*address, "Austria")),
        lines=lines,
        subtotal=usd(20_000_00),
        total=usd(20_000_00),
        due=usd(20_000_00),
        paid=None,
    )
    for write in (factur_x, ubl):
        content = write(long)
        assert broken_rules(content) == []
        assert b">Line 3, Line 4, Line 5<" in content


def of_one_line(
    *, amount: Money = PRICE, tax: LineTax = NOT_SUBJECT, **changes: Any
) -> IssuedInvoice:
    """An invoice still to be paid, of one line with its tax."""
    of_tax = amount.share(tax.basis_points, 10_000)
    line = Line("Standard", "Full price", amount, None, None, tax, of_tax)
    nothing = Money.zero(amount.currency)
    plain = invoice(
        lines=(line,),
        subtotal=amount,
        tax=of_tax,
        surplus=nothing,
        total=amount + of_tax,
        balance_applied=nothing,
        due=amount + of_tax,
        paid=None,
    )
    return replace(plain, **changes)
