"""Issued invoices: rows that never change once they have a number."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    String,
    UniqueConstraint,
    func,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.billing.rules.lines import TaxSum, sums_by_rate
from portal.billing.rules.money import Money
from portal.billing.rules.tax import Tax
from portal.extensions import Model
from portal.language import ENGLISH
from portal.models.types import (
    Instant,
    MinorUnits,
    Name,
    language_known,
    one_of,
    owned,
    partial_index,
    same_account,
)

# The invoice of a cycle that was first issued for it.
RECURRING = "reason IN ('initial', 'renewal') AND original_id IS NULL"


class InvoiceStatus(StrEnum):
    OPEN = "open"
    PAID = "paid"
    # Nothing is owed on it any more, because credit notes took off what was.
    CREDITED = "credited"
    # Not paid, and called off by the vendor: one credit note took off all that was owed.
    VOID = "void"
    # Issued again with other details: a credit note took off all of it, and its payments are the
    # next edition's.
    REPLACED = "replaced"


class InvoiceReason(StrEnum):
    INITIAL = "initial"
    RENEWAL = "renewal"
    PLAN_CHANGE = "plan_change"
    ADD_ONS = "add_ons"
    AUTO_UPGRADE = "auto_upgrade"


class InvoiceSeries(Model):
    """A run of numbers without gaps. The row is locked by the transaction that issues."""

    __tablename__ = "invoice_series"

    key: Mapped[str] = mapped_column(String(16), primary_key=True)
    last_number: Mapped[int] = mapped_column(default=0)


class Invoice(Model):
    """An issued invoice. Only `status`, `paid_at` and `credited_minor` move; a trigger refuses
    the rest.

    subtotal + tax + surplus = total: the surplus is the credit beyond what is charged, kept as
    credit balance. total − balance applied = due; `credited_minor` is what credit notes took off
    the due amount before it was paid.

    One that is issued again with other details is the next `edition` of the `original_id`; of each
    edition there is one.
    """

    __tablename__ = "invoice"
    __table_args__ = (
        owned(),
        same_account("subscription_id", "subscription"),
        same_account("original_id", "invoice"),
        UniqueConstraint("series", "number"),
        UniqueConstraint("original_id", "edition"),
        CheckConstraint(
            "edition >= 1 AND (edition = 1) = (original_id IS NULL)", name="editions_counted"
        ),
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
        CheckConstraint(
            "total_minor = subtotal_minor + tax_minor + surplus_minor", name="total_adds_up"
        ),
        CheckConstraint("surplus_minor = 0 OR total_minor = 0", name="surplus_of_nothing_due"),
        CheckConstraint("credited_minor BETWEEN 0 AND due_minor", name="credited_within_due"),
        one_of("status", InvoiceStatus),
        one_of("reason", InvoiceReason),
        language_known(),
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
    credited_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    # What it was written in, whatever the account's documents are now.
    language: Mapped[str] = mapped_column(String(2), default=ENGLISH)
    # Why no tax is charged, where a law wants it said.
    tax_note: Mapped[str] = mapped_column(String(300), default="")
    period_start_at: Mapped[datetime] = mapped_column(Instant)
    period_end_at: Mapped[datetime] = mapped_column(Instant)
    issued_at: Mapped[datetime] = mapped_column(Instant)
    paid_at: Mapped[datetime | None] = mapped_column(Instant)
    vendor: Mapped[dict[str, Any]] = mapped_column(JSON)
    customer: Mapped[dict[str, Any]] = mapped_column(JSON)
    evidence: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    original_id: Mapped[int | None]
    edition: Mapped[int] = mapped_column(default=1)

    lines: Mapped[list["InvoiceLine"]] = relationship(
        back_populates="invoice", order_by="InvoiceLine.position"
    )
    document: Mapped["InvoiceDocument | None"] = relationship(
        primaryjoin="Invoice.id == foreign(InvoiceDocument.invoice_id)", viewonly=True
    )

    @hybrid_property
    def first_id(self) -> int:
        """The first edition's id, its own if it is that."""
        return self.original_id or self.id

    @first_id.inplace.expression
    @classmethod
    def _first_id(cls) -> ColumnElement[int]:
        return func.coalesce(cls.original_id, cls.id)

    def money(self, amount_minor: int) -> Money:
        return Money(amount_minor, self.currency)

    @property
    def total(self) -> Money:
        return self.money(self.total_minor)

    @property
    def due(self) -> Money:
        return self.money(self.due_minor)

    @property
    def taxes(self) -> tuple[TaxSum, ...]:
        """The tax per name and rate, in the order of the lines."""
        return sums_by_rate(line.taxed for line in self.lines)

    @property
    def outstanding(self) -> Money:
        """What is still to be paid of an open invoice."""
        return self.money(self.due_minor - self.credited_minor)


class InvoiceLine(Model):
    """One explained amount, before tax, and the tax on it.

    A credit names the line it credits, and no line is credited twice; but one whose credit a
    credit note took back is credited anew, after `after_line_id`, that former credit.
    `amount_minor` is `base_minor` × `quantity` × `days` ÷ `days_in_cycle`, rounded once, negative
    for a credit.
    """

    __tablename__ = "invoice_line"
    __table_args__ = (
        owned(),
        same_account("invoice_id", "invoice"),
        same_account("source_line_id", "invoice_line"),
        UniqueConstraint("invoice_id", "position"),
        same_account("after_line_id", "invoice_line"),
        partial_index(
            "uq_invoice_line_source", "source_line_id", where="after_line_id IS NULL", unique=True
        ),
        partial_index(
            "ix_invoice_line_source", "source_line_id", where="source_line_id IS NOT NULL"
        ),
        UniqueConstraint("after_line_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    invoice_id: Mapped[int]
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(32))
    description: Mapped[str] = mapped_column(String(300))
    explanation: Mapped[str] = mapped_column(String(300))
    base_minor: Mapped[int] = mapped_column(MinorUnits)
    quantity: Mapped[int] = mapped_column(default=1)
    days: Mapped[int]
    days_in_cycle: Mapped[int]
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    tax_name: Mapped[str] = mapped_column(String(40), default="")
    tax_basis_points: Mapped[int] = mapped_column(default=0)
    tax_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    currency: Mapped[str] = mapped_column(String(3))
    add_on_price_id: Mapped[int | None] = mapped_column(ForeignKey("add_on_price.id"))
    period_start_at: Mapped[datetime | None] = mapped_column(Instant)
    period_end_at: Mapped[datetime | None] = mapped_column(Instant)
    source_line_id: Mapped[int | None]
    after_line_id: Mapped[int | None]

    @property
    def taxed(self) -> tuple[Tax, Money, Money]:
        """The tax, the amount it is on, and what it comes to."""
        tax = Tax(self.tax_name, self.tax_basis_points)
        return tax, self.money, Money(self.tax_minor, self.currency)

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
    # The same as UBL, for accounting software; none beside the earliest PDFs.
    ubl_sha256: Mapped[str | None] = mapped_column(String(64))
    ubl_size_bytes: Mapped[int | None]
    rendered_at: Mapped[datetime] = mapped_column(Instant)
