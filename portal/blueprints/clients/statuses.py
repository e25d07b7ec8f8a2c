"""The page of statuses: five fixed ones, and the account's own to add, name, colour, put in order
and remove."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.billing import client_list, statuses
from portal.billing.rules import describe
from portal.billing.statuses import NAME_LENGTH, StatusRefused
from portal.blueprints.clients import bp
from portal.blueprints.clients.changes import still_there
from portal.blueprints.clients.rows import looks_of
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message, ngettext
from portal.models import ClientStatus
from portal.transaction import transaction
from portal.web.access import lock_own, own, principal, requires
from portal.web.permissions import Permission

STEPS = {"up": -1, "down": 1}
MOVED = {
    "up": message("%(status)s was moved up."),
    "down": message("%(status)s was moved down."),
}


@bp.get("/clients/statuses")
@requires(Permission.WORK_WITH_CLIENTS)
def list_statuses() -> ResponseReturnValue:
    return _page()


@bp.post("/clients/statuses")
@requires(Permission.WORK_WITH_CLIENTS)
def add_status() -> ResponseReturnValue:
    typed, who, now = request.form.get("name", ""), principal(), clock.now()
    actor = who.actor
    try:
        with transaction() as session:
            account = lock_own(session)
            name = statuses.add(session, account, typed, now=now, actor=actor).name
    except StatusRefused as refused:
        return _page(typed=typed, problem=str(refused)), 422
    flash(
        _("The status %(status)s was added. Clients that have it are counted.", status=name),
        "success",
    )
    return redirect(url_for("clients.list_statuses"), 303)


@bp.post("/clients/statuses/<public_id>")
@requires(Permission.WORK_WITH_CLIENTS)
def change_status(public_id: str) -> ResponseReturnValue:
    """Name and colour; a form without a colour leaves that as it is."""
    status, who, now = own(ClientStatus, public_id), principal(), clock.now()
    typed, colour = request.form.get("name", ""), request.form.get("colour")
    actor, status_id = who.actor, status.id
    try:
        with transaction() as session:
            account = lock_own(session)
            status = still_there(session, ClientStatus, status_id)
            statuses.rename(session, account, status, typed, now=now, actor=actor)
            if colour is not None:
                statuses.paint(session, account, status, colour, now=now, actor=actor)
    except StatusRefused as refused:
        return _page(public_id, typed, str(refused), colour=colour), 422
    flash(_("The status was changed."), "success")
    return _back_to(public_id)


@bp.post("/clients/statuses/<public_id>/<any(up, down):way>")
@requires(Permission.WORK_WITH_CLIENTS)
def move_status(public_id: str, way: str) -> ResponseReturnValue:
    status, who, now = own(ClientStatus, public_id), principal(), clock.now()
    actor, status_id, name = who.actor, status.id, status.name
    try:
        with transaction() as session:
            account = lock_own(session)
            status = still_there(session, ClientStatus, status_id)
            has_moved = statuses.move(session, account, status, STEPS[way], now=now, actor=actor)
    except StatusRefused as refused:
        return _page(public_id, None, str(refused)), 422
    if has_moved:
        flash(_(MOVED[way], status=name), "success")
    return _back_to(public_id)


@bp.post("/clients/statuses/<public_id>/deletion")
@requires(Permission.WORK_WITH_CLIENTS)
def delete_status(public_id: str) -> ResponseReturnValue:
    status, who, now = own(ClientStatus, public_id), principal(), clock.now()
    chosen = request.form.get("destination")
    destination_id = own(ClientStatus, chosen).id if chosen else None
    actor, status_id, name = who.actor, status.id, status.name
    try:
        with transaction() as session:
            account = lock_own(session)
            status = still_there(session, ClientStatus, status_id)
            to = still_there(session, ClientStatus, destination_id) if destination_id else None
            moved = statuses.delete(session, account, status, to, now=now, actor=actor)
    except StatusRefused as refused:
        return _page(public_id, None, str(refused)), 422
    flash(_deleted(name, moved), "success")
    return redirect(url_for("clients.list_statuses"), 303)


def _deleted(name: str, moved: int) -> str:
    if not moved:
        return _("The status %(status)s was deleted.", status=name)
    return ngettext(
        "The status %(status)s was deleted. %(num)s client moved to the status you chose.",
        "The status %(status)s was deleted. %(num)s clients moved to the status you chose.",
        moved,
        num=describe.number(moved),
        status=name,
    )


def _back_to(public_id: str) -> ResponseReturnValue:
    """The page again, where the status is now."""
    return redirect(url_for("clients.list_statuses", _anchor=f"status-{public_id}"), 303)


def _page(
    at: str | None = None,
    typed: str | None = None,
    problem: str | None = None,
    *,
    colour: str | None = None,
) -> str:
    """The page; `at` is the status that `problem` is about, None the form for a new one."""
    account_id = principal().account_id
    known = statuses.of(db.session(), account_id)
    counts: dict[int, int] = client_list.count_by_status(db.session(), account_id)
    looks = looks_of(known)
    rows: list[dict[str, Any]] = [
        {"status": status, "look": looks[status.id], "clients": counts.get(status.id, 0)}
        for status in known
    ]
    return render_template(
        "clients/statuses.html",
        rows=rows,
        at=at,
        typed=typed,
        problem=problem,
        chosen=colour,
        colours=statuses.COLOURS,
        name_length=NAME_LENGTH,
    )
