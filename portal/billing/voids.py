"""Voiding an unpaid invoice: nothing is owed on it, and nobody collects it any more.

A credit note over all that is left of it takes off what is owed and gives back what it took from
the credit balance; the invoice itself stays as it was issued. What it charged for runs on, and is
worth nothing to a later change of plan.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from portal.audit import Actor, record
from portal.billing import credit_notes
from portal.billing.credit_notes import Draft, Wish
from portal.billing.rules import describe
from portal.billing.rules.correcting import NotUnpaid
from portal.mail import correction_notices
from portal.models import (
    Account,
    CreditNote,
    CreditNotePurpose,
    Invoice,
    InvoiceStatus,
    RefundTo,
)

WHY_NOT = {
    InvoiceStatus.PAID: "it is paid. Credit it instead, with: flask invoices credit",
    InvoiceStatus.CREDITED: "nothing is owed on it any more, it was credited.",
    InvoiceStatus.VOID: "it is void already.",
    InvoiceStatus.REPLACED: "it was issued again. Void the one that replaced it.",
}


def draft(session: Session, account: Account, invoice: Invoice, reason: str) -> Draft:
    """The credit note that voids an invoice.

    Raises NotUnpaid, and what `credit_notes.draft` does: PaymentUnderWay while a payment of it has
    no outcome, ChangeUnderWay while a plan change waits for its own.
    """
    if invoice.status is not InvoiceStatus.OPEN:
        raise NotUnpaid(invoice.number_text, WHY_NOT[invoice.status])
    terms = credit_notes.draft(session, account, invoice, _wish(reason))
    left = invoice.outstanding - terms.division.off_invoice
    if not left.is_zero:
        how = f"{describe.money(left)} of it were given back by another invoice. Credit that first."
        raise NotUnpaid(invoice.number_text, how)
    return terms


def void(
    session: Session,
    account: Account,
    invoice: Invoice,
    reason: str,
    *,
    now: datetime,
    actor: Actor,
) -> CreditNote:
    """Void an invoice, once; the account must be locked. Raises what `draft` does.

    A bank transfer that is awaited is called off: what arrives all the same is sent back by hand.
    """
    draft(session, account, invoice, reason)
    note = credit_notes.issue(session, account, invoice, _wish(reason), now=now, actor=actor)
    invoice.status = InvoiceStatus.VOID
    record(
        session,
        account,
        "invoice.voided",
        at=now,
        actor=actor,
        invoice=invoice.number_text,
        note=note.number_text,
        reason=reason,
    )
    correction_notices.voided(session, note, now=now)
    return note


def _wish(reason: str) -> Wish:
    return Wish(reason, RefundTo.BALANCE, purpose=CreditNotePurpose.VOID)
