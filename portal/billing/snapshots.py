"""Vendor and customer as they are now, to be kept on a document that is issued."""

from typing import Any

from sqlalchemy.orm import Session

from portal.models import Account, BillingDetails, Vendor


def vendor(session: Session) -> dict[str, Any]:
    """Who sells."""
    row = Vendor.of(session)
    return {
        "name": row.name,
        "address": row.address,
        "country": row.country,
        "tax_id": row.tax_id,
        "email": row.email,
    }


def customer(session: Session, account: Account) -> dict[str, Any]:
    """Who it is made out to, by the billing details, and where the account is."""
    billing = session.get_one(BillingDetails, account.id)
    return {
        "name": billing.company,
        "address": billing.address,
        "country": billing.country,
        "tax_id": billing.tax_id,
        "po_number": billing.po_number,
        "time_zone": account.time_zone,
    }
