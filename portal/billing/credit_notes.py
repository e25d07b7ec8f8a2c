"""Credit notes: what corrects an issued invoice, which itself never changes.

A note gives back what is left of the lines it credits. First that is taken off what is still owed
on the invoice; what was paid goes back to the payment method or to the credit balance.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import language, outbox
from portal.audit import Actor, record
from portal.billing import (
    credited_lines,
    invoices,
    ledger,
    payments,
    refunds,
    series,
    settlements,
    situations,
)
from portal.billing.credited_lines import CreditedLine
from portal.billing.gateways import Answer, Outcome
from portal.billing.payments import Stage
from portal.billing.rules import crediting, describe, kept_words
from portal.billing.rules.crediting import Division
from portal.billing.rules.errors import ChangeUnderWay, RuleBroken
from portal.billing.rules.invoicing import number_text
from portal.billing.rules.money import Money
from portal.billing.rules.roles import Role
from portal.language import gettext as _
from portal.mail import credit_notices
from portal.models import (
    Account,
    CreditNote,
    CreditNoteLine,
    CreditNotePurpose,
    Invoice,
    InvoiceStatus,
    Payment,
    PaymentState,
    Refund,
    RefundTo,
    Subscription,
    Work,
)

# Never sent, or a transfer to come: no gateway can be collecting it.
NOT_COLLECTING = frozenset({Stage.SCHEDULED, Stage.TRANSFER})


class PaymentUnderWay(RuleBroken):
    """A payment of the invoice may still collect what is to be credited."""

    def __init__(self, number: str) -> None:
        super().__init__(
            _(
                "A payment of invoice %(number)s has no outcome yet. Wait until it has one: what is"
                " credited then is what was paid, or what is still owed.",
                number=number,
            )
        )


@dataclass(frozen=True)
class Wish:
    """What is to be credited, and why: all of an invoice, or its lines at `positions`.

    `to` says where money goes that was paid already; of what goes to the payment method it is at
    most `most_to_method`, and the rest credit balance. `reason` is one line, told to the customer.
    """

    reason: str
    to: RefundTo = RefundTo.METHOD
    positions: frozenset[int] | None = None
    most_to_method: Money | None = None
    purpose: CreditNotePurpose = CreditNotePurpose.CREDIT


@dataclass(frozen=True)
class Draft:
    """A credit note before it is issued. `subtotal` + `tax` = `total`, which is divided.

    `method` is what the part that goes back to the payment method goes to; None without one.
    """

    lines: tuple[CreditedLine, ...]
    subtotal: Money
    tax: Money
    total: Money
    division: Division
    method: str | None


def draft(session: Session, account: Account, invoice: Invoice, wish: Wish) -> Draft:
    """What a note on these terms would come to now.

    Raises RuleBroken: the errors of `crediting`; PaymentUnderWay; and ChangeUnderWay while a plan
    change that may give back the same lines waits for its payment.
    """
    if situations.pending(session, account.id) is not None:
        raise ChangeUnderWay
    waiting = payments.in_flight(session, invoice)
    if waiting and payments.stage(waiting) not in NOT_COLLECTING:
        raise PaymentUnderWay(invoice.number_text)
    is_again = wish.purpose is CreditNotePurpose.REISSUE
    lines = credited_lines.of(session, invoice, is_whole=is_again)
    charged, number = [line.charged for line in lines], invoice.number_text
    if wish.positions is None:
        taken = crediting.creditable(charged, number)
    else:
        taken = crediting.chosen(charged, wish.positions, number)
    subtotal, tax = crediting.subtotal_of(taken), crediting.tax_of(taken)
    paid = _payment_of(session, invoice) if wish.to is RefundTo.METHOD else None
    nothing = invoice.money(0)
    returnable = refunds.returnable(session, paid) if paid else nothing
    if wish.most_to_method is not None:
        returnable = min(returnable, wish.most_to_method)
    division = crediting.divide(
        subtotal + tax,
        owed=invoice.outstanding if invoice.status is InvoiceStatus.OPEN else nothing,
        returnable=returnable,
    )
    return Draft(
        lines=tuple(line for line in lines if line.charged in taken),
        subtotal=subtotal,
        tax=tax,
        total=subtotal + tax,
        division=division,
        method=paid.method.label if paid and division.to_method.amount else None,
    )


def issue(
    session: Session,
    account: Account,
    invoice: Invoice,
    wish: Wish,
    *,
    told_otherwise: Collection[Role] = (),
    now: datetime,
    actor: Actor,
) -> CreditNote:
    """Issue the note with the next number and do what follows; the account must be locked.

    People of the roles `told_otherwise` hear of it by an email of the caller's; of a note that does
    more than credit, all do. Raises what `draft` does. What was credited once is not found a second
    time, and the database refuses a second note on a line in any case.
    """
    terms = draft(session, account, invoice, wish)
    note = _row(session, invoice, wish, terms, now)
    session.add(note)
    session.flush()
    with language.speaking(note.language):
        note.lines = _lines(note, terms)
    session.flush()
    ledger.credit_note_issued(session, note)
    _take_off(session, invoice, note, now=now)
    refund = _refund(session, invoice, note, now=now)
    outbox.put(session, Work.CREDIT_NOTE_PDF, note.id, account_id=account.id, at=now)
    _record(session, account, invoice, note, actor=actor)
    if wish.purpose is CreditNotePurpose.CREDIT:
        credit_notices.issued(session, note, refund, told_otherwise=told_otherwise, now=now)
    return note


def of_invoice(session: Session, invoice: Invoice) -> list[CreditNote]:
    """The credit notes of an invoice, oldest first."""
    return of_invoices(session, invoice.account_id, [invoice]).get(invoice.id, [])


def of_invoices(
    session: Session, account_id: int, rows: Iterable[Invoice]
) -> dict[int, list[CreditNote]]:
    """The credit notes of an account's invoices, oldest first, by the id of the invoice."""
    statement = (
        select(CreditNote)
        .where(
            CreditNote.account_id == account_id,
            CreditNote.invoice_id.in_([row.id for row in rows]),
        )
        .order_by(CreditNote.id)
    )
    found = defaultdict[int, list[CreditNote]](list)
    for note in session.scalars(statement):
        found[note.invoice_id].append(note)
    return dict(found)


