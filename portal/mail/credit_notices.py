"""What people are told about credit notes, and about money on its way back to them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.billing.rules import crediting, describe, kept_words
from portal.billing.rules.roles import Role
from portal.billing.rules.taking_back import Return
from portal.mail import notice_facts, notices, readers, spoken
from portal.mail.notice_facts import line_of
from portal.mail.notices import Message
from portal.models import Account, CreditNote, Notice, PlanChange, Refund
from portal.printable import printable

LABEL = 80
# From so many upgrades taken back within a year on, the subject of the vendor's email says so.
OFTEN = 3
Given = Sequence[tuple[CreditNote, Refund | None]]


@spoken.to_account
def issued(
    session: Session,
    note: CreditNote,
    refund: Refund | None,
    *,
    told_otherwise: Collection[Role],
    now: datetime,
) -> None:
    """To Admins, billing contacts and the addresses that get invoices: what is given back, and
    where the money goes. People of the roles `told_otherwise` read that elsewhere."""
    account = session.get_one(Account, note.account_id)
    know = notices.people(session, account, *told_otherwise) if told_otherwise else []
    to = [who for who in readers.of_invoices(session, account) if who not in know]
    facts, columns = _of_note(note) | {"goes": goes(note, refund)}, {"credit_note_id": note.id}
    message = Message("credit_note_issued", account, facts, columns, encloses=True)
    notices.write(session, message, to, now=now)


def upgrade_taken_back(
    session: Session, given: Given, change: PlanChange, terms: Return, *, now: datetime
) -> list[Notice]:
    """To active Admins: an automatic upgrade was taken back, what came of it, and what is charged
    next. `given` are the credit note of its invoice, and those of its renewals since."""
    account, note = session.get_one(Account, change.account_id), given[0][0]
    facts = _of_taking_back(session, change, given, terms)
    columns = {"episode_id": change.episode_id, "credit_note_id": note.id}
    message = Message("upgrade_taken_back", account, facts, columns, encloses=True)
    return notices.write(session, message, notices.people(session, account, Role.ADMIN), now=now)


@spoken.to_vendor
def vendor_of_taking_back(
    session: Session, given: Given, change: PlanChange, terms: Return, times: int, *, now: datetime
) -> Notice:
    """To the vendor: an account took an automatic upgrade back, what it got back, and how often it
    did so in the last 12 months, this time included."""
    account, back = session.get_one(Account, change.account_id), describe.money(terms.total)
    how_often = f", {times} times in 12 months" if times >= OFTEN else ""
    notes = describe.listing(
        [f"{note.number_text} ({goes(note, refund)})" for note, refund in given]
    )
    upgrades = describe.counted(times, "%(num)s automatic upgrade", "%(num)s automatic upgrades")
    return notices.vendor_told(
        session,
        account,
        subject=f"{account.name} took back an automatic upgrade{how_often}: {back}",
        text=f"The automatic upgrade to {change.to_price.plan_name} was taken back;"
        f" {terms.former.plan.name} runs again. {back} was given back by {notes}.\n\n"
        f"In the last 12 months this account took back {upgrades}, this one included.",
        now=now,
    )


def refund_sent(
    session: Session, account: Account, refund: Refund, *, now: datetime
) -> list[Notice]:
    """To active Admins and billing contacts: money they have waited for is on its way."""
    return _about(session, account, refund, "refund_sent", now=now)


def refund_declined(
    session: Session, account: Account, refund: Refund, *, now: datetime
) -> list[Notice]:
    """To active Admins, billing contacts and the vendor: it could not go back to where it came
    from, and is credit balance instead."""
    told = _vendor_of_decline(session, account, refund, now=now)
    return [told, *_about(session, account, refund, "refund_declined", now=now)]


@spoken.to_vendor
def refund_without_answer(
    session: Session, account: Account, refund: Refund, *, now: datetime
) -> Notice:
    """To the vendor: the gateway was asked often enough and still can't say what became of it."""
    amount, key = describe.money(refund.money), refund.idempotency_key
    return notices.vendor_told(
        session,
        account,
        subject=f"Nobody knows what became of a refund of {amount} to {account.name}",
        text=f"The gateway ({refund.payment.gateway}) did not say whether it gave {amount} back,"
        f" however often it was asked.\n\nLook for the refund there by its key, {key}, and ask"
        f" again with: flask payments ask {key}",
        now=now,
    )


def goes(note: CreditNote, refund: Refund | None) -> str:
    """Where the money of a note goes, as in "$70.00 back to Visa … and $30.00 to your …"."""
    method = _method(refund) if refund else ""
    return crediting.destinations(note.division, note.invoice.number_text, method)


@spoken.to_vendor
def _vendor_of_decline(
    session: Session, account: Account, refund: Refund, *, now: datetime
) -> Notice:
    amount, note = describe.money(refund.money), refund.credit_note.number_text
    return notices.vendor_told(
        session,
        account,
        subject=f"{account.name}: a refund of {amount} was declined",
        text=f"{amount} of credit note {note} could not be sent back to"
        f" {refund.payment.method.label}. The answer was: {refund.failure}\n\nThe amount was added"
        " to the account's credit balance instead, and its people were told.",
        now=now,
    )


@spoken.to_account
def _about(
    session: Session, account: Account, refund: Refund, name: str, *, now: datetime
) -> list[Notice]:
    facts = _of_note(refund.credit_note) | {
        "amount": refund.money,
        "method": _method(refund),
        "reason": kept_words.translated(refund.failure or ""),
        "asked_for_at": refund.created_at,
    }
    message = Message(name, account, facts, {"credit_note_id": refund.credit_note_id})
    people = notices.people(session, account, Role.ADMIN, Role.BILLING)
    return notices.write(session, message, people, now=now)


@spoken.to_account
def _of_taking_back(
    session: Session, change: PlanChange, given: Given, terms: Return
) -> dict[str, Any]:
    note, refund = given[0]
    return _of_note(note) | {
        "goes": goes(note, refund),
        "renewals": [_of_note(each) | {"goes": goes(each, back)} for each, back in given[1:]],
        "total": terms.total,
        "plan": change.to_price.plan_name,
        "former_plan": terms.former.plan.name,
        "add_ons": [item.text for item in terms.former.add_ons],
        "cycle": terms.cycle,
        "scheduled": terms.scheduled,
        "charged_now": terms.charged_now,
        "kept": terms.kept,
        "next_charge": terms.next_charge,
    }


def _method(refund: Refund) -> str:
    return printable(kept_words.translated(refund.payment.method.label), LABEL)


def _of_note(note: CreditNote) -> dict[str, Any]:
    return {
        "note": note,
        "invoice": note.invoice,
        "lines": [
            *[line_of(line.description, line.explanation, line.money) for line in note.lines],
            *[notice_facts.tax_line(each) for each in note.taxes],
        ],
        "note_path": notice_facts.paper_path(note),
    }
