"""Ways in which invoices are handed out: files of many, and links for people who don't sign in."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.extensions import Model
from portal.models.accounts import User
from portal.models.invoices import Invoice
from portal.models.types import Instant, Name, new_public_id, one_of, same_account


class ExportKind(StrEnum):
    """`ARCHIVE`: a ZIP of invoices and credit notes. `STATEMENT`: a statement of account."""

    ARCHIVE = "archive"
    STATEMENT = "statement"


class ExportState(StrEnum):
    """`REMOVED`: it was ready, and its file is kept no longer."""

    WAITING = "waiting"
    READY = "ready"
    FAILED = "failed"
    REMOVED = "removed"


class InvoiceExport(Model):
    """A file about invoices that somebody asked for; the worker makes it.

    An archive is of the papers in `numbers`, in that order; `made_of` says how many of them are in
    it so far, `left_out` which are not, because their files could not be made. A statement is of
    the time from `since_at` on and before `before_at`. The file is stored under `stored_as`, a name
    that no other file ever gets.
    """

    __tablename__ = "invoice_export"
    __table_args__ = (
        UniqueConstraint("account_id", "op_id"),
        Index("ix_invoice_export_account", "account_id", "requested_at"),
        CheckConstraint("made_of >= 0", name="made_of_not_negative"),
        CheckConstraint("(state = 'ready') = (size_bytes IS NOT NULL)", name="ready_has_a_file"),
        CheckConstraint(
            "(kind = 'statement') = (since_at IS NOT NULL AND before_at IS NOT NULL)",
            name="statement_has_a_time",
        ),
        one_of("kind", ExportKind),
        one_of("state", ExportState),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    op_id: Mapped[str] = mapped_column(String(64))
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_.id"))
    requested_at: Mapped[datetime] = mapped_column(Instant)
    kind: Mapped[ExportKind] = mapped_column(Name(ExportKind))
    title: Mapped[str] = mapped_column(String(120))
    numbers: Mapped[list[str]] = mapped_column(JSON)
    since_at: Mapped[datetime | None] = mapped_column(Instant)
    before_at: Mapped[datetime | None] = mapped_column(Instant)
    state: Mapped[ExportState] = mapped_column(Name(ExportState), default=ExportState.WAITING)
    made_of: Mapped[int] = mapped_column(default=0)
    left_out: Mapped[list[str]] = mapped_column(JSON, default=list)
    stored_as: Mapped[str | None] = mapped_column(String(64), unique=True)
    size_bytes: Mapped[int | None]
    sha256: Mapped[str | None] = mapped_column(String(64))
    ready_at: Mapped[datetime | None] = mapped_column(Instant)
    expires_at: Mapped[datetime | None] = mapped_column(Instant)

    requested_by: Mapped[User | None] = relationship()


class InvoiceLink(Model):
    """A link by which anybody who has it sees one invoice, until `expires_at`.

    Only the hash of its secret is kept.
    """

    __tablename__ = "invoice_link"
    __table_args__ = (
        same_account("invoice_id", "invoice"),
        Index("ix_invoice_link_invoice", "invoice_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    invoice_id: Mapped[int]
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_.id"))
    made_at: Mapped[datetime] = mapped_column(Instant)
    expires_at: Mapped[datetime] = mapped_column(Instant)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Instant)
    opened: Mapped[int] = mapped_column(default=0)
    last_opened_at: Mapped[datetime | None] = mapped_column(Instant)

    made_by: Mapped[User | None] = relationship()
    invoice: Mapped[Invoice] = relationship(
        primaryjoin="foreign(InvoiceLink.invoice_id) == Invoice.id", viewonly=True
    )
