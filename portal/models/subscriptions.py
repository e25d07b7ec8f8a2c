"""What an account is subscribed to, and each change of plan."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.billing.rules.money import Money
from portal.billing.rules.period import Cycle
from portal.extensions import Model
from portal.models.accounts import Account
from portal.models.catalog import AddOnPrice, Price
from portal.models.types import (
    Instant,
    MinorUnits,
    Name,
    one_of,
    owned,
    partial_index,
    same_account,
)

LIVE = "status IN ('active', 'past_due')"
PENDING = "state = 'pending'"


class SubscriptionStatus(StrEnum):
    ACTIVE = "active"
    PAST_DUE = "past_due"
    ENDED = "ended"


class EndReason(StrEnum):
    CANCELLED = "cancelled"
    UNPAID = "unpaid"


class PlanChangeState(StrEnum):
    # Waits for its payment.
    PENDING = "pending"
    # A downgrade that waits for the cycle's end.
    SCHEDULED = "scheduled"
    WITHDRAWN = "withdrawn"
    APPLIED = "applied"
    FAILED = "failed"


class PlanChangeReason(StrEnum):
    INITIAL = "initial"
    MANUAL = "manual"
    # More add-ons beside the running plan, for the days left of its cycle.
    ADD_ONS = "add_ons"
    AUTO_UPGRADE = "auto_upgrade"


class Subscription(Model):
    """The running plan of an account and the cycle that has been charged.

    `price_id` is the version it was bought at; renewals keep charging that one. With
    `cancelled_at` set it ends with the cycle instead of renewing.
    """

    __tablename__ = "subscription"
    __table_args__ = (
        owned(),
        partial_index("uq_subscription_live", "account_id", where=LIVE, unique=True),
        partial_index("ix_subscription_due", "cycle_end_at", where=LIVE),
        CheckConstraint(
            "cycle_end_at - cycle_start_at IN (2592000000000, 31536000000000)",
            name="cycle_is_30_or_365_days",
        ),
        one_of("status", SubscriptionStatus),
        one_of("end_reason", EndReason),
        CheckConstraint("(status = 'ended') = (ended_at IS NOT NULL)", name="end_is_told"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    status: Mapped[SubscriptionStatus] = mapped_column(Name(SubscriptionStatus))
    price_id: Mapped[int] = mapped_column(ForeignKey("price.id"))
    cycle_start_at: Mapped[datetime] = mapped_column(Instant)
    cycle_end_at: Mapped[datetime] = mapped_column(Instant)
    started_at: Mapped[datetime] = mapped_column(Instant)
    cancelled_at: Mapped[datetime | None] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    end_reason: Mapped[EndReason | None] = mapped_column(Name(EndReason))

    account: Mapped[Account] = relationship()
    price: Mapped[Price] = relationship(lazy="joined")
    add_ons: Mapped[list["SubscriptionAddOn"]] = relationship(
        order_by="SubscriptionAddOn.id",
        cascade="all, delete-orphan",
        primaryjoin="foreign(SubscriptionAddOn.subscription_id) == Subscription.id",
    )

    @property
    def cycle(self) -> Cycle:
        return Cycle(self.cycle_start_at, self.cycle_end_at)


class SubscriptionAddOn(Model):
    """An add-on beside the running plan, at the price version it was bought at.

    `quantity` are in use this cycle, `renewing` of them are charged again at the cycle's end.
    """

    __tablename__ = "subscription_add_on"
    __table_args__ = (
        same_account("subscription_id", "subscription"),
        UniqueConstraint("subscription_id", "add_on_price_id"),
        CheckConstraint("quantity > 0", name="quantity_positive"),
        CheckConstraint("renewing BETWEEN 0 AND quantity", name="renewing_within_quantity"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    subscription_id: Mapped[int]
    add_on_price_id: Mapped[int] = mapped_column(ForeignKey("add_on_price.id"))
    quantity: Mapped[int]
    renewing: Mapped[int]

    price: Mapped[AddOnPrice] = relationship(lazy="joined")


class PlanChange(Model):
    """One intention to change plan or add-ons, from its confirmation to its outcome.

    `to_add_ons` is what runs beside `to_price` afterwards: [[add-on price id, quantity], …]; of a
    purchase of add-ons it is only what is bought.
    """

    __tablename__ = "plan_change"
    __table_args__ = (
        owned(),
        same_account("subscription_id", "subscription"),
        same_account("invoice_id", "invoice"),
        UniqueConstraint("account_id", "op_id"),
        UniqueConstraint("invoice_id"),
        partial_index("uq_plan_change_pending", "account_id", where=PENDING, unique=True),
        partial_index(
            "uq_plan_change_scheduled", "account_id", where="state = 'scheduled'", unique=True
        ),
        partial_index(
            "uq_plan_change_episode",
            "episode_id",
            where="state = 'applied' AND episode_id IS NOT NULL",
            unique=True,
        ),
        one_of("state", PlanChangeState),
        one_of("reason", PlanChangeReason),
        CheckConstraint("due_minor >= 0", name="due_not_negative"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    subscription_id: Mapped[int | None]
    op_id: Mapped[str] = mapped_column(String(64))
    reason: Mapped[PlanChangeReason] = mapped_column(Name(PlanChangeReason))
    state: Mapped[PlanChangeState] = mapped_column(Name(PlanChangeState))
    from_price_id: Mapped[int | None] = mapped_column(ForeignKey("price.id"))
    to_price_id: Mapped[int] = mapped_column(ForeignKey("price.id"))
    to_add_ons: Mapped[list[tuple[int, int]]] = mapped_column(JSON, default=list)
    quote_sha256: Mapped[str] = mapped_column(String(64))
    # The terms as they were confirmed: a later outcome is carried out from these alone.
    invoice_draft: Mapped[dict[str, Any]] = mapped_column(JSON)
    due_minor: Mapped[int] = mapped_column(MinorUnits)
    currency: Mapped[str] = mapped_column(String(3))
    effective_at: Mapped[datetime] = mapped_column(Instant)
    requested_at: Mapped[datetime] = mapped_column(Instant)
    settled_at: Mapped[datetime | None] = mapped_column(Instant)
    failure: Mapped[str | None] = mapped_column(String(200))
    actor_user_id: Mapped[int | None] = mapped_column(ForeignKey("user_.id"))
    episode_id: Mapped[int | None] = mapped_column(ForeignKey("episode.id"))
    invoice_id: Mapped[int | None]
    # What ran before an automatic upgrade was made, so that it can be taken back.
    replaced: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))

    from_price: Mapped[Price | None] = relationship(foreign_keys=[from_price_id])
    to_price: Mapped[Price] = relationship(foreign_keys=[to_price_id])

    @property
    def due(self) -> Money:
        return Money(self.due_minor, self.currency)

    @property
    def made_at(self) -> datetime:
        """When an applied change was carried out: its cycle may have been told to begin before."""
        return self.settled_at or self.effective_at


class TakenBack(Model):
    """An automatic upgrade that was taken back: once, by a credit note of its whole invoice."""

    __tablename__ = "taken_back"
    __table_args__ = (
        same_account("plan_change_id", "plan_change"),
        same_account("credit_note_id", "credit_note"),
        UniqueConstraint("plan_change_id"),
        UniqueConstraint("credit_note_id"),
        UniqueConstraint("account_id", "op_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    plan_change_id: Mapped[int]
    credit_note_id: Mapped[int]
    op_id: Mapped[str] = mapped_column(String(64))
    taken_back_at: Mapped[datetime] = mapped_column(Instant)
    taken_back_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_.id"))
