"""What is known of the payment gateways: their customers, their news, and the sandbox's books."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from portal.extensions import Model
from portal.models.types import Instant, MinorUnits, Name, one_of, partial_index


class GatewayCustomer(Model):
    """What a gateway calls an account."""

    __tablename__ = "gateway_customer"
    __table_args__ = (UniqueConstraint("gateway", "reference"),)

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    gateway: Mapped[str] = mapped_column(String(16), primary_key=True)
    reference: Mapped[str] = mapped_column(String(120))


class GatewayEvent(Model):
    """One piece of news a gateway sent, kept before it is acted on; a repeated one is refused."""

    __tablename__ = "gateway_event"
    __table_args__ = (UniqueConstraint("gateway", "event_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    gateway: Mapped[str] = mapped_column(String(16))
    event_id: Mapped[str] = mapped_column(String(120))
    kind: Mapped[str] = mapped_column(String(80))
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    received_at: Mapped[datetime] = mapped_column(Instant)
    applied_at: Mapped[datetime | None] = mapped_column(Instant)


class ChargingStop(Model):
    """Automatic charging stands still, at all accounts, until a person has looked."""

    __tablename__ = "charging_stop"
    __table_args__ = (
        partial_index(
            "uq_charging_stop_running", "is_running", where="released_at IS NULL", unique=True
        ),
        CheckConstraint("is_running = 1", name="is_running_is_1"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    # Always 1: what makes two that run at once impossible.
    is_running: Mapped[int] = mapped_column(default=1)
    stopped_at: Mapped[datetime] = mapped_column(Instant)
    reason: Mapped[str] = mapped_column(String(300))
    released_at: Mapped[datetime | None] = mapped_column(Instant)


class ChargingDay(Model):
    """How many automatic charges of all accounts a day (UTC) saw, up to an invoice; the latest
    day's is the last that was counted."""

    __tablename__ = "charging_day"

    day: Mapped[date] = mapped_column(primary_key=True)
    charges: Mapped[int] = mapped_column(default=0)
    counted_to_id: Mapped[int]


class SandboxState(StrEnum):
    # Waits until the customer authenticates.
    WAITING = "waiting"
    PAID = "paid"
    DECLINED = "declined"


class SandboxCharge(Model):
    """What the sandbox gateway remembers, as a real one would on its own side."""

    __tablename__ = "sandbox_charge"
    __table_args__ = (one_of("state", SandboxState),)

    idempotency_key: Mapped[str] = mapped_column(String(80), primary_key=True)
    card: Mapped[str] = mapped_column(String(120))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[SandboxState] = mapped_column(Name(SandboxState))


class SandboxRefund(Model):
    """What the sandbox gateway gave back of a charge."""

    __tablename__ = "sandbox_refund"

    idempotency_key: Mapped[str] = mapped_column(String(80), primary_key=True)
    charge_key: Mapped[str] = mapped_column(ForeignKey("sandbox_charge.idempotency_key"))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    currency: Mapped[str] = mapped_column(String(3))
