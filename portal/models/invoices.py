"""Issued invoices: rows that never change once they have a number."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.billing.rules.money import Money
from portal.extensions import Model
from portal.models.types import (
    Instant,
    MinorUnits,
    Name,
    one_of,
    owned,
    partial_index,
    same_account,
)

RECURRING = "reason IN ('initial', 'renewal')"


class InvoiceStatus(StrEnum):
    OPEN = "open"
    PAID = "paid"


class InvoiceReason(StrEnum):
    INITIAL = "initial"
    RENEWAL = "renewal"
    PLAN_CHANGE = "plan_change"
    AUTO_UPGRADE = "auto_upgrade"


class InvoiceSeries(Model):
    """A run of numbers without gaps. The row is locked by the transaction that issues."""

    __tablename__ = "invoice_series"

    key: Mapped[str] = mapped_column(String(16), primary_key=True)
    last_number: Mapped[int] = mapped_column(default=0)


class Invoice(Model):
    """An issued invoice. Only `status` and `paid_at` move; a trigger refuses the rest."""

    __tablename__ = "invoice"
    __table_args__ = (
        owned(),
        same_account("subscription_id", "subscription"),
        UniqueConstraint("series", "number"),
        partial_index(
            "uq_invoice_recurring",
            "subscription_id",
            "period_start_at",
            where=RECURRING,
            unique=True,
        ),
        Index("ix_invoice_account", "account_id", "issued_at"),
        CheckConstraint("total_minor >= 0", name="total_not_negative"),
        CheckConstraint(
            "due_minor = total_minor - balance_applied_minor AND due_minor >= 0",
            name="due_adds_up",
        ),
        CheckConstraint("total_minor = subtotal_minor + tax_minor", name="total_adds_up"),
        one_of("status", InvoiceStatus),
        one_of("reason", InvoiceReason),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    subscription_id: Mapped[int]
    series: Mapped[str] = mapped_column(ForeignKey("invoice_series.key"))
    number: Mapped[int]
    number_text: Mapped[str] = mapped_column(String(32), unique=True)
    reason: Mapped[InvoiceReason] = mapped_column(Name(InvoiceReason))
    status: Mapped[InvoiceStatus] = mapped_column(Name(InvoiceStatus))
    currency: Mapped[str] = mapped_column(String(3))
    subtotal_minor: Mapped[int] = mapped_column(MinorUnits)
    tax_minor: Mapped[int] = mapped_column(MinorUnits)
    total_minor: Mapped[int] = mapped_column(MinorUnits)
    balance_applied_minor: Mapped[int] = mapped_column(MinorUnits)
    due_minor: Mapped[int] = mapped_column(MinorUnits)
    surplus_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    period_start_at: Mapped[datetime] = mapped_column(Instant)
    period_end_at: Mapped[datetime] = mapped_column(Instant)
    issued_at: Mapped[datetime] = mapped_column(Instant)
    paid_at: Mapped[datetime | None] = mapped_column(Instant)
    vendor: Mapped[dict[str, Any]] = mapped_column(JSON)
    customer: Mapped[dict[str, Any]] = mapped_column(JSON)
    evidence: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    lines: Mapped[list["InvoiceLine"]] = relationship(
        back_populates="invoice", order_by="InvoiceLine.position"
    )
    document: Mapped["InvoiceDocument | None"] = relationship(
        primaryjoin="Invoice.id == foreign(InvoiceDocument.invoice_id)", viewonly=True
    )

    def money(self, amount_minor: int) -> Money:
        return Money(amount_minor, self.currency)

    @property
    def total(self) -> Money:
        return self.money(self.total_minor)

    @property
    def due(self) -> Money:
        return self.money(self.due_minor)


class InvoiceLine(Model):
    """One explained amount. A credit names the line it credits, and no line is credited twice."""

    __tablename__ = "invoice_line"
    __table_args__ = (
        owned(),
        same_account("invoice_id", "invoice"),
        same_account("source_line_id", "invoice_line"),
        UniqueConstraint("invoice_id", "position"),
        UniqueConstraint("source_line_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    invoice_id: Mapped[int]
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(32))
    description: Mapped[str] = mapped_column(String(300))
    explanation: Mapped[str] = mapped_column(String(300))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    currency: Mapped[str] = mapped_column(String(3))
    period_start_at: Mapped[datetime | None] = mapped_column(Instant)
    period_end_at: Mapped[datetime | None] = mapped_column(Instant)
    source_line_id: Mapped[int | None]

    invoice: Mapped[Invoice] = relationship(
        back_populates="lines", primaryjoin="foreign(InvoiceLine.invoice_id) == Invoice.id"
    )

    @property
    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)


class InvoiceDocument(Model):
    """The PDF of an invoice: rendered once, kept by its hash."""

    __tablename__ = "invoice_document"
    __table_args__ = (same_account("invoice_id", "invoice"),)

    invoice_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    template: Mapped[str] = mapped_column(String(32))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    rendered_at: Mapped[datetime] = mapped_column(Instant)
