"""The tax on what an account buys: the vendor's table, read for this customer."""

from datetime import datetime

from sqlalchemy import bindparam, select, true
from sqlalchemy.orm import Session

from portal import language
from portal.audit import Actor, record
from portal.billing.rules import tax, text
from portal.billing.rules.errors import TaxConfirmed
from portal.billing.rules.tax import Customer, Rate, Tax
from portal.models import (
    Account,
    BillingDetails,
    PlanChange,
    PlanChangeState,
    TaxRate,
    Vendor,
)

REASON_LENGTH = 200
# Built once: it is asked for with every quote, and by every renewal. The vendor's policies are
# asked for next, so the whole row is read here.
OF_ACCOUNT = (
    select(BillingDetails, Vendor, TaxRate)
    .select_from(BillingDetails)
    .join(Vendor, true())
    .outerjoin(TaxRate, TaxRate.country == BillingDetails.country)
    .where(BillingDetails.account_id == bindparam("account_id"))
)


def applying(session: Session, account: Account, *, spoken: str | None = None) -> Tax:
    """The tax that a sale to `account` carries today, with what has to be told of it in the
    account's language, or in `spoken`. Needs a vendor: a catalog was applied."""
    found = session.execute(OF_ACCOUNT, {"account_id": account.id}).one()
    return of(account, *found, spoken=spoken)


def of(
    account: Account,
    details: BillingDetails,
    vendor: Vendor,
    rate: TaxRate | None,
    *,
    spoken: str | None = None,
) -> Tax:
    """The same, from a row of OF_ACCOUNT."""
    customer = Customer(
        country=details.country,
        has_tax_id=bool(details.tax_id),
        exempt_reason=details.tax_exempt_reason,
    )
    with language.speaking(spoken or account.language):
        return tax.treatment(_as_rule(rate), customer, vendor_country=vendor.country)


def for_customer(session: Session, customer: Customer) -> Tax:
    """The tax that a sale to somebody carries today, who may have no account yet."""
    vendor_country, rate = session.execute(
        select(Vendor.country, TaxRate).join(
            TaxRate, TaxRate.country == customer.country, isouter=True
        )
    ).one()
    return tax.treatment(_as_rule(rate), customer, vendor_country=vendor_country)


def exempt(
    session: Session, account: Account, reason: str | None, *, now: datetime, actor: Actor
) -> bool:
    """Charge the account no tax from now on, or tax it again (None); it must be locked.

    The reason stands on its invoices. Returns False where nothing is different. Raises
    TextRefused for a reason that says nothing or too much, TaxConfirmed as `may_change` does.
    """
    checked = None if reason is None else _reason(reason)
    before = account.billing.tax_exempt_reason
    if checked == before:
        return False
    may_change(session, account)
    account.billing.tax_exempt_reason = checked
    changed = {"tax_exempt_reason": [before, checked]}
    record(session, account, "billing_details.changed", at=now, actor=actor, changed=changed)
    return True


def may_change(session: Session, account: Account) -> None:
    """Raise TaxConfirmed while a plan change waits for the payment of an amount with tax.

    Its invoice is to show the customer that this tax was worked out for.
    """
    statement = select(PlanChange.id).where(
        PlanChange.account_id == account.id, PlanChange.state == PlanChangeState.PENDING
    )
    if session.scalars(statement).first() is not None:
        raise TaxConfirmed


def _reason(written: str) -> str:
    checked = text.line(written, most=REASON_LENGTH)
    if not checked:
        raise text.TextRefused("Say why, as it is to stand on invoices.")
    return checked


def _as_rule(row: TaxRate | None) -> Rate | None:
    if row is None:
        return None
    return Rate(row.country, row.name, row.basis_points, row.reverse_charge)
