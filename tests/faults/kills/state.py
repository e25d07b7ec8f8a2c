"""What the portal's rows say, in a form in which two runs can be compared.

All business tables, column by column. What is drawn at random, or is only a row's own number, is
left out; a reference to a row is told by what that row is called.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Column, Table, select
from sqlalchemy.orm import Session

from portal.extensions import db
from portal.models import Account, Payment, Refund

TABLES = (
    "account", "billing_details", "user_", "membership", "payment_method",
    "subscription", "subscription_add_on", "plan_change", "episode", "episode_warning",
    "invoice_series", "invoice", "invoice_line", "invoice_document",
    "credit_note", "credit_note_line", "credit_note_document", "refund",
    "payment", "sandbox_charge", "sandbox_refund", "ledger_transfer",
    "usage", "usage_day", "climb_alert", "seat_consent", "taken_back", "document",
    "audit_entry", "operation", "notice", "outbox", "charging_stop",
)  # fmt: skip
UNTOLD = {
    "id", "public_id", "op_id", "password_hash", "idempotency_key", "charge_key",
    "gateway_reference", "quote_sha256", "params_sha256", "invoice_draft", "result",
    "sha256", "size_bytes", "ubl_size_bytes", "audit_head", "hash", "previous_hash", "position",
    "actor", "details",
    "dedupe_key", "subject_id", "attempts", "lease_owner", "last_error", "evidence", "next_step_at",
    "body_text", "body_html", "calendar",
}  # fmt: skip
# Told only whether it is there: what is in a file depends on the numbers of others.
WHETHER = {"ubl_sha256", "enclosed_sha256"}
# What a row is called where another refers to it; rows of other tables go by the reference alone.
CALLED = {
    "account": "name",
    "user_": "email",
    "invoice": "number_text",
    "credit_note": "number_text",
    "plan_change": "reason",
    "payment": "created_at",
    "subscription": "started_at",
    "invoice_line": "description",
    "payment_method": "label",
    "episode": "metric",
}
# The catalog is the same in all runs, row numbers and all.
SAME = {"price", "add_on_price", "tier", "family"}
NUMBER = re.compile(r"\d+")
DOCUMENT = re.compile(r"\b(INV|CN)-\d{4}-\d{6}\b")
HOUR = re.compile(r" \d\d:\d\d:\d\d(\.\d+)?\+00:00")
EMAIL = re.compile(r"-\d+@")
State = dict[str, Counter[str]]


def read(session: Session) -> State:
    """Every row of TABLES, as text, by table."""
    state: State = {name: Counter() for name in TABLES}
    for table, _, row in _rows(session):
        state[table][json.dumps(row, default=str)] += 1
    return state


def by_account(session: Session) -> dict[str, State]:
    """The same for each account by its name, told so that two accounts can be compared.

    Names, emails and document numbers are those of nobody in particular, numbers in their order.
    """
    found: dict[str, State] = {}
    numbers: dict[str, dict[str, str]] = {}
    for table, account, row in _rows(session):
        if account is not None:
            state = found.setdefault(account, {name: Counter() for name in TABLES})
            state[table][_told_of_nobody(row, account, numbers.setdefault(account, {}))] += 1
    return found


def without_hours(state: State) -> State:
    """The same, to the day."""
    days: State = {name: Counter() for name in state}
    for table, rows in state.items():
        for row, count in rows.items():
            days[table][HOUR.sub("", row)] += count
    return days


def differences(expected: State, found: State) -> list[str]:
    """Each row that is missing or too much."""
    told = []
    for table, rows in expected.items():
        told += _each(f"missing in {table}", (rows - found[table]).elements())
        told += _each(f"too much in {table}", (found[table] - rows).elements())
    return told


def _each(what: str, rows: Iterable[str]) -> list[str]:
    return [f"{what}: {row}" for row in rows]


def _rows(session: Session) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    """Table, account by its name where it has one, and what is told of each row."""
    tables = [db.metadata.tables[name] for name in TABLES]
    called = {table.name: _called(session, table) for table in tables if table.name in CALLED}
    owners = _owners(session)
    for table in tables:
        for row in session.execute(select(table).order_by(*table.primary_key)).mappings():
            told = _told(table, row, called)
            if table.name == "account":
                yield table.name, row["name"], told
            elif table.name in ("sandbox_charge", "sandbox_refund"):
                yield table.name, owners.get(row["idempotency_key"]), told
            else:
                yield table.name, told.get("account_id"), told


def _owners(session: Session) -> dict[str, str]:
    """Whose money the gateway knows by which key."""
    owners: dict[str, str] = {}
    for table in (Payment, Refund):
        statement = select(table.idempotency_key, Account.name).join(
            Account, Account.id == table.account_id
        )
        owners |= {row[0]: row[1] for row in session.execute(statement)}
    return owners


def _told_of_nobody(row: dict[str, Any], account: str, known: dict[str, str]) -> str:
    """The row as text, with documents by their place among the account's own."""
    if "number_text" in row:
        del row["number"]

    def nth(number: re.Match[str]) -> str:
        return known.setdefault(number[0], f"{number[1]} {len(known) + 1}")

    told = json.dumps(row, default=str).replace(account, "the account")
    return EMAIL.sub("@", DOCUMENT.sub(nth, told))


def _called(session: Session, table: Table) -> dict[int, str]:
    statement = select(table.c.id, table.c[CALLED[table.name]])
    return {row[0]: str(row[1]) for row in session.execute(statement)}


def _told(table: Table, row: Any, called: dict[str, dict[int, str]]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for column in table.columns:
        if column.name in UNTOLD:
            continue
        value, target = row[column.name], _target(column)
        if column.name in WHETHER:
            told[column.name] = value is not None
        elif column.name == "event":
            told["event"] = NUMBER.sub("#", value)
        elif value is None or target is None or target in SAME:
            told[column.name] = value
        elif target in called:
            told[column.name] = called[target][value]
    return told


def _target(column: Column[Any]) -> str | None:
    """The table whose row number a column holds."""
    targets = [key.column for key in column.foreign_keys if key.column.name == "id"]
    return targets[0].table.name if targets else None
