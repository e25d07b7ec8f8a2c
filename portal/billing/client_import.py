"""Bringing clients in from a file: first what it would do, then the same in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import cache, partial
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from portal import audit
from portal.audit import Actor
from portal.billing import overages, statuses, usage
from portal.billing.clients import kept, warn_before_over
from portal.billing.rules.client_details import same_client
from portal.billing.rules.client_file import ClientFile, FileClient, Problem
from portal.billing.rules.counting import Metric, left
from portal.billing.rules.errors import RuleBroken
from portal.language import gettext as _
from portal.models import Account, Client, ClientStatus, Operation

ACTION = "clients.imported"
LEAD = "lead"


class Beyond(StrEnum):
    """What becomes of clients that would go over the limit."""

    AS_WRITTEN = "as_written"
    AS_LEADS = "as_leads"


class OtherImport(RuleBroken):
    """This confirmation was used for another file or another choice."""

    def __init__(self) -> None:
        super().__init__(_("This import was confirmed already, in another way. Nothing was added."))


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A line whose client is there already: in the list, or on line `same_as` of the file."""

    line: int
    name: str
    same_as: int | None


@dataclass(frozen=True, slots=True)
class NewClient:
    line: FileClient
    status: ClientStatus


@dataclass(frozen=True)
class ImportPlan:
    """What a file would do now; nothing is written. `used` and `limit` are today's."""

    new: tuple[NewClient, ...]
    duplicates: tuple[Duplicate, ...]
    problems: tuple[Problem, ...]
    used: int
    limit: int | None

    @property
    def counted(self) -> int:
        return sum(client.status.is_counted for client in self.new)

    @property
    def after(self) -> int:
        """What the client count becomes."""
        return self.used + self.counted

    @property
    def goes_over(self) -> bool:
        return self.counted > 0 and self.limit is not None and self.after > self.limit

    @property
    def room(self) -> int:
        """How many of the counted ones still fit."""
        free = left(self.used, self.limit)
        return self.counted if free is None else min(free, self.counted)


def plan(session: Session, account_id: int, file: ClientFile) -> ImportPlan:
    """What bringing `file` in would do: who is new, who is there already, what is wrong."""
    known = statuses.of(session, account_id)
    # One file says the same few names again and again.
    by_name = cache(partial(statuses.by_name, known))
    usual = statuses.built_in(known, statuses.CLIENT)
    there = _likenesses(session, account_id)
    seen: dict[str, int] = {}
    new: list[NewClient] = []
    duplicates: list[Duplicate] = []
    problems = list(file.problems)
    for line in file.clients:
        status = by_name(line.status) if line.status else usual
        likeness = same_client(line.details.name, line.details.email)
        if status is None:
            problems.append(Problem(line.line, _unknown_status(line.status)))
        elif likeness in there or likeness in seen:
            duplicates.append(Duplicate(line.line, line.details.name, seen.get(likeness)))
        else:
            seen[likeness] = line.line
            new.append(NewClient(line, status))
    problems.sort(key=lambda problem: problem.line)
    row = usage.of(session, account_id)[Metric.CLIENTS]
    return ImportPlan(tuple(new), tuple(duplicates), tuple(problems), row.used, row.limit_value)


def rest_as_leads(session: Session, account_id: int, planned: ImportPlan) -> ImportPlan:
    """The same, with counted clients beyond the limit as leads; the first ones stay as written."""
    lead = statuses.built_in(statuses.of(session, account_id), LEAD)
    return replace(planned, new=tuple(_beyond_as(lead, planned.new, planned.room)))


def carry_out(
    session: Session,
    account: Account,
    file: ClientFile,
    beyond: Beyond,
    *,
    op_id: str,
    accepted: int | None,
    now: datetime,
    actor: Actor,
) -> Operation:
    """Add the clients of `file`; the account is locked. Asked again with the same `op_id`, the
    first result is returned and nothing is added.

    Raises GoesOver where the count becomes more than was accepted, OtherImport where the op id
    belongs to something else.
    """
    parameters = _digest(file, beyond)
    done = find(session, account.id, op_id)
    if done is not None:
        if done.params_sha256 != parameters:
            raise OtherImport
        return done
    planned = plan(session, account.id, file)
    if beyond is Beyond.AS_LEADS:
        planned = rest_as_leads(session, account.id, planned)
    warn_before_over(session, account, planned.counted, accepted, now=now, actor=actor)
    operation = Operation(
        account_id=account.id,
        op_id=op_id,
        action=ACTION,
        params_sha256=parameters,
        user_id=actor.user_id,
        done_at=now,
        result=_result(planned),
    )
    session.add(operation)
    _add(session, account, planned, now=now, actor=actor)
    audit.record(session, account, ACTION, at=now, actor=actor, op_id=op_id, **operation.result)
    return operation


def find(session: Session, account_id: int, op_id: str) -> Operation | None:
    """The import that was confirmed with `op_id`."""
    return session.scalars(
        select(Operation).where(
            Operation.account_id == account_id,
            Operation.op_id == op_id,
            Operation.action == ACTION,
        )
    ).one_or_none()


def _likenesses(session: Session, account_id: int) -> set[str]:
    """Name and email of every client that is there, as `same_client` folds them."""
    statement = select(Client.name, Client.email).where(
        Client.account_id == account_id, Client.deleted_at.is_(None)
    )
    return {same_client(name, email) for name, email in session.execute(statement)}


def _unknown_status(written: str) -> str:
    return _(
        "There is no status “%(name)s”. Add it under Statuses first, or leave it empty.",
        name=written[:60],
    )


def _beyond_as(lead: ClientStatus, new: Sequence[NewClient], room: int) -> Iterable[NewClient]:
    for client in new:
        if client.status.is_counted and room <= 0:
            yield NewClient(client.line, lead)
            continue
        room -= client.status.is_counted
        yield client


def _add(
    session: Session, account: Account, planned: ImportPlan, *, now: datetime, actor: Actor
) -> None:
    """All new clients by one statement, and the count with them."""
    rows: list[dict[str, Any]] = [
        {
            "account_id": account.id,
            "status_id": client.status.id,
            "created_at": now,
            "updated_at": now,
            **kept(client.line.details),
        }
        for client in planned.new
    ]
    if rows:
        session.execute(insert(Client), rows)
    if planned.counted:
        overages.count_changed(
            session, account, Metric.CLIENTS, planned.counted, now=now, actor=actor
        )


def _result(planned: ImportPlan) -> dict[str, int]:
    return {
        "added": len(planned.new),
        "counted": planned.counted,
        "duplicates": len(planned.duplicates),
        "problems": len(planned.problems),
        "after": planned.after,
    }


def _digest(file: ClientFile, beyond: Beyond) -> str:
    digest = hashlib.sha256(beyond.value.encode())
    for client in file.clients:
        digest.update(repr((client.line, client.details, client.status)).encode())
    return digest.hexdigest()
