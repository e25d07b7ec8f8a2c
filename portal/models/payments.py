"""Ways to pay, payments and the ledger."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.billing.rules.money import Money
from portal.extensions import Model
from portal.models.subscriptions import PlanChange
from portal.models.types import (
    Instant,
    MinorUnits,
    Name,
    one_of,
    owned,
    partial_index,
    same_account,
)

IN_FLIGHT = "state IN ('created', 'processing', 'unknown')"


class PaymentState(StrEnum):
    CREATED = "created"
    PROCESSING = "processing"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"


class LedgerAccount(StrEnum):
    RECEIVABLE = "receivable"
    REVENUE = "revenue"
    TAX = "tax"
    CASH = "cash"
    CUSTOMER_CREDIT = "customer_credit"


class PaymentMethod(Model):
    """A saved way to pay: what the gateway calls it, and what people recognise it by.

    `reference` is one of the gateway's own kind; card numbers never get here.
    """

    __tablename__ = "payment_method"
    __table_args__ = (
        owned(),
        partial_index(
            "uq_payment_method_current", "account_id", where="replaced_at IS NULL", unique=True
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    gateway: Mapped[str] = mapped_column(String(16))
    reference: Mapped[str] = mapped_column(String(120))
    label: Mapped[str] = mapped_column(String(80))
    added_at: Mapped[datetime] = mapped_column(Instant)
    replaced_at: Mapped[datetime | None] = mapped_column(Instant)


class Payment(Model):
    """One attempt to collect an amount, for an invoice or for a plan change still to be made.

    `retry` says which of an invoice's automatic attempts it is: 0 the first, then 1 to 3; of a bank
    transfer how often it was reminded of. With `on_session` the customer is there and can be asked
    to authenticate, at `action_url`. From `call_off_at` on it is called off if it still waits for
    somebody; the gateway then says whether that was in time.
    """

    __tablename__ = "payment"
    __table_args__ = (
        owned(),
        same_account("invoice_id", "invoice"),
        same_account("plan_change_id", "plan_change"),
        same_account("payment_method_id", "payment_method"),
        partial_index(
            "uq_payment_invoice_settled",
            "invoice_id",
            where="state = 'succeeded' AND invoice_id IS NOT NULL",
            unique=True,
        ),
        partial_index(
            "uq_payment_invoice_in_flight",
            "invoice_id",
            where=f"invoice_id IS NOT NULL AND {IN_FLIGHT}",
            unique=True,
        ),
        partial_index(
            "uq_payment_plan_change",
            "plan_change_id",
            where="plan_change_id IS NOT NULL",
            unique=True,
        ),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint(
            "invoice_id IS NOT NULL OR plan_change_id IS NOT NULL", name="is_for_something"
        ),
        one_of("state", PaymentState),
        CheckConstraint("retry BETWEEN 0 AND 3", name="retry_known"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    invoice_id: Mapped[int | None]
    plan_change_id: Mapped[int | None]
    payment_method_id: Mapped[int]
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[PaymentState] = mapped_column(Name(PaymentState))
    idempotency_key: Mapped[str] = mapped_column(String(80), unique=True)
    gateway: Mapped[str] = mapped_column(String(16))
    retry: Mapped[int] = mapped_column(default=0)
    on_session: Mapped[bool] = mapped_column(default=False)
    action_url: Mapped[str | None] = mapped_column(String(2000))
    call_off_at: Mapped[datetime | None] = mapped_column(Instant)
    gateway_reference: Mapped[str | None] = mapped_column(String(120))
    failure: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime] = mapped_column(Instant)
    settled_at: Mapped[datetime | None] = mapped_column(Instant)

    plan_change: Mapped[PlanChange | None] = relationship(
        primaryjoin="foreign(Payment.plan_change_id) == PlanChange.id", viewonly=True
    )
    method: Mapped[PaymentMethod] = relationship(
        primaryjoin="foreign(Payment.payment_method_id) == PaymentMethod.id", viewonly=True
    )

    @property
    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)


class LedgerTransfer(Model):
    """An amount moved from one ledger account to another: balanced by its shape, append-only."""

    __tablename__ = "ledger_transfer"
    __table_args__ = (
        same_account("invoice_id", "invoice"),
        same_account("payment_id", "payment"),
        same_account("credit_note_id", "credit_note"),
        same_account("refund_id", "refund"),
        UniqueConstraint("account_id", "event"),
        CheckConstraint("amount_minor > 0", name="amount_positive"),
        CheckConstraint("debit <> credit", name="two_accounts"),
        one_of("debit", LedgerAccount),
        one_of("credit", LedgerAccount),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    # What happened, named so that it can be written only once: "invoice:17:revenue".
    event: Mapped[str] = mapped_column(String(80))
    debit: Mapped[LedgerAccount] = mapped_column(Name(LedgerAccount))
    credit: Mapped[LedgerAccount] = mapped_column(Name(LedgerAccount))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    currency: Mapped[str] = mapped_column(String(3))
    occurred_at: Mapped[datetime] = mapped_column(Instant)
    invoice_id: Mapped[int | None]
    payment_id: Mapped[int | None]
    credit_note_id: Mapped[int | None]
    refund_id: Mapped[int | None]
