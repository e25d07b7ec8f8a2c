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
from portal.models.catalog import Price
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
    AUTO_UPGRADE = "auto_upgrade"


class Subscription(Model):
    """The running plan of an account and the cycle that has been charged.

    `price_id` is the version it was bought at; renewals keep charging that one.
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
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    status: Mapped[SubscriptionStatus] = mapped_column(Name(SubscriptionStatus))
    price_id: Mapped[int] = mapped_column(ForeignKey("price.id"))
    cycle_start_at: Mapped[datetime] = mapped_column(Instant)
    cycle_end_at: Mapped[datetime] = mapped_column(Instant)
    started_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)

    account: Mapped[Account] = relationship()
    price: Mapped[Price] = relationship(lazy="joined")

    @property
    def cycle(self) -> Cycle:
        return Cycle(self.cycle_start_at, self.cycle_end_at)


class PlanChange(Model):
    """One intention to change plan, from its confirmation to its outcome."""

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

    from_price: Mapped[Price | None] = relationship(foreign_keys=[from_price_id])
    to_price: Mapped[Price] = relationship(foreign_keys=[to_price_id])

    @property
    def due(self) -> Money:
        return Money(self.due_minor, self.currency)
