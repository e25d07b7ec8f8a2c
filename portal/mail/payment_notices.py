"""What people are told by email about payments that failed, are late, or have no answer.

Admins are told how to pay and how to change the card; billing contacts that an Admin can.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.billing.rules import describe
from portal.billing.rules.money import Money
from portal.billing.rules.roles import Role
from portal.mail import notice_facts, notices
from portal.mail.notices import Message
from portal.models import Account, Episode, Invoice, Notice, Payment


@dataclass(frozen=True)
class Failure:
    """What was not collected, why (a sentence), and when it is tried again, None for not at all.

    `what` completes "for …" ("the upgrade to Standard, 10 users"). With `plan_ended` it was the
    last attempt and the subscription is over; `invoice` is what stays to be paid,
    `episode` what an automatic upgrade was to answer.
    """

    what: str
    amount: Money
    reason: str
    invoice: Invoice | None = None
    episode: Episode | None = None
    next_try_at: datetime | None = None
    plan_ended: bool = False


def failed(session: Session, account: Account, failure: Failure, *, now: datetime) -> list[Notice]:
    """To active Admins and billing contacts: a charge was not collected, and what follows."""
    return _tell(session, account, "payment_failed", failure, {}, now=now)


def transfer_missing(
    session: Session, account: Account, failure: Failure, payment: Payment, *, now: datetime
) -> list[Notice]:
    """To active Admins and billing contacts: a bank transfer has not arrived, and what follows."""
    more = {"reference": payment.gateway_reference}
    return _tell(session, account, "transfer_missing", failure, more, now=now)


def no_answer(session: Session, account: Account, payment: Payment, *, now: datetime) -> Notice:
    """To the vendor: the gateway was asked often enough and still can't say what became of it."""
    amount = describe.money(payment.money)
    return notices.vendor_told(
        session,
        account,
        subject=f"Nobody knows what became of a payment of {amount} from {account.name}",
        text=f"The gateway ({payment.gateway}) did not say whether it collected {amount}, however"
        " often it was asked. Nothing else is tried for the same charge meanwhile.\n\n"
        f"Look for the payment there by its key, {payment.idempotency_key}, and ask again with:"
        f" flask payments ask {payment.idempotency_key}",
        now=now,
    )


def _facts(failure: Failure) -> dict[str, Any]:
    invoice = failure.invoice
    return {
        "what": failure.what,
        "amount": failure.amount,
        "reason": failure.reason,
        "next_try_at": failure.next_try_at,
        "plan_ended": failure.plan_ended,
        "episode_path": notice_facts.episode_path(failure.episode) if failure.episode else "",
        "invoice_path": notice_facts.paper_path(invoice) if invoice else "",
    }


def _tell(
    session: Session,
    account: Account,
    name: str,
    failure: Failure,
    more: dict[str, Any],
    *,
    now: datetime,
) -> list[Notice]:
    facts, told = _facts(failure) | more, []
    columns = {
        "episode_id": failure.episode.id if failure.episode else None,
        "invoice_id": failure.invoice.id if failure.invoice else None,
    }
    for role in (Role.ADMIN, Role.BILLING):
        message = Message(name, account, facts | {"can_pay": role is Role.ADMIN}, columns)
        told += notices.write(session, message, notices.people(session, account, role), now=now)
    return told
