"""What the vendor sells: families, tiers and versioned prices, as the catalog file said."""

from datetime import datetime
from typing import Self

from sqlalchemy import JSON, CheckConstraint, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from portal.billing.rules.counting import Metric
from portal.billing.rules.money import Money
from portal.billing.rules.period import Interval
from portal.billing.rules.policies import Policy
from portal.extensions import Model
from portal.models.types import Instant, MinorUnits, Name, one_of, partial_index


class Vendor(Model):
    """The company that runs the portal; exactly one row, as the catalog file describes it."""

    __tablename__ = "vendor"
    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    name: Mapped[str] = mapped_column(String(120))
    email: Mapped[str] = mapped_column(String(254))
    address: Mapped[list[str]] = mapped_column(JSON)
    country: Mapped[str] = mapped_column(String(2))
    tax_id: Mapped[str] = mapped_column(String(32))
    policies: Mapped[dict[str, str]] = mapped_column(JSON)

    @classmethod
    def of(cls, session: Session) -> Self:
        """The row; the session holds on to it, so that a transaction reads it once."""
        vendor = session.get_one(cls, 1)
        session.info[cls] = vendor
        return vendor

    def policy(self, metric: Metric) -> Policy:
        """What follows when `metric` goes over its limit."""
        return Policy(self.policies[metric.value])


class TaxRate(Model):
    """The tax on sales to customers of a country; where there is no row, none is charged.

    With `reverse_charge` a business of that country with a tax id accounts for the tax itself.
    """

    __tablename__ = "tax_rate"
    __table_args__ = (CheckConstraint("basis_points BETWEEN 0 AND 10000", name="rate_possible"),)

    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    basis_points: Mapped[int]
    reverse_charge: Mapped[bool]


class CatalogRevision(Model):
    """One applied catalog file, kept whole."""

    __tablename__ = "catalog_revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64))
    applied_at: Mapped[datetime] = mapped_column(Instant)
    text: Mapped[str] = mapped_column(Text)


class Family(Model):
    """A line of plans, such as Standard or Pro."""

    __tablename__ = "family"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    position: Mapped[int]
    features: Mapped[list[str]] = mapped_column(JSON, default=list)
    hidden: Mapped[bool] = mapped_column(default=False)

    tiers: Mapped[list["Tier"]] = relationship(back_populates="family", order_by="Tier.position")


class Tier(Model):
    """A size within a family, with its limit for each metric. NULL is unlimited."""

    __tablename__ = "tier"
    __table_args__ = (UniqueConstraint("family_id", "key"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    family_id: Mapped[int] = mapped_column(ForeignKey("family.id"))
    key: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80))
    position: Mapped[int]
    seats: Mapped[int | None]
    clients: Mapped[int | None]
    storage_bytes: Mapped[int | None] = mapped_column(MinorUnits)
    features: Mapped[list[str]] = mapped_column(JSON, default=list)
    hidden: Mapped[bool] = mapped_column(default=False)

    family: Mapped[Family] = relationship(back_populates="tiers", lazy="joined")

    @property
    def limits(self) -> dict[Metric, int | None]:
        return {
            Metric.SEATS: self.seats,
            Metric.CLIENTS: self.clients,
            Metric.STORAGE: self.storage_bytes,
        }


class Price(Model):
    """A price version. Never edited: a new price retires it and adds another row."""

    __tablename__ = "price"
    __table_args__ = (
        UniqueConstraint("tier_id", "interval", "currency", "version"),
        partial_index(
            "uq_price_current",
            "tier_id",
            "interval",
            "currency",
            where="retired_at IS NULL",
            unique=True,
        ),
        CheckConstraint("amount_minor >= 0", name="amount_not_negative"),
        one_of("interval", Interval),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    tier_id: Mapped[int] = mapped_column(ForeignKey("tier.id"))
    interval: Mapped[Interval] = mapped_column(Name(Interval))
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    version: Mapped[int] = mapped_column(default=1)
    offered_at: Mapped[datetime] = mapped_column(Instant)
    retired_at: Mapped[datetime | None] = mapped_column(Instant)

    tier: Mapped[Tier] = relationship(lazy="joined")

    @property
    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def plan_name(self) -> str:
        """The plan as people say it: "Standard, 10 users"."""
        return f"{self.tier.family.name}, {self.tier.name}"


class AddOn(Model):
    """Extra capacity of one metric, sold beside a plan of its family."""

    __tablename__ = "add_on"
    __table_args__ = (UniqueConstraint("family_id", "key"), one_of("metric", Metric))

    id: Mapped[int] = mapped_column(primary_key=True)
    family_id: Mapped[int] = mapped_column(ForeignKey("family.id"))
    key: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80))
    metric: Mapped[Metric] = mapped_column(Name(Metric))
    quantity: Mapped[int] = mapped_column(MinorUnits)
    position: Mapped[int]
    hidden: Mapped[bool] = mapped_column(default=False)

    family: Mapped[Family] = relationship()
    prices: Mapped[list["AddOnPrice"]] = relationship(back_populates="add_on")


class AddOnPrice(Model):
    """A price version of an add-on, under the same rule as a plan's."""

    __tablename__ = "add_on_price"
    __table_args__ = (
        UniqueConstraint("add_on_id", "interval", "currency", "version"),
        partial_index(
            "uq_add_on_price_current",
            "add_on_id",
            "interval",
            "currency",
            where="retired_at IS NULL",
            unique=True,
        ),
        CheckConstraint("amount_minor >= 0", name="amount_not_negative"),
        one_of("interval", Interval),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    add_on_id: Mapped[int] = mapped_column(ForeignKey("add_on.id"))
    interval: Mapped[Interval] = mapped_column(Name(Interval))
    currency: Mapped[str] = mapped_column(String(3))
    amount_minor: Mapped[int] = mapped_column(MinorUnits)
    version: Mapped[int] = mapped_column(default=1)
    offered_at: Mapped[datetime] = mapped_column(Instant)
    retired_at: Mapped[datetime | None] = mapped_column(Instant)

    add_on: Mapped[AddOn] = relationship(back_populates="prices", lazy="joined")

    @property
    def money(self) -> Money:
        return Money(self.amount_minor, self.currency)
