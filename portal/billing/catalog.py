"""Applying the vendor's catalog file: what is new is added, what changed gets a new version.

A price is never edited: a changed one retires the current version, so subscriptions keep what
they were sold. What the file no longer names is hidden from new purchases and stays on record.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.audit import SYSTEM
from portal.billing import accounts, overages, usage
from portal.billing.rules import catalog as rules
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric
from portal.billing.subscriptions import LIVE
from portal.models import (
    AddOn,
    AddOnPrice,
    CatalogRevision,
    Family,
    Price,
    Subscription,
    Tier,
    Vendor,
)


def apply(session: Session, catalog: rules.Catalog, text: str, *, now: datetime) -> list[str]:
    """Make the database say what the file says; returns what changed, as sentences.

    Applying the same file again changes nothing and returns an empty list.
    """
    application = _Application(session, now)
    application.vendor(catalog)
    application.families(catalog.families)
    if application.changes:
        digest = hashlib.sha256(text.encode()).hexdigest()
        session.add(CatalogRevision(sha256=digest, applied_at=now, text=text))
    return application.changes


@dataclass
class _Application:
    """One run over a catalog: compares, changes what differs, and says what it changed."""

    session: Session
    now: datetime
    changes: list[str] = field(default_factory=list)

    def vendor(self, catalog: rules.Catalog) -> None:
        row = self.session.get(Vendor, 1)
        if row is None:
            row = self.new(Vendor(id=1), f"The vendor is {catalog.vendor.name}.")
        self.set(
            row,
            "The vendor",
            name=catalog.vendor.name,
            email=catalog.vendor.email,
            address=list(catalog.vendor.address),
            country=catalog.vendor.country,
            tax_id=catalog.vendor.tax_id,
            policies={metric.value: str(policy) for metric, policy in catalog.policies.items()},
        )

    def families(self, families: Iterable[rules.Family]) -> None:
        known = {row.key: row for row in self.session.scalars(select(Family))}
        for family in families:
            row = known.pop(family.key, None)
            if row is None:
                row = self.new(Family(key=family.key, hidden=False), f"New family {family.name}.")
            self.set(
                row,
                family.name,
                name=family.name,
                position=family.position,
                features=list(family.features),
                hidden=False,
            )
            self.session.flush()
            self.tiers(row, family)
            self.add_ons(row, family)
        self.hide(known.values())

    def tiers(self, parent: Family, family: rules.Family) -> None:
        known = {row.key: row for row in parent.tiers}
        for tier in family.tiers:
            name = f"{family.name}, {tier.name}"
            row = known.pop(tier.key, None)
            if row is None:
                row = self.new(Tier(family=parent, key=tier.key), f"New plan {name}.")
            self.set(
                row,
                name,
                name=tier.name,
                position=tier.position,
                features=list(tier.features),
                hidden=False,
            )
            self.limits(row, tier, name)
            self.session.flush()
            current = self.session.scalars(
                select(Price).where(Price.tier_id == row.id, Price.retired_at.is_(None))
            )
            self.prices(name, tier.prices, current, Price, tier_id=row.id)
        self.hide(known.values())

    def limits(self, row: Tier, tier: rules.Tier, name: str) -> None:
        """Set the limits, on the plan and for every account that has it now."""
        before = row.limits
        self.set(
            row,
            name,
            seats=tier.limits[Metric.SEATS],
            clients=tier.limits[Metric.CLIENTS],
            storage_bytes=tier.limits[Metric.STORAGE],
        )
        if row.id is None or row.limits == before:
            return
        on_it = (
            select(Subscription.account_id)
            .where(
                Subscription.status.in_(LIVE),
                Subscription.price_id.in_(select(Price.id).where(Price.tier_id == row.id)),
            )
            .order_by(Subscription.account_id)
        )
        for account_id in self.session.scalars(on_it).all():
            self.limit(account_id, row.limits)

    def limit(self, account_id: int, limits: Mapping[Metric, int | None]) -> None:
        """Give an account these limits; where it is within them again, its episode is over."""
        account = accounts.lock(self.session, account_id)
        usage.set_limits(self.session, account_id, limits)
        for metric in Metric:
            overages.count_changed(self.session, account, metric, 0, now=self.now, actor=SYSTEM)

    def add_ons(self, parent: Family, family: rules.Family) -> None:
        rows = self.session.scalars(select(AddOn).where(AddOn.family_id == parent.id))
        known = {row.key: row for row in rows}
        for add_on in family.add_ons:
            name = f"{family.name}, {add_on.name}"
            row = known.pop(add_on.key, None)
            if row is None:
                row = self.new(AddOn(family=parent, key=add_on.key), f"New add-on {name}.")
            self.set(
                row,
                name,
                name=add_on.name,
                position=add_on.position,
                metric=add_on.metric,
                quantity=add_on.quantity,
                hidden=False,
            )
            self.session.flush()
            current = self.session.scalars(
                select(AddOnPrice).where(
                    AddOnPrice.add_on_id == row.id, AddOnPrice.retired_at.is_(None)
                )
            )
            self.prices(name, add_on.prices, current, AddOnPrice, add_on_id=row.id)
        self.hide(known.values())

    def prices(
        self,
        name: str,
        said: Iterable[rules.Price],
        current: Iterable[Any],
        table: type[Price] | type[AddOnPrice],
        **of: int,
    ) -> None:
        """Add a version where the amount differs; retire what is no longer offered."""
        known = {(row.interval, row.currency): row for row in current}
        for price in said:
            row = known.pop((price.interval, price.money.currency), None)
            if row is not None and row.amount_minor == price.money.amount:
                continue
            version = self.retire(row) + 1
            self.new(
                table(
                    interval=price.interval,
                    currency=price.money.currency,
                    amount_minor=price.money.amount,
                    version=version,
                    offered_at=self.now,
                    **of,
                ),
                f"{name}, {price.interval}: {describe.money(price.money)}, version {version}.",
            )
        for gone in known.values():
            self.retire(gone)
            self.changes.append(f"{name}, {gone.interval}: no longer sold in {gone.currency}.")

    def retire(self, row: Any) -> int:
        """Stop selling a version; returns its number, 0 where there is none."""
        if row is None:
            return 0
        row.retired_at = self.now
        self.session.flush()
        return int(row.version)

    def hide(self, rows: Iterable[Family] | Iterable[Tier] | Iterable[AddOn]) -> None:
        for row in rows:
            self.set(row, row.name, hidden=True)

    def new(self, row: Any, change: str) -> Any:
        self.session.add(row)
        self.changes.append(change)
        return row

    def set(self, row: Any, label: str, /, **values: Any) -> None:
        """Set what differs. What a new row starts with is no change worth telling."""
        is_new = row in self.session.new
        for column, value in values.items():
            before = getattr(row, column)
            if before == value:
                continue
            setattr(row, column, value)
            if not is_new:
                self.changes.append(f"{label}: {column} is {value!r}, was {before!r}.")
