"""Commands on the client list. Each changes rows and count in one step, however many they are.

All are set-based: what is chosen is a condition, the change of the count is worked out from the
same condition under the account's lock, and one UPDATE carries it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func
from sqlalchemy.orm import Session

from portal import audit
from portal.audit import Actor
from portal.billing import foresight, overages, statuses, usage
from portal.billing.client_changes import Change, Done
from portal.billing.client_list import UNDO_FOR, ClientFilter, where
from portal.billing.rules.client_details import ClientDetails
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.roles import Role
from portal.billing.statuses import CLIENT, SUSPENDED
from portal.models import Account, Client, ClientStatus


class GoesOver(RuleBroken):
    """What was asked takes the account over a limit, and nobody has agreed to that.

    The text says what the count becomes and what that starts. Asking again with `accepted=after`,
    the count of clients that it leads to, does it, unless it `is_refused` whoever agrees.
    """

    def __init__(self, after: int, sentence: str, *, is_refused: bool = False) -> None:
        super().__init__(sentence)
        self.after, self.is_refused = after, is_refused

    @property
    def status(self) -> int:
        """Of the page that shows it: a question, or what can't be done."""
        return 422 if self.is_refused else 409


@dataclass(frozen=True)
class Selection:
    """Which clients a command is about: chosen ones, all of a list, or all changed at an instant.

    `changed_at` names what one earlier command did, so that it can be undone.
    """

    public_ids: tuple[str, ...] = ()
    matching: ClientFilter | None = None
    changed_at: datetime | None = None

    def conditions(
        self, account: Account, known: Sequence[ClientStatus]
    ) -> list[ColumnElement[bool]]:
        if self.matching is not None:
            return where(account.id, self.matching, known)
        if self.changed_at is not None:
            return [Client.account_id == account.id, Client.updated_at == self.changed_at]
        return [Client.account_id == account.id, Client.public_id.in_(self.public_ids)]


def add(
    session: Session,
    account: Account,
    details: ClientDetails,
    status: ClientStatus,
    *,
    accepted: int | None = None,
    now: datetime,
    actor: Actor,
) -> Client:
    """A new client. Raises GoesOver."""
    warn_before_over(session, account, int(status.is_counted), accepted, now=now, actor=actor)
    client = Client(
        account_id=account.id, status_id=status.id, created_at=now, updated_at=now, **kept(details)
    )
    session.add(client)
    session.flush()
    _count(session, account, int(status.is_counted), now, actor)
    facts = {"client": client.public_id, "name": client.name, "status": status.name}
    audit.record(session, account, "client.added", at=now, actor=actor, **facts)
    return client


def edit(
    session: Session,
    account: Account,
    client: Client,
    details: ClientDetails,
    status: ClientStatus,
    *,
    accepted: int | None = None,
    now: datetime,
    actor: Actor,
) -> None:
    """Other details or another status for a client. Raises GoesOver."""
    before = session.get_one(ClientStatus, client.status_id)
    change = 0 if client.deleted_at else int(status.is_counted) - int(before.is_counted)
    warn_before_over(session, account, change, accepted, now=now, actor=actor)
    new = {**kept(details), "status_id": status.id}
    changed = sorted(name for name, value in new.items() if getattr(client, name) != value)
    if not changed:
        return
    if status.id != before.id:
        client.suspended_from_id = before.id if status.built_in == SUSPENDED else None
    for name, value in new.items():
        setattr(client, name, value)
    client.updated_at = now
    session.flush()
    _count(session, account, change, now, actor)
    facts = {"client": client.public_id, "name": client.name, "status": status.name}
    audit.record(session, account, "client.edited", at=now, actor=actor, changed=changed, **facts)


def suspend(
    session: Session, account: Account, chosen: Selection, *, now: datetime, actor: Actor
) -> Done:
    """Suspend what is chosen; each remembers the status it had."""
    known = statuses.of(session, account.id)
    suspended = statuses.built_in(known, SUSPENDED)
    rows = [*_present(chosen, account, known), Client.status_id != suspended.id]
    change = Change(session, account, rows, known, now=now, actor=actor)
    return change.carry_out(
        "client.suspended",
        {"status_id": suspended.id, "suspended_from_id": Client.status_id},
        -change.counted,
    )


