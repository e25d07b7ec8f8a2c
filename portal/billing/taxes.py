"""The tax on what an account buys: the vendor's table, read for this customer."""

from sqlalchemy.orm import Session

from portal.billing.rules import tax
from portal.billing.rules.tax import Customer, Rate, Tax
from portal.models import Account, TaxRate, Vendor


def applying(session: Session, account: Account) -> Tax:
    """The tax that a sale to `account` carries today. Needs a vendor: a catalog was applied."""
    details = account.billing
    customer = Customer(
        country=details.country,
        has_tax_id=bool(details.tax_id),
        exempt_reason=details.tax_exempt_reason,
    )
    vendor_country = session.get_one(Vendor, 1).country
    return tax.treatment(
        _rate_of(session, details.country), customer, vendor_country=vendor_country
    )


def _rate_of(session: Session, country: str) -> Rate | None:
    row = session.get(TaxRate, country)
    if row is None:
        return None
    return Rate(row.country, row.name, row.basis_points, row.reverse_charge)
