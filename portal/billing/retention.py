"""What is removed for good, and when."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from portal.audit import SYSTEM, record
from portal.billing import accounts, document_removal
from portal.billing.client_list import UNDO_FOR
from portal.models import Client, SignIn

SIGN_INS_KEPT_FOR = timedelta(days=90)


def accounts_with_expired(session: Session, *, now: datetime) -> list[int]:
    """Accounts with clients whose deletion can no longer be undone."""
    statement = select(Client.account_id).where(Client.deleted_at <= now - UNDO_FOR).distinct()
    return list(session.scalars(statement))


def remove_expired(session: Session, account_id: int, *, now: datetime) -> bool:
    """Remove an account's clients that were deleted 30 days ago, or as many of their documents as
    one transaction should; returns whether more are left. The worker removes the bytes.

    They stopped counting when they were deleted, so no count changes.
    """
    account = accounts.lock(session, account_id)
    expired = (Client.account_id == account_id, Client.deleted_at <= now - UNDO_FOR)
    left = document_removal.leave_with(session, account, expired, now=now)
    if left == document_removal.AT_ONCE:
        return True
    result = session.execute(delete(Client).where(*expired))
    removed = result.rowcount if isinstance(result, CursorResult) else 0
    if removed:
        facts = {"count": removed, "documents": left}
        record(session, account, "clients.removed", at=now, actor=SYSTEM, **facts)
    return False


def remove_old_sign_ins(session: Session, *, wall: datetime) -> None:
    """Forget browsers that were last seen 90 days ago."""
    session.execute(delete(SignIn).where(SignIn.last_seen_at <= wall - SIGN_INS_KEPT_FOR))
