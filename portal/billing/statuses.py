"""The statuses of an account's clients: five fixed ones, and those it adds itself.

A status an account adds always counts; that is what keeps the count from being renamed away.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from portal import audit
from portal.audit import Actor
from portal.billing import overages
from portal.billing.rules import describe, text
from portal.billing.rules.counting import (
    Metric,
    built_in_names,
    shadows_built_in,
    status_name_key,
)
from portal.billing.rules.errors import RuleBroken
from portal.language import gettext as _
from portal.language import message
from portal.models import Account, Client, ClientStatus

CLIENT = "client"
SUSPENDED = "suspended"
NAME_LENGTH = 60
CUSTOM_AT_MOST = 40
# Names of the style sheet's tones. Those that no fixed status has come first.
COLOURS = (
    *(message("teal"), message("orange"), message("lime"), message("pink"), message("rose")),
    *(message("green"), message("blue"), message("violet"), message("amber"), message("slate")),
)


class StatusRefused(RuleBroken):
    """A status can't be made, named or removed like this; `str()` says why."""


class DestinationNeeded(StatusRefused):
    """Clients have the status that was to be deleted, and no other was named for them."""

    def __init__(self, clients: int) -> None:
        super().__init__(
            describe.counted(
                clients,
                "%(num)s client has this status. Choose the status to move to.",
                "%(num)s clients have this status. Choose the status to move to.",
            )
        )
        self.clients = clients


def of(session: Session, account_id: int) -> list[ClientStatus]:
    """The account's statuses in their order: the fixed ones first."""
    statement = (
        select(ClientStatus)
        .where(ClientStatus.account_id == account_id)
        .order_by(ClientStatus.position, ClientStatus.id)
    )
    return list(session.scalars(statement))


def built_in(known: Sequence[ClientStatus], key: str) -> ClientStatus:
    """The fixed status of that key among an account's statuses."""
    return next(status for status in known if status.built_in == key)


def by_name(known: Sequence[ClientStatus], written: str) -> ClientStatus | None:
    """The status of that name, however it is spelt; a fixed one by any of its names."""
    key = status_name_key(written)
    return next((status for status in known if key in _keys_of(status)), None)


def add(
    session: Session, account: Account, name: str, *, now: datetime, actor: Actor
) -> ClientStatus:
    """A new status of the account's own; its clients count. Raises StatusRefused."""
    known = of(session, account.id)
    if sum(status.built_in is None for status in known) >= CUSTOM_AT_MOST:
        raise StatusRefused(
            _("An account can have %(most)s statuses of its own.", most=CUSTOM_AT_MOST)
        )
    name = _checked(name, known)
    status = ClientStatus(
        account_id=account.id,
        name=name,
        name_key=status_name_key(name),
        position=known[-1].position + 1,
        colour=_free_colour(known),
    )
    session.add(status)
    session.flush()
    audit.record(session, account, "status.added", at=now, actor=actor, name=name)
    return status


