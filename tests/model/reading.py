"""The picture of an account as the portal's rows say it, read in the plainest way there is."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.orm import Session

from tests.model.picture import Bill, Email, Excess, Picture, PlanPicture

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLAN = """
    SELECT f.key AS family, t.key AS tier, p.interval, p.amount_minor, {of}
    FROM {table} o JOIN price p ON p.id = o.{price}
    JOIN tier t ON t.id = p.tier_id JOIN family f ON f.id = t.family_id
    WHERE o.account_id = :account_id {which}
"""
SUBSCRIPTION = text(
    PLAN.format(
        of="o.id, o.status, o.cycle_start_at, o.cycle_end_at, o.cancelled_at",
        table="subscription",
        price="price_id",
        which="ORDER BY o.id DESC LIMIT 1",
    )
)
SCHEDULED = text(
    PLAN.format(
        of="o.to_add_ons",
        table="plan_change",
        price="to_price_id",
        which="AND o.state = 'scheduled'",
    )
)
ADD_ONS = text(
    "SELECT p.id, a.key, p.amount_minor FROM add_on_price p JOIN add_on a ON a.id = p.add_on_id"
)
HELD = text(
    "SELECT a.key, p.amount_minor, s.quantity, s.renewing FROM subscription_add_on s"
    " JOIN add_on_price p ON p.id = s.add_on_price_id JOIN add_on a ON a.id = p.add_on_id"
    " WHERE s.account_id = :account_id AND s.subscription_id = :subscription_id"
)
BALANCE = text(
    "SELECT sum(CASE WHEN credit = 'customer_credit' THEN amount_minor ELSE -amount_minor END)"
    " FROM ledger_transfer WHERE account_id = :account_id"
    " AND 'customer_credit' IN (credit, debit)"
)
INVOICES = text("SELECT * FROM invoice WHERE account_id = :account_id ORDER BY id")
LINES = text(
    "SELECT invoice_id, amount_minor, tax_minor FROM invoice_line WHERE account_id = :account_id"
)
PAID = text(
    "SELECT invoice_id, sum(amount_minor) FROM payment"
    " WHERE account_id = :account_id AND state = 'succeeded' GROUP BY invoice_id"
)
REFUNDED = text(
    "SELECT invoice_id, sum(to_method_minor) FROM credit_note"
    " WHERE account_id = :account_id GROUP BY invoice_id"
)
EPISODES = text("SELECT * FROM episode WHERE account_id = :account_id ORDER BY id")
WARNINGS = text(
    "SELECT w.*, f.key AS family, t.key AS tier, p.interval, p.amount_minor"
    " FROM episode_warning w LEFT JOIN price p ON p.id = w.target_price_id"
    " LEFT JOIN tier t ON t.id = p.tier_id LEFT JOIN family f ON f.id = t.family_id"
    " WHERE w.account_id = :account_id ORDER BY w.episode_id, w.number"
)


def picture(session: Session, account_id: int) -> Picture:
    """What the account's rows say."""

    def rows(statement: TextClause, **given: int) -> Sequence[Row[Any]]:
        return session.execute(statement, {"account_id": account_id, **given}).all()

    latest = next(iter(rows(SUBSCRIPTION)), None)
    running = latest if latest and latest.status != "ended" else None
    waiting = next(iter(rows(SCHEDULED)), None)
    held = rows(HELD, subscription_id=running.id) if running else ()
    episodes = rows(EPISODES)
    return Picture(
        plan=_plan(running) if running else None,
        add_ons=tuple(sorted(tuple(row) for row in held)),
        cycle=(_at(running.cycle_start_at), _at(running.cycle_end_at)) if running else None,
        status=latest.status if latest else "none",
        cancelled=running is not None and running.cancelled_at is not None,
        scheduled=(_plan(waiting), _add_ons(session, waiting)) if waiting else None,
        balance=int(rows(BALANCE)[0][0] or 0),
        bills=_bills(rows(INVOICES), rows(LINES), dict(rows(PAID)), dict(rows(REFUNDED))),
        episodes=_episodes(episodes, rows(WARNINGS) if episodes else ()),
    )


def _bills(
    invoices: Sequence[Row[Any]],
    lines: Sequence[Row[Any]],
    paid: Mapping[int, int],
    refunded: Mapping[int, int],
) -> tuple[Bill, ...]:
    lines_of: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for invoice_id, net, tax in lines:
        lines_of[invoice_id].append((net, tax))
    return tuple(
        Bill(
            lines=tuple(sorted(lines_of[row.id])),
            total=row.total_minor,
            surplus=row.surplus_minor,
            balance_used=row.balance_applied_minor,
            due=row.due_minor,
            status=row.status,
            owed=row.due_minor - row.credited_minor if row.status == "open" else 0,
            paid=int(paid.get(row.id, 0)),
            credited=row.credited_minor,
            refunded=int(refunded.get(row.id, 0)),
        )
        for row in invoices
    )


def _episodes(episodes: Sequence[Row[Any]], warnings: Sequence[Row[Any]]) -> tuple[Excess, ...]:
    return tuple(
        Excess(
            opened_at=_at(row.opened_at),
            used=row.used_at_opening,
            limit=row.limit_at_opening,
            state=row.state,
            closed_at=None if row.closed_at is None else _at(row.closed_at),
            emails=tuple(_email(w) for w in warnings if w.episode_id == row.id),
            retold=row.times_retold,
            anew=(_at(row.extended_to), row.extended_due_minor) if row.extended_to else None,
        )
        for row in episodes
    )


def _email(row: Row[Any]) -> Email:
    return Email(
        number=row.number,
        used=row.used,
        limit=row.limit_value,
        deadline=_at(row.deadline_at),
        target=None if row.target_price_id is None else _plan(row),
        due=row.due_minor,
        accepted_at=None if row.accepted_at is None else _at(row.accepted_at),
        refused=row.refused_at is not None,
    )


def _plan(row: Row[Any]) -> PlanPicture:
    return row.family, row.tier, row.interval, row.amount_minor


def _add_ons(session: Session, waiting: Row[Any]) -> tuple[tuple[str, int, int], ...]:
    chosen = waiting.to_add_ons
    if isinstance(chosen, str):
        chosen = json.loads(chosen)
    sold = {row.id: row for row in session.execute(ADD_ONS)} if chosen else {}
    return tuple(sorted((sold[id_].key, sold[id_].amount_minor, n) for id_, n in chosen))


def _at(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
