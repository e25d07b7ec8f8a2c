"""What there is to know about an account, as plain values that print and turn into JSON."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from portal.billing import ledger, payments, people, situations, subscriptions, usage
from portal.models import (
    Account,
    Episode,
    EpisodeWarning,
    Invoice,
    Membership,
    Notice,
    PlanChange,
    Price,
    Subscription,
)

Facts = dict[str, Any]


def find(session: Session, written: str) -> list[Account]:
    """Accounts with that public id, or else with that name, whatever its case."""
    by_id = select(Account).where(Account.public_id == written)
    found = list(session.scalars(by_id))
    if found:
        return found
    folded = written.casefold()
    everyone = session.execute(select(Account.id, Account.name).order_by(Account.id))
    ids = [account_id for account_id, name in everyone if name.casefold() == folded]
    return [session.get_one(Account, account_id) for account_id in ids]


def brief(session: Session, account: Account) -> Facts:
    """One line's worth: who, on which plan, how full, what is owed."""
    return {
        "account": account.name,
        "id": account.public_id,
        "currency": account.currency,
        "plan": _plan(subscriptions.live(session, account.id)),
        "usage": _usage(session, account),
        "owed_minor": ledger.receivable(session, account).amount,
        "credit_minor": ledger.credit_balance(session, account).amount,
    }


def full(session: Session, account: Account) -> Facts:
    """Everything an operator asks about."""
    method = payments.method_of(session, account.id)
    return brief(session, account) | {
        "opened_at": account.created_at,
        "time_zone": account.time_zone,
        "language": account.language,
        "parked": account.parked_reason,
        "billing": _billing(account),
        "pays_by": f"{method.gateway}: {method.label}" if method else None,
        "plan_change": _waiting(session, account),
        "people": [_person(member) for member in people.members(session, account.id)],
        "invoices": [_invoice(invoice) for invoice in _invoices(session, account)],
        "episodes": [_episode(episode) for episode in _episodes(session, account)],
        "notices": [_notice(notice) for notice in _notices(session, account)],
    }


def _billing(account: Account) -> Facts:
    details = account.billing
    return {
        "company": details.company,
        "address": list(details.address),
        "country": details.country,
        "tax_id": details.tax_id,
        "po_number": details.po_number,
        "invoice_emails": list(details.invoice_emails),
        "tax_exempt_reason": details.tax_exempt_reason,
    }


def _plan(subscription: Subscription | None) -> Facts | None:
    if subscription is None:
        return None
    return _price(subscription.price) | {
        "status": subscription.status.value,
        "since": subscription.started_at,
        "cycle_start_at": subscription.cycle_start_at,
        "cycle_end_at": subscription.cycle_end_at,
    }


def _price(price: Price) -> Facts:
    return {
        "name": price.plan_name,
        "interval": price.interval.value,
        "price_minor": price.amount_minor,
        "price_version": price.version,
    }


def _usage(session: Session, account: Account) -> list[Facts]:
    rows = usage.of(session, account.id)
    return [
        {"metric": metric.value, "used": row.used, "limit": row.limit_value}
        for metric, row in sorted(rows.items())
    ]


def _waiting(session: Session, account: Account) -> Facts | None:
    """The plan change that waits for its payment, or for the cycle's end."""
    change: PlanChange | None = situations.pending(session, account.id)
    change = change or situations.scheduled(session, account.id)
    if change is None:
        return None
    return _price(change.to_price) | {
        "state": change.state.value,
        "due_minor": change.due_minor,
        "effective_at": change.effective_at,
    }


def _person(member: Membership) -> Facts:
    return {
        "name": member.user.name,
        "email": member.user.email,
        "role": member.role.value,
        "joined_at": member.joined_at,
        "deactivated_at": member.deactivated_at,
    }


def _invoice(invoice: Invoice) -> Facts:
    return {
        "number": invoice.number_text,
        "issued_at": invoice.issued_at,
        "reason": invoice.reason.value,
        "total_minor": invoice.total_minor,
        "balance_applied_minor": invoice.balance_applied_minor,
        "due_minor": invoice.due_minor,
        "status": invoice.status.value,
        "paid_at": invoice.paid_at,
        "document": invoice.document.sha256 if invoice.document else None,
    }


def _episode(episode: Episode) -> Facts:
    return {
        "metric": episode.metric.value,
        "state": episode.state.value,
        "used": episode.used_at_opening,
        "limit": episode.limit_at_opening,
        "opened_at": episode.opened_at,
        "closed_at": episode.closed_at,
        "reason": episode.close_reason or episode.parked_reason,
        "next_step_at": episode.next_step_at if episode.is_open else None,
        "warnings": [_warning(warning) for warning in episode.warnings],
    }


def _warning(warning: EpisodeWarning) -> Facts:
    return {
        "number": warning.number,
        "used": warning.used,
        "limit": warning.limit_value,
        "written_at": warning.written_at,
        "accepted_at": warning.accepted_at,
        "refused_at": warning.refused_at,
        "deadline_at": warning.deadline_at,
        "moves_to": warning.target_price.plan_name if warning.target_price else None,
        "due_minor": warning.due_minor,
    }


def _notice(notice: Notice) -> Facts:
    return {
        "name": notice.name,
        "recipient": notice.recipient,
        "subject": notice.subject,
        "written_at": notice.created_at,
        "state": notice.state.value,
        "settled_at": notice.settled_at,
        "server_answer": notice.server_answer,
    }


def _invoices(session: Session, account: Account) -> Iterable[Invoice]:
    statement = (
        select(Invoice)
        .options(joinedload(Invoice.document))
        .where(Invoice.account_id == account.id)
        .order_by(Invoice.id.desc())
    )
    return session.scalars(statement)


def _episodes(session: Session, account: Account) -> Iterable[Episode]:
    statement = (
        select(Episode)
        .options(selectinload(Episode.warnings))
        .where(Episode.account_id == account.id)
        .order_by(Episode.id.desc())
    )
    return session.scalars(statement)


def _notices(session: Session, account: Account) -> Iterable[Notice]:
    statement = select(Notice).where(Notice.account_id == account.id).order_by(Notice.id.desc())
    return session.scalars(statement)