def bring_back(
    session: Session,
    account: Account,
    chosen: Selection,
    *,
    accepted: int | None = None,
    now: datetime,
    actor: Actor,
) -> Done:
    """Give suspended clients the status they had, Client where none is known. Raises GoesOver."""
    known = statuses.of(session, account.id)
    suspended, client = (statuses.built_in(known, key) for key in (SUSPENDED, CLIENT))
    rows = [*_present(chosen, account, known), Client.status_id == suspended.id]
    former = func.coalesce(Client.suspended_from_id, client.id)
    change = Change(session, account, rows, known, status_id=former, now=now, actor=actor)
    warn_before_over(session, account, change.counted, accepted, now=now, actor=actor)
    values = {"status_id": former, "suspended_from_id": None}
    return change.carry_out("client.brought_back", values, change.counted)


def set_status(
    session: Session,
    account: Account,
    chosen: Selection,
    status: ClientStatus,
    *,
    accepted: int | None = None,
    now: datetime,
    actor: Actor,
) -> Done:
    """One status for all that is chosen. Raises GoesOver."""
    known = statuses.of(session, account.id)
    if status.built_in == SUSPENDED:
        return suspend(session, account, chosen, now=now, actor=actor)
    rows = [*_present(chosen, account, known), Client.status_id != status.id]
    change = Change(session, account, rows, known, now=now, actor=actor)
    more = int(status.is_counted) * change.clients - change.counted
    warn_before_over(session, account, more, accepted, now=now, actor=actor)
    values = {"status_id": status.id, "suspended_from_id": None}
    return change.carry_out("client.status_set", values, more, status=status.name)


def delete(
    session: Session, account: Account, chosen: Selection, *, now: datetime, actor: Actor
) -> Done:
    """Delete what is chosen: uncounted from now on, its documents too, and for 30 days it can be
    undone."""
    known = statuses.of(session, account.id)
    rows = _present(chosen, account, known)
    change = Change(session, account, rows, known, now=now, actor=actor)
    values = {"deleted_at": now, "deleted_by_id": actor.user_id}
    fewer, stored = change.counted, change.stored()
    return change.carry_out("client.deleted", values, -fewer, storage_change=-stored)


def restore(
    session: Session,
    account: Account,
    chosen: Selection,
    *,
    accepted: int | None = None,
    now: datetime,
    actor: Actor,
) -> Done:
    """Undo the deletion of what is chosen, where that is not 30 days ago; documents come back
    with their clients. Raises GoesOver."""
    known = statuses.of(session, account.id)
    rows = [*chosen.conditions(account, known), Client.deleted_at > now - UNDO_FOR]
    change = Change(session, account, rows, known, now=now, actor=actor)
    more, stored = change.counted, change.stored()
    warn_before_over(session, account, more, accepted, stored=stored, now=now, actor=actor)
    values = {"deleted_at": None, "deleted_by_id": None}
    return change.carry_out("client.restored", values, more, storage_change=stored)


def warn_before_over(
    session: Session,
    account: Account,
    change: int,
    accepted: int | None,
    *,
    stored: int = 0,
    now: datetime,
    actor: Actor,
) -> None:
    """Raise GoesOver where `change` more clients, or `stored` more bytes with them, go over a
    limit and no such count of clients was accepted, or nothing beyond it can be had."""
    reader = Role(actor.role) if actor.role else Role.ADMIN
    foreseen = {
        metric: foresight.foretell(session, account, metric, more, now=now, reader=reader)
        for metric, more in ((Metric.CLIENTS, change), (Metric.STORAGE, stored))
        if more > 0
    }
    over = {metric: told for metric, told in foreseen.items() if told}
    if not over:
        return
    after = usage.of(session, account.id)[Metric.CLIENTS].used + change
    is_refused = any(overages.refusal(session, account, metric) for metric in over)
    if is_refused or accepted is None or after > accepted:
        raise GoesOver(after, " ".join(over.values()), is_refused=is_refused)


def kept(details: ClientDetails) -> dict[str, str]:
    """The columns that hold a client's details."""
    return {
        "name": details.name,
        "email": details.email,
        "phone": details.phone,
        "note": details.note,
        "sort_key": details.sort_key,
        "search_text": details.search_text,
    }


def _present(
    chosen: Selection, account: Account, known: Sequence[ClientStatus]
) -> list[ColumnElement[bool]]:
    return [*chosen.conditions(account, known), Client.deleted_at.is_(None)]


def _count(session: Session, account: Account, change: int, now: datetime, actor: Actor) -> None:
    if change:
        overages.count_changed(session, account, Metric.CLIENTS, change, now=now, actor=actor)
