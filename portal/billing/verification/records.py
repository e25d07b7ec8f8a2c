"""The audit trail, the outbox, billing details, the charging stop, gateway news, the price list."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.orm import Session

from portal.audit import chain_hash
from portal.billing.verification.outbox_rows import UNDONE, subjects
from portal.billing.verification.wrong import Wrong, account_name
from portal.models import (
    Account,
    AddOnPrice,
    AuditEntry,
    BillingDetails,
    ChargingStop,
    GatewayEvent,
    Notice,
    NoticeState,
    OutboxItem,
    OutboxState,
    Price,
    Work,
)

NO_HASH = "0" * 64


def audit_chain(session: Session) -> Iterator[Wrong]:
    """Every entry follows the one before it and hashes to what it says, up to the head."""
    statement = (
        select(Account, AuditEntry)
        .outerjoin(AuditEntry, AuditEntry.account_id == Account.id)
        .order_by(Account.id, AuditEntry.position)
        .execution_options(yield_per=500)
    )
    rows = session.execute(statement)
    for account, entries in groupby(rows, key=lambda row: row[0]):
        yield from _chain_of(account, (entry for _account, entry in entries if entry))


def outbox_alive(session: Session) -> Iterator[Wrong]:
    """No work was given up."""
    statement = (
        select(OutboxItem).where(OutboxItem.state == OutboxState.DEAD).order_by(OutboxItem.id)
    )
    for item in session.scalars(statement):
        found = f"given up after {item.attempts} attempts: {item.last_error}"
        yield Wrong(f"outbox item {item.id} ({item.work} {item.subject_id})", found, "done")


def notices_carried(session: Session) -> Iterator[Wrong]:
    """An email that waits has work that sends it; one that is settled says when."""
    carried = Notice.id.in_(subjects(Work.NOTICE, *UNDONE))
    waits = Notice.state == NoticeState.WAITING
    statement = (
        select(Notice.id, Notice.name, Notice.state)
        .where(or_(and_(waits, ~carried), waits == Notice.settled_at.is_not(None)))
        .order_by(Notice.id)
    )
    for notice_id, name, state in session.execute(statement):
        expected = "work that sends it, or when it was settled"
        yield Wrong(f"email {notice_id} ({name})", state, expected)


def billing_details(session: Session) -> Iterator[Wrong]:
    """It is known of every account to whom its invoices are made out."""
    known = exists().where(BillingDetails.account_id == Account.id)
    for account in session.scalars(select(Account).where(~known).order_by(Account.id)):
        name = account_name(account.name, account.public_id)
        yield Wrong(f"billing details of {name}", "none", "a company and its country")


def one_charging_stop(session: Session) -> Iterator[Wrong]:
    """Automatic charging was stopped once and not released, or runs."""
    statement = select(func.count(ChargingStop.id)).where(ChargingStop.released_at.is_(None))
    running = session.execute(statement).scalar_one()
    if running > 1:
        yield Wrong("stops of automatic charging", f"{running} not released", "one or none")


def events_applied(session: Session) -> Iterator[Wrong]:
    """News of a gateway that was not acted on yet has work that does."""
    carried = GatewayEvent.id.in_(subjects(Work.GATEWAY_EVENT, *UNDONE))
    statement = (
        select(GatewayEvent)
        .where(GatewayEvent.applied_at.is_(None), ~carried)
        .order_by(GatewayEvent.id)
    )
    for event in session.scalars(statement):
        subject = f"{event.gateway} event {event.event_id}"
        yield Wrong(subject, f"{event.kind}, not applied", "work that applies it")


def price_versions(session: Session) -> Iterator[Wrong]:
    """Versions of a price are 1 to N, and only the last can still be on sale."""
    for table, of in ((Price, Price.tier_id), (AddOnPrice, AddOnPrice.add_on_id)):
        key = (of, table.interval, table.currency)
        rows = select(
            table.id,
            table.version,
            table.retired_at,
            func.row_number().over(partition_by=key, order_by=table.version).label("place"),
            func.lead(table.id).over(partition_by=key, order_by=table.version).label("next"),
        ).subquery()
        replaced = and_(rows.c.next.is_not(None), rows.c.retired_at.is_(None))
        statement = select(rows).where(or_(rows.c.version != rows.c.place, replaced))
        for row in session.execute(statement.order_by(rows.c.id)):
            sale = "retired" if row.retired_at else "on sale"
            expected = f"version {row.place}" + (", retired" if row.next else "")
            subject = f"{table.__tablename__} {row.id}"
            yield Wrong(subject, f"version {row.version}, {sale}", expected)


def _chain_of(account: Account, entries: Iterable[AuditEntry]) -> Iterator[Wrong]:
    name = account_name(account.name, account.public_id)
    length, head = 0, NO_HASH
    for entry in entries:
        length += 1
        expected = (length, head, chain_hash(entry))
        if (entry.position, entry.previous_hash, entry.hash) != expected:
            yield Wrong(
                f"audit entry {entry.position} of {name}",
                f"position {entry.position}, after {entry.previous_hash[:12]}, {entry.hash[:12]}",
                f"position {length}, after {head[:12]}, {expected[2][:12]}",
            )
        length, head = entry.position, entry.hash
    if (account.audit_length, account.audit_head) != (length, head):
        found = f"{account.audit_length} entries up to {account.audit_head[:12]}"
        yield Wrong(f"audit trail of {name}", found, f"{length} up to {head[:12]}")
