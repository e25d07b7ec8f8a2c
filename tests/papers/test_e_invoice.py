"""The files for accounting software: valid by EN 16931, with the figures of the invoice."""

from decimal import Decimal
from typing import Any

import pytest
from lxml import etree

from portal.billing.rules.lines import TaxSum
from portal.billing.rules.money import Money, minor_digits
from portal.billing.rules.period import Interval
from portal.extensions import db
from portal.models import CreditNote, Invoice, RefundTo
from portal.papers import credit_note_display, invoice_display
from portal.papers.e_invoice import factur_x, ubl
from tests.cast import Cast
from tests.credit_note_examples import UPGRADE_BACK
from tests.credit_stories import change_details, credit, newest, unpaid
from tests.e_invoice_checks import CII_NAMES, broken_rules, figures, rates
from tests.invoice_examples import UPGRADE

GERMAN = {"country": "DE", "address": ["2 Example Lane", "10115 Berlin"]}
REVERSED = GERMAN | {"tax_id": "DE136695976"}
WRITERS = (factur_x, ubl)
both = pytest.mark.parametrize("write", WRITERS, ids=("Factur-X", "UBL"))


@both
def test_the_examples_are_valid(write: Any) -> None:
    assert broken_rules(write(UPGRADE)) == []
    assert broken_rules(write(UPGRADE_BACK)) == []


@both
def test_a_wrong_total_is_found(write: Any) -> None:
    """The rules that everything here is held to do refuse something."""
    content = write(UPGRADE_BACK).replace(b">90.00<", b">90.01<")
    assert any("BR-CO-15" in rule for rule in broken_rules(content))
    content = write(UPGRADE_BACK).replace(b">-25.00<", b">-24.00<")
    assert any("BR-CO-10" in rule for rule in broken_rules(content))


@both
def test_the_same_invoice_gives_the_same_bytes(write: Any) -> None:
    assert write(UPGRADE) == write(UPGRADE)
    assert write(UPGRADE_BACK) == write(UPGRADE_BACK)


def test_invoice_tax_standard(cast: Cast) -> None:
    """A German company moves from 10 to 20 users on day 10: $180.00 − $66.67, VAT on both."""
    change_details(cast.acme, **GERMAN)
    account = german(cast)
    cast.clock.advance(days=10)
    cast.change_plan(account, cast.price("standard", "20-users"))
    content = agreed(newest(account))
    assert rates(content) == {("S", "19", Decimal("113.33"), Decimal("21.53"))}
    assert measures(content) == [
        ("1", "C62", "180.00", "1", "180.00"),
        ("-20", "DAY", "100.00", "30", "-66.67"),
    ]
    assert figures(content)["BT-115"] == 0


def test_invoice_tax_several_rates(cast: Cast) -> None:
    """Moved from Germany to Switzerland: each line has the rate that it was charged at."""
    account = german(cast)
    change_details(account, country="CH", tax_id="")
    cast.clock.advance(days=10)
    cast.change_plan(account, cast.price("standard", "20-users"))
    assert rates(agreed(newest(account))) == {
        ("S", "8.1", Decimal("180.00"), Decimal("14.58")),
        ("S", "19", Decimal("-66.67"), Decimal("-12.67")),
    }


def test_invoice_tax_reverse_charge(cast: Cast) -> None:
    account = german(cast, **REVERSED)
    content = agreed(newest(account))
    assert rates(content) == {("AE", "0", Decimal("100.00"), Decimal(0))}
    assert texts(content, "ExemptionReason") == [
        "Reverse charge: the customer accounts for the tax."
    ]
    assert "DE136695976" in texts(content, "SpecifiedTaxRegistration/ram:ID")


def test_a_credit_of_a_reverse_charge_stays_one(cast: Cast) -> None:
    """From Germany to Switzerland: the new plan is taxed, the credit of the former isn't."""
    account = german(cast, **REVERSED)
    cast.clock.advance(days=10)
    change_details(account, country="CH", tax_id="CHE107787577IVA")
    cast.change_plan(account, cast.price("standard", "20-users"))
    assert rates(agreed(newest(account))) == {
        ("S", "8.1", Decimal("180.00"), Decimal("14.58")),
        ("AE", "0", Decimal("-66.67"), Decimal(0)),
    }


