"""Files about invoices that somebody asked for: from the wish to the day they are kept no longer.

The rows only. The worker makes the files (`portal.papers.handing_out`), with no transaction open.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from portal import outbox
from portal.audit import Actor, record
from portal.billing.rules import describe
from portal.billing.rules.errors import RuleBroken
from portal.language import gettext as _
from portal.models import Account, ExportKind, ExportState, InvoiceExport, Work

PAPERS_AT_MOST = 500
KEPT_AT_MOST = 20
KEPT_FOR = timedelta(days=7)
TITLE_LENGTH = 120
THERE = (ExportState.WAITING, ExportState.READY)


class ExportRefused(RuleBroken):
    """A file that isn't made; `str()` says why and what to do."""


@dataclass(frozen=True)
class Wish:
    """An archive of these papers, or a statement of the time from `since_at` and before
    `before_at`."""

    kind: ExportKind
    title: str
    numbers: Sequence[str] = ()
    since_at: datetime | None = None
    before_at: datetime | None = None


@dataclass(frozen=True)
class Made:
    """A file in the store: under which key, how large, its sha256 in hex, and the numbers of papers
    that are not in it."""

    stored_as: str
    size_bytes: int
    sha256: str
    left_out: tuple[str, ...] = ()


def ask(
    session: Session, account: Account, wish: Wish, op_id: str, *, now: datetime, actor: Actor
) -> InvoiceExport:
    """Have a file made; the account must be locked. The same wish said twice is one.

    Raises ExportRefused where there is nothing to put in it, too much, or too many files are kept.
    """
    once = _once(op_id, wish)
    asked_before = session.scalars(
        select(InvoiceExport).where(
            InvoiceExport.account_id == account.id, InvoiceExport.op_id == once
        )
    ).one_or_none()
    if asked_before is not None:
        return asked_before
    _check(session, account, wish)
    export = InvoiceExport(
        account_id=account.id,
        op_id=once,
        requested_by_id=actor.user_id,
        requested_at=now,
        kind=wish.kind,
        title=wish.title[:TITLE_LENGTH],
        numbers=list(wish.numbers),
        since_at=wish.since_at,
        before_at=wish.before_at,
    )
    session.add(export)
    session.flush()
    outbox.put(session, Work.INVOICE_EXPORT, export.id, account_id=account.id, at=now)
    facts = {"title": export.title, "papers": len(export.numbers)}
    record(session, account, "invoice_file.asked", at=now, actor=actor, **facts)
    return export


def kept(session: Session, account: Account) -> list[InvoiceExport]:
    """The account's files, also those that could not be made, newest first; removed ones not."""
    statement = (
        select(InvoiceExport)
        .where(InvoiceExport.account_id == account.id, InvoiceExport.state != ExportState.REMOVED)
        .order_by(InvoiceExport.id.desc())
    )
    return list(session.scalars(statement))


def waiting(session: Session, export_id: int) -> InvoiceExport | None:
    """The row of a file that is still to be made; None where it is not, or not any more."""
    export = session.get(InvoiceExport, export_id, populate_existing=True)
    return export if export and export.state is ExportState.WAITING else None


def ready(export: InvoiceExport, made: Made, *, now: datetime) -> None:
    """The file is there, for some days."""
    export.state = ExportState.READY
    export.made_of = len(export.numbers)
    export.left_out = list(made.left_out)
    export.stored_as, export.sha256 = made.stored_as, made.sha256
    export.size_bytes = made.size_bytes
    export.ready_at, export.expires_at = now, now + KEPT_FOR


def failed(session: Session, export_id: int, *, now: datetime) -> None:
    """It was tried often enough; it is shown for as long as a file would be kept."""
    export = waiting(session, export_id)
    if export is not None:
        export.state, export.expires_at = ExportState.FAILED, now + KEPT_FOR


def removed(export: InvoiceExport) -> str | None:
    """From now on nobody gets it; returns the key of its bytes, None where there are none."""
    key = export.stored_as if export.state is ExportState.READY else None
    export.state, export.size_bytes = ExportState.REMOVED, None
    return key


def expired(session: Session, *, now: datetime) -> list[int]:
    """Ids of those that were kept long enough."""
    statement = select(InvoiceExport.id).where(
        InvoiceExport.expires_at <= now, InvoiceExport.state != ExportState.REMOVED
    )
    return list(session.scalars(statement))


def unknown_keys(session: Session, keys: Sequence[str]) -> set[str]:
    """Those of the keys under which no file is kept."""
    named = select(InvoiceExport.stored_as).where(
        InvoiceExport.stored_as.in_(keys), InvoiceExport.state == ExportState.READY
    )
    return set(keys) - set(session.scalars(named))


def _once(op_id: str, wish: Wish) -> str:
    """One form sent twice is one wish; two wishes by the buttons of one page are two."""
    times = [each.isoformat() if each else "" for each in (wish.since_at, wish.before_at)]
    said = json.dumps([op_id, wish.kind, *times, *wish.numbers])
    return hashlib.sha256(said.encode()).hexdigest()


def _check(session: Session, account: Account, wish: Wish) -> None:
    if wish.kind is ExportKind.ARCHIVE and not wish.numbers:
        raise ExportRefused(_("Choose at least one invoice or credit note."))
    if len(wish.numbers) > PAPERS_AT_MOST:
        raise ExportRefused(
            _(
                "One file holds up to %(most)s invoices and credit notes, and these are %(num)s."
                " Ask for one year after the other, or choose fewer.",
                most=describe.number(PAPERS_AT_MOST),
                num=describe.number(len(wish.numbers)),
            )
        )
    statement = select(func.count()).where(
        InvoiceExport.account_id == account.id, InvoiceExport.state.in_(THERE)
    )
    if session.execute(statement).scalar_one() >= KEPT_AT_MOST:
        raise ExportRefused(
            _(
                "%(num)s files are kept already. Remove one under Downloads, then ask again.",
                num=KEPT_AT_MOST,
            )
        )
