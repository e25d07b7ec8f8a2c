"""Ways to make the portal wrong in a manner that only a kill brings to light.

They show that the comparison sees what it must see: without a kill each changes nothing.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from portal import outbox
from portal.billing.gateways import Answer, Charge, Outcome
from portal.billing.gateways.sandbox import SandboxGateway
from portal.models import OutboxItem, Work
from portal.transaction import after_commit, transaction
from tests.faults.kills import points


def a_fresh_key_each_time() -> None:
    """The gateway is never asked what became of a charge, and each sending has its own key."""
    charge = SandboxGateway.charge

    def with_another_key(gateway: SandboxGateway, sent: Charge) -> Answer:
        key = f"{sent.idempotency_key}-{os.getpid()}-{secrets.token_hex(4)}"
        return charge(gateway, replace(sent, idempotency_key=key))

    SandboxGateway.charge = with_another_key  # type: ignore[method-assign]
    SandboxGateway.enquire = lambda *_: Answer(Outcome.NEVER_HEARD)  # type: ignore[method-assign]


def work_asked_for_after_the_commit() -> None:
    """Emails and PDFs are written down once the transaction that needs them is committed."""
    put = outbox.put

    def later(
        session: Session, work: Work, subject_id: int, *, account_id: int | None, at: datetime
    ) -> OutboxItem | None:
        if work is Work.PAYMENT:
            return put(session, work, subject_id, account_id=account_id, at=at)

        def write() -> None:
            with transaction() as another:
                put(another, work, subject_id, account_id=account_id, at=at)

        after_commit(session, write)
        return None

    outbox.put = later  # type: ignore[assignment]


@dataclass(frozen=True)
class Sabotage:
    """What is broken, and the points at which a kill brings it to light."""

    do: Callable[[], None]
    shows_at: str


SABOTAGES = {
    "a-fresh-key-each-time": Sabotage(a_fresh_key_each_time, "after the gateway's charge"),
    "work-asked-for-after-the-commit": Sabotage(work_asked_for_after_the_commit, points.COMMITTED),
}
