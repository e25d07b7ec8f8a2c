"""How much of each metric an account uses, kept in the transaction that changes it."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, Date, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from portal.billing.rules.counting import Metric
from portal.extensions import Model
from portal.models.types import Instant, MinorUnits, Name, one_of, partial_index

OVER = "limit_value IS NOT NULL AND used > limit_value"


class Usage(Model):
    """One metric of one account: the count, and the limit of the plan it has now.

    `limit_value` NULL is unlimited. `over_since` is when the count went beyond the limit, NULL
    while it isn't. The index holds only the rows that are over, so that finding them costs what
    there is to find.
    """

    __tablename__ = "usage"
    __table_args__ = (
        partial_index("ix_usage_over", "metric", "account_id", where=OVER),
        CheckConstraint("used >= 0", name="used_not_negative"),
        one_of("metric", Metric),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    metric: Mapped[Metric] = mapped_column(Name(Metric), primary_key=True)
    used: Mapped[int] = mapped_column(MinorUnits, default=0)
    limit_value: Mapped[int | None] = mapped_column(MinorUnits)
    over_since: Mapped[datetime | None] = mapped_column(Instant)

    @property
    def is_over(self) -> bool:
        return self.limit_value is not None and self.used > self.limit_value


class UsageDay(Model):
    """A metric of an account as a day (UTC) ended, or as it is so far on the day that runs.

    Days on which neither count nor limit changed have no row: the one before holds.
    """

    __tablename__ = "usage_day"
    __table_args__ = (one_of("metric", Metric),)

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    metric: Mapped[Metric] = mapped_column(Name(Metric), primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    used: Mapped[int] = mapped_column(MinorUnits)
    limit_value: Mapped[int | None] = mapped_column(MinorUnits)


class Level(StrEnum):
    """How far a metric that only warns has climbed: 80 %, all of it, more than that."""

    NEAR = "near"
    FULL = "full"
    OVER = "over"


class ClimbAlert(Model):
    """An email about a metric that climbed to a level: one for each level of a climb.

    A climb is over, `ended_at`, when the count has fallen below 75 % of the limit.
    """

    __tablename__ = "climb_alert"
    __table_args__ = (
        partial_index(
            "uq_climb_alert_level",
            *("account_id", "metric", "level"),
            where="ended_at IS NULL",
            unique=True,
        ),
        one_of("metric", Metric),
        one_of("level", Level),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    metric: Mapped[Metric] = mapped_column(Name(Metric))
    level: Mapped[Level] = mapped_column(Name(Level))
    used: Mapped[int] = mapped_column(MinorUnits)
    limit_value: Mapped[int] = mapped_column(MinorUnits)
    written_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)


class WhenFull(StrEnum):
    """What an account wants to happen when its seats run out."""

    UPGRADE = "upgrade"
    HARD_CAP = "hard_cap"


class SeatConsent(Model):
    """A choice of what happens when seats run out, with the words it was made by; the latest
    of an account counts."""

    __tablename__ = "seat_consent"
    __table_args__ = (one_of("choice", WhenFull),)

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    choice: Mapped[WhenFull] = mapped_column(Name(WhenFull))
    wording: Mapped[str] = mapped_column(Text)
    chosen_at: Mapped[datetime] = mapped_column(Instant)
    chosen_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_.id"))
