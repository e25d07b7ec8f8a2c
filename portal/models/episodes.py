"""Over-limit episodes and their warnings."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from portal.billing.rules.counting import Metric
from portal.extensions import Model
from portal.models.catalog import Price
from portal.models.types import (
    Instant,
    MinorUnits,
    Name,
    new_public_id,
    one_of,
    owned,
    partial_index,
    same_account,
)

OPEN = "state IN ('open', 'parked')"


class EpisodeState(StrEnum):
    OPEN = "open"
    PARKED = "parked"
    RESOLVED = "resolved"
    SUPERSEDED = "superseded"
    UPGRADED = "upgraded"


class Episode(Model):
    """The time from when an account is found over a limit until that is over, one way or other."""

    __tablename__ = "episode"
    __table_args__ = (
        owned(),
        same_account("subscription_id", "subscription"),
        partial_index("uq_episode_open", "account_id", "metric", where=OPEN, unique=True),
        partial_index("ix_episode_due", "next_step_at", where="state = 'open' AND held_at IS NULL"),
        one_of("metric", Metric),
        one_of("state", EpisodeState),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    public_id: Mapped[str] = mapped_column(String(32), unique=True, default=new_public_id)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    subscription_id: Mapped[int]
    metric: Mapped[Metric] = mapped_column(Name(Metric))
    state: Mapped[EpisodeState] = mapped_column(Name(EpisodeState), default=EpisodeState.OPEN)
    # The plan the account was warned on; on any other plan the episode is superseded.
    price_id: Mapped[int] = mapped_column(ForeignKey("price.id"))
    used_at_opening: Mapped[int] = mapped_column(MinorUnits)
    limit_at_opening: Mapped[int] = mapped_column(MinorUnits)
    opened_at: Mapped[datetime] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)
    # Keys, of CloseReason and ParkReason; the second only while it is parked.
    close_reason: Mapped[str | None] = mapped_column(String(200))
    parked_reason: Mapped[str | None] = mapped_column(String(32))
    next_step_at: Mapped[datetime] = mapped_column(Instant)
    # What the vendor's operator said: no step while it is held, no upgrade before an instant. An
    # instant without a reason was told by itself, because the amount had risen.
    held_at: Mapped[datetime | None] = mapped_column(Instant)
    held_reason: Mapped[str | None] = mapped_column(String(200))
    extended_to: Mapped[datetime | None] = mapped_column(Instant)
    extended_reason: Mapped[str | None] = mapped_column(String(200))
    # What the email of that instant said the upgrade would cost then.
    extended_due_minor: Mapped[int | None] = mapped_column(MinorUnits)
    times_retold: Mapped[int] = mapped_column(default=0)

    price: Mapped[Price] = relationship()
    warnings: Mapped[list["EpisodeWarning"]] = relationship(
        back_populates="episode", order_by="EpisodeWarning.number"
    )

    @property
    def is_open(self) -> bool:
        return self.state in (EpisodeState.OPEN, EpisodeState.PARKED)

    @property
    def is_going_on(self) -> bool:
        """Whether the next step comes by itself: neither parked nor held."""
        return self.state is EpisodeState.OPEN and self.held_at is None

    @property
    def is_announced(self) -> bool:
        """Whether its last email tells of an upgrade, sent or about to be: not at the top tier."""
        return bool(self.warnings) and self.warnings[-1].target_price_id is not None

    @property
    def deadline_at(self) -> datetime | None:
        """The instant of the upgrade as it was told last; None before the first warning."""
        if not self.warnings:
            return None
        told = self.warnings[-1].deadline_at
        return max(told, self.extended_to) if self.extended_to else told

    @property
    def due_minor(self) -> int | None:
        """What the upgrade costs at that instant, as it was told; None where there is no plan
        to move to."""
        if not self.warnings:
            return None
        last = self.warnings[-1]
        is_moved = self.extended_to is not None and self.extended_to > last.deadline_at
        return self.extended_due_minor if is_moved else last.due_minor


class EpisodeWarning(Model):
    """One of the three warnings: what it told, and when the mail server accepted it."""

    __tablename__ = "episode_warning"
    __table_args__ = (
        owned(),
        same_account("episode_id", "episode"),
        UniqueConstraint("episode_id", "number"),
        CheckConstraint("number BETWEEN 1 AND 3", name="number_is_1_to_3"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    episode_id: Mapped[int]
    number: Mapped[int]
    used: Mapped[int] = mapped_column(MinorUnits)
    limit_value: Mapped[int] = mapped_column(MinorUnits)
    target_price_id: Mapped[int | None] = mapped_column(ForeignKey("price.id"))
    due_minor: Mapped[int | None] = mapped_column(MinorUnits)
    written_at: Mapped[datetime] = mapped_column(Instant)
    deadline_at: Mapped[datetime] = mapped_column(Instant)
    accepted_at: Mapped[datetime | None] = mapped_column(Instant)
    refused_at: Mapped[datetime | None] = mapped_column(Instant)

    episode: Mapped[Episode] = relationship(
        back_populates="warnings",
        primaryjoin="foreign(EpisodeWarning.episode_id) == Episode.id",
    )
    target_price: Mapped[Price | None] = relationship()
