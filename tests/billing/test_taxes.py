"""invoice.tax: the vendor's table read for a customer, from billing details as they are now."""

from typing import Any

import pytest

from portal.billing import catalog, taxes
from portal.billing.rules.catalog import parse
from portal.billing.rules.tax import NO_TAX, REVERSE_CHARGE, Tax
from portal.extensions import db
from portal.models import Account
from portal.transaction import transaction
from tests.cast import Cast
from tests.conftest import CATALOG

VAT = Tax("VAT", 1900)


@pytest.mark.parametrize(
    ("details", "tax"),
    [
        pytest.param({"country": "US"}, NO_TAX, id="not in the table"),
        pytest.param({"country": "US", "tax_id": "00-0000000"}, NO_TAX, id="nor with a tax id"),
        pytest.param({"country": "DE"}, VAT, id="taxed"),
        pytest.param({"country": "FI"}, Tax("VAT", 2550), id="taxed with half a percent"),
        pytest.param(
            {"country": "DE", "tax_id": "DE136695976"},
            Tax("VAT", 0, REVERSE_CHARGE),
            id="reverse charge abroad with a tax id",
        ),
        pytest.param(
            {"country": "CH", "tax_id": "CHE107787577IVA"},
            Tax("VAT", 810),
            id="taxed with a tax id where there is no reverse charge",
        ),
        pytest.param(
            {"country": "DE", "tax_exempt_reason": "a school"},
            Tax("", 0, "Exempt from tax: a school"),
            id="exempt by the vendor",
        ),
        pytest.param(
            {"country": "DE", "tax_id": "DE136695976", "tax_exempt_reason": "a school"},
            Tax("", 0, "Exempt from tax: a school"),
            id="exempt before reverse charge",
        ),
    ],
)
def test_invoice_tax_of_a_sale_today(cast: Cast, details: dict[str, Any], tax: Tax) -> None:
    assert taxes.applying(db.session(), with_details(cast.acme, **details)) == tax


def test_invoice_tax_in_the_vendors_own_country_with_a_tax_id(cast: Cast) -> None:
    """Both in Germany: there is nobody abroad to account for the tax."""
    text = CATALOG.read_text("utf-8").replace('country = "US"', 'country = "DE"')
    with transaction() as session:
        catalog.apply(session, parse(text), text, now=cast.clock.now())

    account = with_details(cast.acme, country="DE", tax_id="DE136695976")
    assert taxes.applying(db.session(), account) == VAT
    abroad = with_details(cast.other, country="FR", tax_id="FR40303265045")
    assert taxes.applying(db.session(), abroad) == Tax("VAT", 0, REVERSE_CHARGE)


def with_details(account: Account, **details: Any) -> Account:
    with transaction() as session:
        row = session.get_one(Account, account.id).billing
        for field, value in details.items():
            setattr(row, field, value)
    db.session.expire_all()
    return account
