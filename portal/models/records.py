"""Records kept for proof and for running: the audit trail, used confirmations, the clock."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model
from portal.models.types import Instant


class AuditEntry(Model):
    """Who did what, in the transaction that did it, chained by hash to the entry before."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        UniqueConstraint("account_id", "position"),
        Index("ix_audit_entry_action", "account_id", "action"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    position: Mapped[int]
    at: Mapped[datetime] = mapped_column(Instant)
    action: Mapped[str] = mapped_column(String(60))
    actor: Mapped[dict[str, Any]] = mapped_column(JSON)
    details: Mapped[dict[str, Any]] = mapped_column(JSON)
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class Operation(Model):
    """A confirmation that was used. Posting it again finds this row and its result."""

    __tablename__ = "operation"
    __table_args__ = (UniqueConstraint("account_id", "op_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    op_id: Mapped[str] = mapped_column(String(64))
    action: Mapped[str] = mapped_column(String(40))
    params_sha256: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_.id"))
    done_at: Mapped[datetime] = mapped_column(Instant)
    result: Mapped[dict[str, Any]] = mapped_column(JSON)


class ClockState(Model):
    """How far the sandbox clock is ahead of the wall, where it is going, how far time has been."""

    __tablename__ = "clock_state"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    offset_us: Mapped[int] = mapped_column(BigInteger, default=0)
    target_at: Mapped[datetime | None] = mapped_column(Instant)
    latest_at: Mapped[datetime | None] = mapped_column(Instant)


class DailyRun(Model):
    """A daily task done for a date; the row is what makes it once a day."""

    __tablename__ = "daily_run"

    task: Mapped[str] = mapped_column(String(40), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(Instant, primary_key=True)
    done_at: Mapped[datetime] = mapped_column(Instant)