def _payment_of(session: Session, invoice: Invoice) -> Payment | None:
    """What paid the invoice, if a payment did."""
    statement = select(Payment).where(
        Payment.account_id == invoice.account_id,
        Payment.invoice_id == invoice.id,
        Payment.state == PaymentState.SUCCEEDED,
    )
    return session.scalars(statement).one_or_none()


def _row(session: Session, invoice: Invoice, wish: Wish, terms: Draft, now: datetime) -> CreditNote:
    """The note with the next number, without its lines; not yet added to the session.

    Vendor, customer and language are those of the invoice: that is the document corrected.
    """
    key, number = series.next_number(session, series.CREDIT_NOTES, now)
    return CreditNote(
        account_id=invoice.account_id,
        invoice_id=invoice.id,
        series=key,
        number=number,
        number_text=number_text(series.CREDIT_NOTES, now.year, number),
        purpose=wish.purpose,
        reason=wish.reason,
        currency=invoice.currency,
        subtotal_minor=terms.subtotal.amount,
        tax_minor=terms.tax.amount,
        total_minor=terms.total.amount,
        off_invoice_minor=terms.division.off_invoice.amount,
        to_balance_minor=terms.division.to_balance.amount,
        to_method_minor=terms.division.to_method.amount,
        issued_at=now,
        vendor=invoice.vendor,
        customer=invoice.customer,
        language=invoice.language,
    )


def _lines(note: CreditNote, terms: Draft) -> list[CreditNoteLine]:
    return [
        CreditNoteLine(
            account_id=note.account_id,
            credit_note_id=note.id,
            position=position,
            invoice_line_id=line.line_id,
            description=line.description,
            explanation=line.explanation,
            amount_minor=line.charged.left.amount,
            tax_name=line.charged.tax.name,
            tax_basis_points=line.charged.tax.basis_points,
            tax_minor=line.charged.left_tax.amount,
            currency=note.currency,
        )
        for position, line in enumerate(terms.lines, start=1)
    ]


def _record(
    session: Session, account: Account, invoice: Invoice, note: CreditNote, *, actor: Actor
) -> None:
    record(
        session,
        account,
        "credit_note.issued",
        at=note.issued_at,
        actor=actor,
        number=note.number_text,
        invoice=invoice.number_text,
        reason=note.reason,
        total=describe.kept_money(note.total),
        off_invoice=describe.kept_money(note.division.off_invoice),
        to_method=describe.kept_money(note.division.to_method),
        to_balance=describe.kept_money(note.division.to_balance),
    )


def _refund(
    session: Session, invoice: Invoice, note: CreditNote, *, now: datetime
) -> Refund | None:
    """The work of sending back what goes to the payment method, if anything does."""
    paid = _payment_of(session, invoice) if note.to_method_minor else None
    return refunds.write(session, note, paid, now=now) if paid else None


def _take_off(session: Session, invoice: Invoice, note: CreditNote, *, now: datetime) -> None:
    """Less is owed on the invoice, and less is collected; where nothing is left, nothing is."""
    if not note.off_invoice_minor:
        return
    invoice.credited_minor += note.off_invoice_minor
    is_settled = invoice.outstanding.is_zero
    payment = payments.in_flight(session, invoice)
    if payment and is_settled:
        _call_off(session, payment, note, now=now)
    elif payment:
        payment.amount_minor = invoice.outstanding.amount
    if is_settled:
        invoice.status = InvoiceStatus.CREDITED
        session.flush()
        subscription = session.get_one(Subscription, invoice.subscription_id)
        settlements.end_past_due(session, subscription)
        # There is no charge any more whose answer its files could wait for.
        invoices.answered(session, invoice, now=now)


def _call_off(session: Session, payment: Payment, note: CreditNote, *, now: datetime) -> None:
    """A payment that nobody has begun to collect is never collected."""
    reason = kept_words.CREDITED % {"note": note.number_text}
    payments.note(payment, Answer(Outcome.DECLINED, message=reason), now=now)
    outbox.settle(outbox.find(session, Work.PAYMENT, payment.id), at=now)
