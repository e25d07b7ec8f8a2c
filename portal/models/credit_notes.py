"""Credit notes: what corrects an issued invoice, and the refunds that follow from them."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.billing.rules.crediting import Division
from portal.billing.rules.lines import TaxSum, sums_by_rate
from portal.billing.rules.money import Money
from portal.billing.rules.tax import Tax
from portal.extensions import Model
from portal.language import ENGLISH
from portal.models.invoices import Invoice, InvoiceLine
from portal.models.payments import Payment, PaymentState
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


class RefundTo(StrEnum):
    METHOD = "method"
    BALANCE = "balance"


class CreditNotePurpose(StrEnum):
    CREDIT = "credit"
    # All that was owed on an invoice is called off.
    VOID = "void"
    # The invoice was issued again with other details.
    REISSUE = "reissue"


class CreditNote(Model):
    """An issued credit note for one invoice. Nothing in it ever changes; a trigger refuses it.

    Its total, tax included, is divided: what was still owed on the invoice is taken off it, what
    was paid goes back to the payment method or to the credit balance. An invoice is voided or
    issued again by one note at most.
    """

    __tablename__ = "credit_note"
    __table_args__ = (
        owned(),
        same_account("invoice_id", "invoice"),
        UniqueConstraint("series", "number"),
        Index("ix_credit_note_account", "account_id", "issued_at"),
        partial_index(
            "uq_credit_note_ending", "invoice_id", where="purpose <> 'credit'", unique=True
        ),
        CheckConstraint("total_minor > 0", name="total_positive"),
        CheckConstraint("total_minor = subtotal_minor + tax_minor", name="total_adds_up"),
        CheckConstraint(
            "total_minor = off_invoice_minor + to_balance_minor + to_method_minor",
            name="division_adds_up",
        ),
        CheckConstraint(
            "off_invoice_minor >= 0 AND to_balance_minor >= 0 AND to_method_minor >= 0",
            name="parts_not_negative",
        ),
        one_of("purpose", CreditNotePurpose),
        language_known(),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    invoice_id: Mapped[int]
    series: Mapped[str] = mapped_column(ForeignKey("invoice_series.key"))
    number: Mapped[int]
    number_text: Mapped[str] = mapped_column(String(32), unique=True)
    purpose: Mapped[CreditNotePurpose] = mapped_column(Name(CreditNotePurpose))
    reason: Mapped[str] = mapped_column(String(300))
    currency: Mapped[str] = mapped_column(String(3))
    subtotal_minor: Mapped[int] = mapped_column(MinorUnits)
    tax_minor: Mapped[int] = mapped_column(MinorUnits)
    total_minor: Mapped[int] = mapped_column(MinorUnits)
    off_invoice_minor: Mapped[int] = mapped_column(MinorUnits)
    to_balance_minor: Mapped[int] = mapped_column(MinorUnits)
    to_method_minor: Mapped[int] = mapped_column(MinorUnits)
    issued_at: Mapped[datetime] = mapped_column(Instant)
    vendor: Mapped[dict[str, Any]] = mapped_column(JSON)
    customer: Mapped[dict[str, Any]] = mapped_column(JSON)
    # That of the invoice it corrects.
    language: Mapped[str] = mapped_column(String(2), default=ENGLISH)

    invoice: Mapped[Invoice] = relationship(
        primaryjoin="foreign(CreditNote.invoice_id) == Invoice.id", viewonly=True
    )
    lines: Mapped[list["CreditNoteLine"]] = relationship(
        order_by="CreditNoteLine.position",
        primaryjoin="foreign(CreditNoteLine.credit_note_id) == CreditNote.id",
    )
    document: Mapped["CreditNoteDocument | None"] = relationship(
        primaryjoin="CreditNote.id == foreign(CreditNoteDocument.credit_note_id)", viewonly=True
    )

    def money(self, amount_minor: int) -> Money:
        return Money(amount_minor, self.currency)

    @property
    def total(self) -> Money:
        return self.money(self.total_minor)

    @property
    def division(self) -> Division:
        """Where its money goes."""
        return Division(
            off_invoice=self.money(self.off_invoice_minor),
            to_method=self.money(self.to_method_minor),
            to_balance=self.money(self.to_balance_minor),
        )

    @property
    def taxes(self) -> tuple[TaxSum, ...]:
        """The tax per name and rate, in the order of the lines."""
        return sums_by_rate(
            (Tax(line.tax_name, line.tax_basis_points), line.money, line.tax_money)
            for line in self.lines
        )


class CreditNoteLine(Model):
    """What is given back of one invoice line: a positive amount, or a negative one where the
    invoice line was itself a credit. A line is credited by one credit note at most."""

    __tablename__ = "credit_note_line"
    __table_args__ = (
        owned(),
        same_account("credit_note_id", "credit_note"),
        same_account("invoice_line_id", "invoice_line"),
        UniqueConstraint("credit_note_id", "position"),
        UniqueConstraint("invoice_line_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    credit_note_id: Mapped[int]
    position: Mapped[int]
    invoice_line_id: Mapped[int]
    description: Mapped[str] = mapped_column(String(300))
    explanation: Mapped[str] = mapped_column(String(300))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    tax_name: Mapped[str] = mapped_column(String(40), default="")
    tax_basis_points: Mapped[int] = mapped_column(default=0)
    tax_minor: Mapped[int] = mapped_column(MinorUnits, default=0)
    currency: Mapped[str] = mapped_column(String(3))

    invoice_line: Mapped[InvoiceLine] = relationship(
        primaryjoin="foreign(CreditNoteLine.invoice_line_id) == InvoiceLine.id", viewonly=True
    )

    @property
    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def tax_money(self) -> Money:
        return Money(self.tax_minor, self.currency)


class CreditNoteDocument(Model):
    """The PDF of a credit note: rendered once, kept by its hash."""

    __tablename__ = "credit_note_document"
    __table_args__ = (same_account("credit_note_id", "credit_note"),)

    credit_note_id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    template: Mapped[str] = mapped_column(String(32))
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    # The same as UBL, for accounting software; none beside the earliest PDFs.
    ubl_sha256: Mapped[str | None] = mapped_column(String(64))
    ubl_size_bytes: Mapped[int | None]
    rendered_at: Mapped[datetime] = mapped_column(Instant)


class Refund(Model):
    """Money on its way back to where a payment came from. Has the states of a payment."""

    __tablename__ = "refund"
    __table_args__ = (
        owned(),
        same_account("credit_note_id", "credit_note"),
        same_account("payment_id", "payment"),
        UniqueConstraint("credit_note_id"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        one_of("state", PaymentState),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    credit_note_id: Mapped[int]
    payment_id: Mapped[int]
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[PaymentState] = mapped_column(Name(PaymentState))
    idempotency_key: Mapped[str] = mapped_column(String(80), unique=True)
    gateway_reference: Mapped[str | None] = mapped_column(String(120))
    failure: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(Instant)
    settled_at: Mapped[datetime | None] = mapped_column(Instant)

    payment: Mapped[Payment] = relationship(
        primaryjoin="foreign(Refund.payment_id) == Payment.id", viewonly=True
    )
    credit_note: Mapped[CreditNote] = relationship(
        primaryjoin="foreign(Refund.credit_note_id) == CreditNote.id", viewonly=True
    )

    @property
    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)
