"""What people are told by email about payments that failed, are late, or have no answer.

Admins are told how to pay and how to change the card; billing contacts that an Admin can.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.billing.rules import describe, kept_words
from portal.billing.rules.money import Money
from portal.billing.rules.roles import Role
from portal.language import pgettext
from portal.mail import notice_facts, notices, spoken
from portal.mail.notices import Message
from portal.models import Account, Episode, Invoice, Notice, Payment


@dataclass(frozen=True)
class Failure:
    """What was not collected, why (a sentence), and when it is tried again, None for not at all.

    It was for `invoice`, which stays to be paid, or for an automatic upgrade to the plan
    `upgrade_to`, which was to answer `episode`. `reason` is as a row keeps it. With `plan_ended` it
    was the last attempt and the subscription is over.
    """

    amount: Money
    reason: str
    invoice: Invoice | None = None
    upgrade_to: str = ""
    episode: Episode | None = None
    next_try_at: datetime | None = None
    plan_ended: bool = False


@spoken.to_account
def failed(session: Session, account: Account, failure: Failure, *, now: datetime) -> list[Notice]:
    """To active Admins and billing contacts: a charge was not collected, and what follows."""
    return _tell(session, account, "payment_failed", failure, {}, now=now)


@spoken.to_account
def transfer_missing(
    session: Session, account: Account, failure: Failure, payment: Payment, *, now: datetime
) -> list[Notice]:
    """To active Admins and billing contacts: a bank transfer has not arrived, and what follows."""
    more = {"reference": payment.gateway_reference}
    return _tell(session, account, "transfer_missing", failure, more, now=now)


@spoken.to_vendor
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
        "what": _what(failure),
        "amount": failure.amount,
        "reason": kept_words.translated(failure.reason),
        "next_try_at": failure.next_try_at,
        "plan_ended": failure.plan_ended,
        "episode_path": notice_facts.episode_path(failure.episode) if failure.episode else "",
        "invoice_path": notice_facts.paper_path(invoice) if invoice else "",
    }


def _what(failure: Failure) -> str:
    """What completes "for …"."""
    if failure.invoice is not None:
        return pgettext("for …", "invoice %(number)s", number=failure.invoice.number_text)
    return pgettext("for …", "the upgrade to %(plan)s", plan=failure.upgrade_to)


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
