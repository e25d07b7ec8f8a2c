"""What is compared: a story that was told beforehand, and what then was written into the rows.

Numbers of documents and the ids in links are left out: they are given when a row is. So are line
breaks in emails, which move with them, and what people did to make the question come true.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, text

from portal.audit import operator
from portal.billing import ledger, subscriptions, usage
from portal.billing.gateways.sandbox import CARDS
from portal.display.account_history.kinds import Kind
from portal.display.account_history.words import ACTIONS
from portal.extensions import db
from portal.models import Account, AuditEntry, Invoice, Notice
from portal.simulation import Question, Story, foretell
from portal.simulation.story import Email, Happening, Standing
from tests.cast import Cast

OPERATOR = operator("the vendor")
NUMBER = re.compile(r"((?:INV|CN)-\d{4})-(?:\d{6}\b|…)\.?")
# Which file comes with an email is known once it is made.
HASH = re.compile(r"Its SHA-256:\s+[0-9a-f]{64}")
ID = re.compile(r"(?:episode-)?[0-9a-f]{32}")


@dataclass(frozen=True)
class Happened:
    """Emails, entries of the history, invoices and how the account stands, as plain values."""

    emails: list[tuple[Any, ...]]
    history: list[tuple[Any, ...]]
    invoices: list[tuple[Any, ...]]
    standing: tuple[Any, ...]


def simulate(
    account: Account,
    cast: Cast,
    *,
    days: float,
    question: Question = Question(),  # noqa: B008 - a frozen value
    card: str | None = None,
) -> Story:
    until = cast.clock.now() + timedelta(days=days)
    test_card = CARDS[card] if card else None
    return foretell(account.id, question, until, card=test_card, seconds=60, actor=OPERATOR)


def foretold(story: Story) -> Happened:
    done = [each for each in story.happenings if isinstance(each, Happening)]
    return Happened(
        emails=sorted(
            (each.at, each.name, each.recipient, _plain(each.subject), _plain(each.text))
            for each in story.happenings
            if isinstance(each, Email)
        ),
        history=[
            (each.at, each.action, _plain(each.title), _plain(each.detail))
            for each in done
            if each.kind is not Kind.PEOPLE
        ],
        invoices=[
            (
                each.at,
                [(line.description, _plain(line.explanation), line.amount) for line in bill.lines],
                *(bill.tax, bill.surplus, bill.total, bill.balance_applied, bill.due),
            )
            for each in done
            if (bill := each.invoice)
        ],
        standing=_as_told(story.after),
    )


@dataclass(frozen=True)
class Mark:
    """How far an account's rows go; `came` reads what follows."""

    account_id: int
    position: int
    notice_ids: frozenset[int]
    invoice_ids: frozenset[int]

    @classmethod
    def at(cls, account: Account) -> "Mark":
        return cls(
            account.id,
            account.audit_length,
            frozenset(db.session.scalars(select(Notice.id).where(Notice.settled_at.is_not(None)))),
            frozenset(db.session.scalars(select(Invoice.id))),
        )

    def came(self) -> Happened:
        db.session.rollback()
        account = db.session.get_one(Account, self.account_id)
        return Happened(
            emails=sorted(map(_notice, self._new(Notice, self.notice_ids))),
            history=[_entry(entry) for entry in self._entries()],
            invoices=[_invoice(invoice) for invoice in self._new(Invoice, self.invoice_ids)],
            standing=_as_it_is(account),
        )

    def _new(self, model: Any, known: frozenset[int]) -> Iterable[Any]:
        statement = select(model).where(model.account_id == self.account_id).order_by(model.id)
        return [row for row in db.session.scalars(statement) if row.id not in known]

    def _entries(self) -> list[AuditEntry]:
        statement = (
            select(AuditEntry)
            .where(AuditEntry.account_id == self.account_id, AuditEntry.position > self.position)
            .order_by(AuditEntry.position)
        )
        known = [entry for entry in db.session.scalars(statement) if entry.action in ACTIONS]
        return [entry for entry in known if ACTIONS[entry.action].kind is not Kind.PEOPLE]


def all_rows() -> dict[str, Any]:
    """Every row of every table, and where the database's own counters stand."""
    db.session.rollback()
    found: dict[str, Any] = {
        table.name: sorted(map(repr, db.session.execute(select(table))))
        for table in db.metadata.sorted_tables
    }
    if db.engine.dialect.name == "postgresql":
        names = text("SELECT schemaname || '.' || sequencename FROM pg_sequences ORDER BY 1")
        for name in db.session.scalars(names).all():
            counter = text(f"SELECT last_value, is_called FROM {name}")  # noqa: S608
            found[name] = tuple(db.session.execute(counter).one())
    db.session.rollback()
    return found


def _notice(notice: Notice) -> tuple[datetime | None, str, str, str, str]:
    subject, body = _plain(notice.subject), _plain(notice.body_text)
    return notice.settled_at, notice.name, notice.recipient, subject, body


def _entry(entry: AuditEntry) -> tuple[datetime, str, str, str]:
    title, detail, _tone = ACTIONS[entry.action].words(entry.details)
    return entry.at, entry.action, _plain(title), _plain(detail)


def _invoice(row: Invoice) -> tuple[Any, ...]:
    lines = [(line.description, _plain(line.explanation), line.money) for line in row.lines]
    sums = (row.tax_minor, row.surplus_minor, row.total_minor, row.balance_applied_minor)
    return row.issued_at, lines, *(row.money(minor) for minor in (*sums, row.due_minor))


def _as_told(standing: Standing) -> tuple[Any, ...]:
    levels = {metric: (level.used, level.limit) for metric, level in standing.levels.items()}
    return standing.plan, standing.cycle_ends_at, levels, standing.balance, standing.owed


def _as_it_is(account: Account) -> tuple[Any, ...]:
    session = db.session()
    running = subscriptions.live(session, account.id)
    return (
        running.price.plan_name if running else None,
        running.cycle_end_at if running else None,
        {
            metric: (row.used, row.limit_value)
            for metric, row in usage.of(session, account.id).items()
        },
        ledger.credit_balance(session, account),
        ledger.receivable(session, account),
    )


def _plain(written: str) -> str:
    without = ID.sub("id", NUMBER.sub(r"\1-…", HASH.sub("", written)))
    return " ".join(without.split())
