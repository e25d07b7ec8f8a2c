"""invoice.tax: which tax a sale carries, and how much it is to the cent."""

import pytest

from portal.billing.rules.money import Money
from portal.billing.rules.tax import NO_TAX, REVERSE_CHARGE, Customer, Rate, Tax, treatment

GERMANY = Rate("DE", "VAT", 1900, reverse_charge=True)
SWITZERLAND = Rate("CH", "VAT", 810, reverse_charge=False)


@pytest.mark.parametrize(
    ("rate", "customer", "vendor", "tax"),
    [
        pytest.param(
            GERMANY,
            Customer("DE", has_tax_id=False),
            "US",
            Tax("VAT", 1900),
            id="abroad without a tax id: taxed",
        ),
        pytest.param(
            GERMANY,
            Customer("DE", has_tax_id=True),
            "US",
            Tax("VAT", 0, REVERSE_CHARGE),
            id="abroad with a tax id: reverse charge",
        ),
        pytest.param(
            SWITZERLAND,
            Customer("CH", has_tax_id=True),
            "US",
            Tax("VAT", 810),
            id="a tax id where there is no reverse charge: taxed",
        ),
        pytest.param(
            GERMANY,
            Customer("DE", has_tax_id=True),
            "DE",
            Tax("VAT", 1900),
            id="a tax id of the vendor's own country: taxed",
        ),
        pytest.param(
            GERMANY,
            Customer("DE", has_tax_id=False),
            "DE",
            Tax("VAT", 1900),
            id="the vendor's own country: taxed",
        ),
        pytest.param(
            None, Customer("US", has_tax_id=False), "US", NO_TAX, id="not in the table: no tax"
        ),
        pytest.param(
            None,
            Customer("BR", has_tax_id=True),
            "US",
            NO_TAX,
            id="not in the table, with a tax id: no tax, and nothing to account for",
        ),
        pytest.param(
            GERMANY,
            Customer("DE", has_tax_id=False, exempt_reason="diplomatic mission"),
            "US",
            Tax("", 0, "Exempt from tax: diplomatic mission"),
            id="exempt by the vendor: no tax, and the reason",
        ),
        pytest.param(
            GERMANY,
            Customer("DE", has_tax_id=True, exempt_reason="diplomatic mission"),
            "US",
            Tax("", 0, "Exempt from tax: diplomatic mission"),
            id="exempt goes before reverse charge",
        ),
        pytest.param(
            None,
            Customer("US", has_tax_id=False, exempt_reason="a school"),
            "US",
            Tax("", 0, "Exempt from tax: a school"),
            id="exempt where nobody is taxed: the reason is told",
        ),
        pytest.param(
            Rate("AE", "VAT", 0, reverse_charge=False),
            Customer("AE", has_tax_id=False),
            "US",
            Tax("VAT", 0),
            id="a rate of nothing is a rate",
        ),
    ],
)
def test_invoice_tax_by_the_customers_country(
    rate: Rate | None, customer: Customer, vendor: str, tax: Tax
) -> None:
    assert treatment(rate, customer, vendor_country=vendor) == tax


@pytest.mark.parametrize(
    ("basis_points", "amount", "tax"),
    [
        pytest.param(1900, Money(5000, "EUR"), Money(950, "EUR"), id="19 % of €50.00 is €9.50"),
        pytest.param(810, Money(4600, "EUR"), Money(373, "EUR"), id="8.1 % of €46.00: 372.6 cents"),
        pytest.param(2550, Money(9200, "EUR"), Money(2346, "EUR"), id="25.5 % of €92.00 is €23.46"),
        pytest.param(
            1900, Money(50, "EUR"), Money(10, "EUR"), id="19 % of €0.50: 9.5 cents, half away"
        ),
        pytest.param(
            1900, Money(-50, "EUR"), Money(-10, "EUR"), id="a credit of €0.50: −9.5, half away"
        ),
        pytest.param(
            1900, Money(-2500, "EUR"), Money(-475, "EUR"), id="a credit of €25.00 gives €4.75 back"
        ),
        pytest.param(2000, Money(2, "EUR"), Money(0, "EUR"), id="20 % of 2 cents: 0.4"),
        pytest.param(2000, Money(3, "EUR"), Money(1, "EUR"), id="20 % of 3 cents: 0.6"),
        pytest.param(1, Money(5000, "EUR"), Money(1, "EUR"), id="0.01 % of €50.00: half a cent"),
        pytest.param(1, Money(4999, "EUR"), Money(0, "EUR"), id="0.01 % of €49.99: under half"),
        pytest.param(1000, Money(5000, "JPY"), Money(500, "JPY"), id="10 % of ¥5,000 is ¥500"),
        pytest.param(810, Money(500, "JPY"), Money(41, "JPY"), id="8.1 % of ¥500: 40.5 yen"),
        pytest.param(1000, Money(1234, "JPY"), Money(123, "JPY"), id="10 % of ¥1,234: 123.4 yen"),
        pytest.param(500, Money(1001, "KWD"), Money(50, "KWD"), id="5 % of 1.001 KWD: 50.05 fils"),
        pytest.param(0, Money(5000, "EUR"), Money(0, "EUR"), id="nothing"),
        pytest.param(10_000, Money(5000, "EUR"), Money(5000, "EUR"), id="all of it"),
    ],
)
def test_tax_is_rounded_once_half_away_from_zero(
    basis_points: int, amount: Money, tax: Money
) -> None:
    assert Tax("VAT", basis_points).on(amount) == tax