def rename(
    session: Session,
    account: Account,
    status: ClientStatus,
    name: str,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    """Another name for one of the account's own statuses. Raises StatusRefused."""
    _refuse_built_in(status)
    others = [other for other in of(session, account.id) if other.id != status.id]
    before, name = status.name, _checked(name, others)
    if name == before:
        return
    status.name, status.name_key = name, status_name_key(name)
    audit.record(session, account, "status.renamed", at=now, actor=actor, name=name, was=before)


def paint(
    session: Session,
    account: Account,
    status: ClientStatus,
    colour: str,
    *,
    now: datetime,
    actor: Actor,
) -> None:
    """Another of COLOURS for one of the account's own statuses. Raises StatusRefused."""
    _refuse_built_in(status)
    if colour not in COLOURS:
        raise StatusRefused(_("Choose one of the colours shown."))
    before = colour_of(status)
    if colour == status.colour:
        return
    status.colour = colour
    facts = {"name": status.name, "colour": colour, "was": before}
    audit.record(session, account, "status.painted", at=now, actor=actor, **facts)


def move(
    session: Session,
    account: Account,
    status: ClientStatus,
    by: int,
    *,
    now: datetime,
    actor: Actor,
) -> bool:
    """Put one of the account's own statuses `by` places further down, or up (below zero).

    The fixed ones stay in front. Returns whether it moved: none goes beyond the others. Raises
    StatusRefused.
    """
    _refuse_built_in(status)
    known = of(session, account.id)
    own = [each for each in known if each.built_in is None]
    before = own.index(status)
    after = min(max(before + by, 0), len(own) - 1)
    if after == before:
        return False
    own.insert(after, own.pop(before))
    for position, each in enumerate(own, start=len(known) - len(own)):
        each.position = position
    facts = {"name": status.name, "place": after + 1, "was": before + 1}
    audit.record(session, account, "status.moved", at=now, actor=actor, **facts)
    return True


def colour_of(status: ClientStatus) -> str:
    """The colour of one of the account's own statuses; one without a choice keeps its own too."""
    return status.colour or COLOURS[status.id % len(COLOURS)]


def delete(
    session: Session,
    account: Account,
    status: ClientStatus,
    destination: ClientStatus | None,
    *,
    now: datetime,
    actor: Actor,
) -> int:
    """Remove one of the account's own statuses; its clients move to `destination`.

    Returns how many moved. Raises DestinationNeeded, StatusRefused. Never makes the count larger:
    a status that can be deleted counted.
    """
    _refuse_built_in(status)
    moving = _clients_of(session, status)
    if destination is None and moving:
        raise DestinationNeeded(moving)
    if destination is not None and destination.id == status.id:
        raise StatusRefused(_("Choose another status than the one you delete."))
    target = destination or built_in(of(session, account.id), CLIENT)
    facts = {"name": status.name, "moved_to": target.name if moving else None, "clients": moving}
    _move_all(session, status, target, now)
    session.delete(status)
    session.flush()
    if moving and not target.is_counted:
        overages.count_changed(session, account, Metric.CLIENTS, -moving, now=now, actor=actor)
    audit.record(session, account, "status.deleted", at=now, actor=actor, **facts)
    return moving


def _keys_of(status: ClientStatus) -> set[str]:
    names = built_in_names()[status.built_in] if status.built_in else ()
    return {status.name_key, *map(status_name_key, names)}


def _checked(name: str, others: Sequence[ClientStatus]) -> str:
    try:
        name = text.line(name, most=NAME_LENGTH)
    except text.TextRefused as refusal:
        raise StatusRefused(str(refusal)) from refusal
    key = status_name_key(name)
    if not key:
        raise StatusRefused(_("Enter a name."))
    if shadows_built_in(name):
        raise StatusRefused(_("This reads like one of the fixed statuses. Choose another name."))
    same = next((other for other in others if other.name_key == key), None)
    if same is not None:
        raise StatusRefused(
            _("There is a status “%(name)s” already. Choose another name.", name=same.label)
        )
    return name


def _free_colour(known: Sequence[ClientStatus]) -> str:
    """The first that none of the account's own statuses has; once all are taken, in turn."""
    own = [status for status in known if status.built_in is None]
    taken = {colour_of(status) for status in own}
    free = (colour for colour in COLOURS if colour not in taken)
    return next(free, COLOURS[len(own) % len(COLOURS)])


def _refuse_built_in(status: ClientStatus) -> None:
    if status.built_in is not None:
        raise StatusRefused(
            _("%(name)s is one of the fixed statuses and stays as it is.", name=status.label)
        )


def _clients_of(session: Session, status: ClientStatus) -> int:
    statement = select(func.count(Client.id)).where(
        Client.account_id == status.account_id,
        Client.status_id == status.id,
        Client.deleted_at.is_(None),
    )
    return session.execute(statement).scalar_one()


def _move_all(session: Session, status: ClientStatus, target: ClientStatus, now: datetime) -> None:
    """Deleted clients move too, so that undoing their deletion finds a status."""
    mine = Client.account_id == status.account_id
    moved = update(Client).where(mine, Client.status_id == status.id)
    remembered = update(Client).where(mine, Client.suspended_from_id == status.id)
    former = target.id if target.built_in != SUSPENDED else None
    session.execute(moved.values(status_id=target.id, updated_at=now))
    session.execute(remembered.values(suspended_from_id=former))
    session.expire_all()