def test_invoice_tax_exempt(cast: Cast) -> None:
    account = german(cast, tax_exempt_reason="a school")
    content = agreed(newest(account))
    assert rates(content) == {("E", "0", Decimal("100.00"), Decimal(0))}
    assert texts(content, "ExemptionReason") == ["Exempt from tax: a school"]


def test_a_country_that_is_not_in_the_table_is_not_subject_to_tax(cast: Cast) -> None:
    """Nobody's VAT identifier may then be in the file; their ids are registration numbers."""
    change_details(cast.acme, tax_id="12-3456780")
    cast.let_pass(days=30)
    content = agreed(newest(cast.acme))
    assert rates(content) == {("O", None, Decimal("100.00"), Decimal(0))}
    assert texts(content, "SpecifiedLegalOrganization/ram:ID") == ["US00-0000000", "12-3456780"]
    assert texts(content, "SpecifiedTaxRegistration/ram:ID[@schemeID='VA']") == []


def test_what_is_not_subject_to_tax_is_exempt_beside_a_taxed_credit(cast: Cast) -> None:
    account = german(cast)
    change_details(account, country="US")
    cast.clock.advance(days=10)
    cast.change_plan(account, cast.price("standard", "20-users"))
    content = agreed(newest(account))
    assert rates(content) == {
        ("E", "0", Decimal("180.00"), Decimal(0)),
        ("S", "19", Decimal("-66.67"), Decimal("-12.67")),
    }
    assert texts(content, "ExemptionReason") == ["Not subject to tax"]


def test_charge_credit_left(cast: Cast) -> None:
    """From a yearly plan to a larger monthly one: less than nothing is charged, and what is left
    goes to the balance. The file says so by a prepaid amount below zero; nothing is due."""
    account = german(cast, interval=Interval.YEARLY)
    cast.clock.advance(days=5)
    cast.change_plan(account, cast.price("standard", "20-users"))
    invoice = newest(account)
    assert invoice.surplus_minor > 0
    sums = figures(agreed(invoice))
    assert sums["BT-112"] == sums["BT-113"] == -decimal(invoice.money(invoice.surplus_minor))
    assert sums["BT-115"] == 0


def test_the_credit_balance_is_a_prepaid_amount(cast: Cast) -> None:
    account = german(cast)
    credit(cast, newest(account), to=RefundTo.BALANCE)
    cast.let_pass(days=30)
    invoice = newest(account)
    assert invoice.balance_applied_minor == 119_00
    sums = figures(agreed(invoice))
    assert (sums["BT-112"], sums["BT-113"], sums["BT-115"]) == (119, 119, 0)


def test_what_was_paid_at_once_is_prepaid_and_what_was_declined_is_due(cast: Cast) -> None:
    cast.let_pass(days=30)
    renewal = agreed(newest(cast.acme))
    assert (figures(renewal)["BT-113"], figures(renewal)["BT-115"]) == (100, 0)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    upgrade = agreed(newest(cast.acme))
    assert (figures(upgrade)["BT-113"], figures(upgrade)["BT-115"]) == (80, 0)
    for paid in (renewal, upgrade):
        assert texts(paid, "SpecifiedTradeSettlementPaymentMeans/ram:TypeCode") == ["48"]
    cast.use_card(cast.acme, "card_declines")
    cast.let_pass(days=30)
    declined = figures(agreed(newest(cast.acme)))
    assert (declined["BT-113"], declined["BT-115"]) == (0, 180)


def test_an_upgrade_names_the_invoice_that_it_gives_back_of(cast: Cast) -> None:
    first = newest(cast.acme).number_text
    cast.clock.advance(days=3)
    cast.change_plan(cast.acme, cast.price("standard", "20-users"))
    content = agreed(newest(cast.acme))
    assert texts(content, "InvoiceReferencedDocument/ram:IssuerAssignedID") == [first]


def test_add_ons_bought_for_part_of_a_cycle_are_counted_in_days(cast: Cast) -> None:
    """3 seats for 17 of 30 days: 51 days at $10.00 for every 30."""
    cast.clock.advance(days=13)
    cast.buy(cast.acme, seat=3)
    assert measures(agreed(newest(cast.acme))) == [("51", "DAY", "10.00", "30", "17.00")]


