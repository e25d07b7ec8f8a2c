"""Work that must leave the database: what is due, who holds it, and the emails."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.extensions import Model
from portal.models.accounts import User
from portal.models.types import Instant, Name, new_public_id, one_of, partial_index

WAITING = "state = 'waiting'"


class Work(StrEnum):
    """The kinds of work the outbox carries; each has one handler in `portal.jobs`."""

    NOTICE = "notice"
    INVOICE_PDF = "invoice_pdf"
    CREDIT_NOTE_PDF = "credit_note_pdf"
    PAYMENT = "payment"
    REFUND = "refund"
    GATEWAY_EVENT = "gateway_event"
    DOCUMENT_REMOVAL = "document_removal"
    INVOICE_EXPORT = "invoice_export"


class OutboxState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    DEAD = "dead"


class NoticeState(StrEnum):
    """`WITHDRAWN`: never sent, because what it announces will not happen any more, or because who
    it was for has left."""

    WAITING = "waiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class OutboxItem(Model):
    """One piece of work, written in the transaction that makes it necessary.

    Claimed by a lease, not a flag: when the holder dies, the lease runs out and another
    takes over. `dedupe_key` makes the same work impossible to write twice.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        partial_index("ix_outbox_due", "next_at", where=WAITING),
        one_of("work", Work),
        one_of("state", OutboxState),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    work: Mapped[Work] = mapped_column(Name(Work))
    subject_id: Mapped[int]
    dedupe_key: Mapped[str] = mapped_column(String(80), unique=True)
    state: Mapped[OutboxState] = mapped_column(Name(OutboxState), default=OutboxState.WAITING)
    created_at: Mapped[datetime] = mapped_column(Instant)
    next_at: Mapped[datetime] = mapped_column(Instant)
    attempts: Mapped[int] = mapped_column(default=0)
    # Leases are wall time: a moved sandbox clock neither frees nor prolongs one.
    lease_until: Mapped[datetime | None] = mapped_column(Instant)
    lease_owner: Mapped[str | None] = mapped_column(String(80))
    last_error: Mapped[str | None] = mapped_column(String(500))
    done_at: Mapped[datetime | None] = mapped_column(Instant)


class Notice(Model):
    """One email to one person, as it was written and as the mail server answered.

    One that brings the PDF of its invoice or credit note waits for it until `document_by`, and
    not any more once that is None. `enclosed_sha256` is the hash of the PDF it brings then. One to
    an address of the billing details carries a link by which its reader says whether invoices come
    there: `token_sha256` is the hash of its secret.
    """

    __tablename__ = "notice"
    __table_args__ = (
        Index("ix_notice_account", "account_id", "created_at"),
        partial_index("ix_notice_question", "created_at", where="name = 'invoice_address'"),
        one_of("state", NoticeState),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_.id"))
    warning_id: Mapped[int | None] = mapped_column(ForeignKey("episode_warning.id"), index=True)
    episode_id: Mapped[int | None] = mapped_column(ForeignKey("episode.id"), index=True)
    invoice_id: Mapped[int | None] = mapped_column(ForeignKey("invoice.id"), index=True)
    credit_note_id: Mapped[int | None] = mapped_column(ForeignKey("credit_note.id"), index=True)
    name: Mapped[str] = mapped_column(String(40))
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str] = mapped_column(String(200))
    body_text: Mapped[str] = mapped_column(Text)
    body_html: Mapped[str] = mapped_column(Text)
    calendar: Mapped[str | None] = mapped_column(Text)
    document_by: Mapped[datetime | None] = mapped_column(Instant)
    enclosed_sha256: Mapped[str | None] = mapped_column(String(64))
    token_sha256: Mapped[str | None] = mapped_column(String(64), unique=True)
    state: Mapped[NoticeState] = mapped_column(Name(NoticeState), default=NoticeState.WAITING)
    created_at: Mapped[datetime] = mapped_column(Instant)
    settled_at: Mapped[datetime | None] = mapped_column(Instant)
    server_answer: Mapped[str | None] = mapped_column(String(500))

    user: Mapped[User | None] = relationship()
