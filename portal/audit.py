"""What was done, and by whom: written in the transaction that did it, chained by hash.

The chain is per account and advances under the account's lock, so entries have an order that
can be proved: change, remove or insert one, and every hash after it is wrong.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from portal.billing.rules.counting import Metric
from portal.models import Account, AuditEntry, Usage

# Subjects whose entries say how many seats and clients there were: what is charged and why.
COUNTED = frozenset(
    {"plan", "add_ons", "subscription", "episode", "invoice", "credit_note", "user", "seats"}
)


@dataclass(frozen=True)
class Actor:
    """Who does something: a person of the account, the vendor's operator, or the portal."""

    kind: str
    name: str
    user_id: int | None = None
    role: str | None = None
    ip: str | None = None


SYSTEM = Actor("system", "the portal")


def operator(name: str) -> Actor:
    """The vendor's person at the command line."""
    return Actor("operator", name)


def record(
    session: Session,
    account: Account,
    action: str,
    *,
    at: datetime,
    actor: Actor,
    **details: Any,
) -> AuditEntry:
    """Append one entry to the account's trail; the account's row must be locked.

    `action` reads subject.verb ("plan.changed"); `details` are JSON values, to which `counts` is
    added where the billing history tells them. Returns the entry.
    """
    if action.partition(".")[0] in COUNTED:
        details["counts"] = _counts(session, account)
    entry = AuditEntry(
        account_id=account.id,
        position=account.audit_length + 1,
        at=at,
        action=action,
        actor={key: value for key, value in asdict(actor).items() if value is not None},
        details=details,
        previous_hash=account.audit_head,
    )
    entry.hash = chain_hash(entry)
    account.audit_length = entry.position
    account.audit_head = entry.hash
    session.add(entry)
    return entry


def _counts(session: Session, account: Account) -> dict[str, int]:
    """Seats and clients as this transaction leaves them."""
    # What was counted and not sent yet is on the rows already: no need to send it for this.
    with session.no_autoflush:
        rows = [session.get_one(Usage, (account.id, m)) for m in (Metric.SEATS, Metric.CLIENTS)]
    return {row.metric.value: row.used for row in rows}


def chain_hash(entry: AuditEntry) -> str:
    """SHA-256 over the previous hash and this entry's facts."""
    facts = json.dumps(
        {
            "account": entry.account_id,
            "position": entry.position,
            "at": entry.at.isoformat(),
            "action": entry.action,
            "actor": entry.actor,
            "details": entry.details,
        },
        sort_keys=True,
        ensure_ascii=True,
    )
    return hashlib.sha256(f"{entry.previous_hash}{facts}".encode()).hexdigest()
