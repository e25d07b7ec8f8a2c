"""Issuing an invoice again, made out to the customer's details of today.

The former edition is credited in full, by a note of its own; the next one has the same lines,
amounts and taxes. No money moves: what was paid for the former stands for the next, what it took
from the credit balance comes back and is taken again, and what is being collected goes on.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal import outbox
from portal.audit import Actor, record
from portal.billing import credit_notes, credited_lines, editions, ledger, snapshots, taxes
from portal.billing.credit_notes import Wish
from portal.billing.rules import correcting as rules
from portal.billing.rules import describe
from portal.billing.rules.correcting import AnotherTax, EndedAlready, NothingCharged, NotWhole
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.tax import Customer, Tax
from portal.language import gettext as _
from portal.language import message
from portal.mail import correction_notices
from portal.models import (
    Account,
    CreditNote,
    CreditNotePurpose,
    Invoice,
    InvoiceStatus,
    RefundTo,
    Work,
)

REISSUED = (InvoiceStatus.OPEN, InvoiceStatus.PAID)
# The reason on the note where a customer has an invoice issued again.
CORRECTED = message("Issued again with corrected billing details")


@dataclass(frozen=True)
class Offer:
    """What issuing an invoice again would change, or why it can't be.

    `before` are the details on it and `after` those of today, as they are kept with an invoice;
    `changed` names the fields that differ.
    """

    number: str
    before: dict[str, Any]
    after: dict[str, Any]
    changed: tuple[str, ...]
    why_not: RuleBroken | None

    def fingerprint(self) -> str:
        """sha256, in hex, over the invoice and every detail a person is shown."""
        seen = [self.number, self.before, self.after]
        return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


class StaleDetails(Exception):
    """What was confirmed no longer holds; nothing was done."""


def offer(
    session: Session, account: Account, invoice: Invoice, *, by_customer: bool, now: datetime
) -> Offer:
    """What issuing it again at `now` comes to. Writes nothing.

    A customer may do it for a time and some times only; the vendor always.
    """
    before, after = invoice.customer, snapshots.customer(session, account)
    changed = rules.differing(before, after)
    why_not = None
    try:
        _refuse(session, account, invoice, changed)
        if by_customer:
            rules.refuse_taxed_elsewhere(
                invoice.number_text, is_taxed=invoice.tax_minor != 0, changed=changed
            )
            first = editions.first(session, invoice)
            rules.refuse_by_customer(invoice.number_text, first.issued_at, invoice.edition, now)
    except RuleBroken as reason:
        why_not = reason
    return Offer(invoice.number_text, before, after, changed, why_not)


def reissue(
    session: Session,
    account: Account,
    invoice: Invoice,
    reason: str,
    *,
    seen: str,
    by_customer: bool = False,
    now: datetime,
    actor: Actor,
) -> Invoice:
    """Issue it again, once; the account must be locked. Returns the new edition.

    `seen` is the fingerprint of the offer that was confirmed: StaleDetails where another holds
    now. Raises RuleBroken as the offer's `why_not` says.
    """
    fresh = offer(session, account, invoice, by_customer=by_customer, now=now)
    if fresh.why_not is not None:
        raise fresh.why_not
    if fresh.fingerprint() != seen:
        raise StaleDetails
    row, note = _replace(session, account, invoice, reason, now=now, actor=actor)
    record(
        session,
        account,
        "invoice.reissued",
        at=now,
        actor=actor,
        invoice=row.number_text,
        replaces=invoice.number_text,
        note=note.number_text,
        reason=reason,
        total=describe.kept_money(row.total),
        changed=list(fresh.changed),
    )
    correction_notices.reissued(session, row, note, now=now)
    return row


def _replace(
    session: Session,
    account: Account,
    invoice: Invoice,
    reason: str,
    *,
    now: datetime,
    actor: Actor,
) -> tuple[Invoice, CreditNote]:
    """The next edition, and the note that credits the one before.

    Without its payments the former is unpaid, so the note takes all that was due off it; what came
    from the credit balance is there again before the next one takes it.
    """
    tax_note = _tax_note(session, account, invoice)
    row = editions.write(session, account, invoice, tax_note=tax_note, now=now)
    editions.hand_over(session, invoice, row)
    note = credit_notes.issue(session, account, invoice, _wish(reason), now=now, actor=actor)
    invoice.status = InvoiceStatus.REPLACED
    ledger.invoice_issued(session, row)
    outbox.put(session, Work.INVOICE_PDF, row.id, account_id=account.id, at=now)
    return row, note


def _refuse(session: Session, account: Account, invoice: Invoice, changed: tuple[str, ...]) -> None:
    """Raise RuleBroken where the vendor can't do it either; what can't be mended comes first."""
    number = invoice.number_text
    if invoice.status not in REISSUED:
        later = editions.next_of(session, invoice)
        raise EndedAlready(number, later.number_text if later else None)
    if invoice.total.is_zero:
        raise NothingCharged(number)
    notes = credit_notes.of_invoice(session, invoice)
    if notes:
        raise NotWhole(number, describe.listing([note.number_text for note in notes]))
    if not changed:
        raise rules.SameDetails(number)
    _refuse_another_tax(session, account, invoice)
    terms = credit_notes.draft(session, account, invoice, _wish(CORRECTED))
    if terms.total != invoice.total:
        raise NotWhole(number, _closed_by(session, invoice))


def _refuse_another_tax(session: Session, account: Account, invoice: Invoice) -> None:
    """By the vendor's table of today, for who stands on the invoice and for who would: a rate that
    was changed since is no matter of the details."""
    was = taxes.for_customer(
        session,
        Customer(
            country=invoice.customer.get("country") or "",
            has_tax_id=bool(invoice.customer.get("tax_id")),
            exempt_reason=_exempt_reason(invoice),
        ),
    )
    would_be = taxes.applying(session, account)
    if (was.name, was.basis_points) != (would_be.name, would_be.basis_points):
        raise AnotherTax(invoice.number_text, _words(was), _words(would_be))


def _exempt_reason(invoice: Invoice) -> str | None:
    """Why the account was exempt from tax then: the note of an invoice that names no tax."""
    names_tax = any(line.tax_name for line in invoice.lines if line.amount_minor > 0)
    return None if names_tax else invoice.tax_note or None


def _tax_note(session: Session, account: Account, invoice: Invoice) -> str:
    """As it was; of somebody exempt, with the reason of today."""
    if account.billing.tax_exempt_reason is None:
        return invoice.tax_note
    return taxes.applying(session, account, spoken=invoice.language).note


def _words(tax: Tax) -> str:
    """As a part of a sentence: a note is one by itself, so its full stop goes."""
    return tax.text if tax.basis_points else tax.note.removesuffix(".") or _("none")


def _closed_by(session: Session, invoice: Invoice) -> str:
    """What took a credit on it back without it."""
    closed = [
        line.description
        for line in credited_lines.of(session, invoice, is_whole=True)
        if line.charged.is_closed
    ]
    return _("a credit note for what it credits (%(lines)s)", lines=describe.listing(closed))


def _wish(reason: str) -> Wish:
    return Wish(reason, RefundTo.BALANCE, purpose=CreditNotePurpose.REISSUE)