def test_a_credit_note_names_its_invoice_and_is_positive(cast: Cast) -> None:
    account = german(cast)
    cast.clock.advance(days=10)
    cast.change_plan(account, cast.price("standard", "20-users"))
    invoice = newest(account)
    note = credit(cast, invoice)
    content = agreed_note(note)
    assert texts(content, "InvoiceReferencedDocument/ram:IssuerAssignedID") == [invoice.number_text]
    assert texts(content, "TypeCode")[0] == "381"
    assert rates(content) == {("S", "19", Decimal("113.33"), Decimal("21.53"))}
    assert [line[0] for line in measures(content)] == ["1", "-1"]


def test_a_credit_note_off_an_unpaid_invoice(cast: Cast) -> None:
    content = agreed_note(credit(cast, newest(unpaid(cast))))
    assert figures(content)["BT-115"] == 50


@pytest.mark.parametrize(
    ("details", "case"),
    [(REVERSED, "AE"), (GERMAN | {"tax_exempt_reason": "a school"}, "E")],
    ids=("reverse charge", "exempt"),
)
def test_a_credit_note_has_the_tax_case_of_its_invoice(
    cast: Cast, details: dict[str, Any], case: str
) -> None:
    account = german(cast, **details)
    assert {rate[0] for rate in rates(agreed_note(credit(cast, newest(account))))} == {case}


def german(cast: Cast, *, interval: Interval = Interval.MONTHLY, **details: Any) -> Any:
    """A German company with 10 users, with other details from before its first invoice."""
    account = cast.account("German", None)
    change_details(account, **(GERMAN | details))
    cast.subscribe(account, cast.price("standard", "10-users", interval))
    return account


def agreed(invoice: Invoice) -> bytes:
    """The Factur-X file of an invoice, once both files were found valid and to say its figures."""
    issued = invoice_display.issued(db.session(), invoice)
    paid = invoice.due if issued.paid else invoice.money(0)
    surplus = invoice.money(invoice.surplus_minor)
    expected = {
        "BT-112": invoice.total - surplus,
        "BT-113": invoice.money(invoice.balance_applied_minor) - surplus + paid,
        "BT-115": invoice.due - paid,
    }
    return _agreed(issued, invoice, expected)


def agreed_note(note: CreditNote) -> bytes:
    """As `agreed`, of a credit note."""
    issued = credit_note_display.issued(db.session(), note)
    return _agreed(issued, note, {"BT-112": note.total, "BT-115": note.total})


def _agreed(issued: Any, row: Invoice | CreditNote, sums: dict[str, Money]) -> bytes:
    expected = sums | {
        "BT-106": row.money(row.subtotal_minor),
        "BT-109": row.money(row.subtotal_minor),
        "BT-110": row.money(row.tax_minor),
    }
    for write in WRITERS:
        content = write(issued)
        assert broken_rules(content) == []
        found = figures(content)
        assert {term: found[term] for term in expected} == {
            term: decimal(money) for term, money in expected.items()
        }
        taxed = {rate[1:] for rate in rates(content) if rate[0] == "S"}
        assert taxed == {told(tax) for tax in row.taxes}
    return factur_x(issued)


def told(tax: TaxSum) -> tuple[str, Decimal, Decimal]:
    rate = Decimal(tax.tax.basis_points) / 100
    return f"{rate.normalize():f}", decimal(tax.base), decimal(tax.amount)


def decimal(money: Money) -> Decimal:
    return Decimal(money.amount).scaleb(-minor_digits(money.currency))


def texts(content: bytes, path: str) -> list[str]:
    """What stands at a path anywhere in a Factur-X file, in its order."""
    found = etree.fromstring(content).iterfind(f".//ram:{path}", CII_NAMES)
    return [each.text or "" for each in found]


def measures(content: bytes) -> list[tuple[str, ...]]:
    """Of each line how much of what at which price for how many, and what it comes to."""
    lines = etree.fromstring(content).iterfind(".//ram:IncludedSupplyChainTradeLineItem", CII_NAMES)
    return [_measure(line) for line in lines]


def _measure(line: etree._Element) -> tuple[str, ...]:
    quantity = line.find(".//ram:BilledQuantity", CII_NAMES)
    assert quantity is not None
    read = [
        line.findtext(f".//ram:{name}", "1", CII_NAMES)
        for name in ("ChargeAmount", "BasisQuantity", "LineTotalAmount")
    ]
    return quantity.text or "", quantity.get("unitCode", ""), *read
