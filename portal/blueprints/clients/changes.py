"""Suspending, bringing back, deleting and its undoing: one client from its row, or many at once.

Every one is a plain form. From a row htmx gets the new row and the meter; a browser without it is
sent back to its list, where the change is told and can be undone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from flask import abort, flash, redirect, render_template, request, session
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal import clock
from portal.billing import clients, statuses
from portal.billing.client_changes import Done
from portal.billing.clients import GoesOver, Selection
from portal.billing.rules.describe import counted, number
from portal.blueprints.clients import bp
from portal.blueprints.clients.listing import DONE, Asked, row_response
from portal.extensions import db
from portal.language import gettext as _
from portal.language import look_up, message, ngettext
from portal.models import Client, ClientStatus
from portal.models.types import EPOCH
from portal.transaction import transaction
from portal.web.access import lock_own, own, principal, requires
from portal.web.htmx import wants_fragment
from portal.web.permissions import Permission

Row = TypeVar("Row")
METER = "clients/_meter.html"
CHOSEN_AT_MOST = 200
NAMES = "any(suspension, return, deletion, restoration)"


@dataclass(frozen=True)
class Change:
    """One thing that can be done to clients; `undo` is the name of the one that takes it back.

    `done_to_one` is the message of what was done to `%(client)s`, `done_to_many` the sentence of
    what was done to so many; `anyway` is the message of a button.
    """

    name: str
    command: Callable[..., Done]
    done_to_one: str
    done_to_many: Callable[[int], str]
    anyway: str
    undo: str | None
    adds: bool = False


CHANGES = {
    change.name: change
    for change in (
        Change(
            "suspension",
            clients.suspend,
            message("%(client)s suspended."),
            lambda many: counted(many, "%(num)s client suspended.", "%(num)s clients suspended."),
            message("Suspend anyway"),
            "return",
        ),
        Change(
            "return",
            clients.bring_back,
            message("%(client)s brought back."),
            lambda many: counted(
                many, "%(num)s client brought back.", "%(num)s clients brought back."
            ),
            message("Bring back anyway"),
            "suspension",
            adds=True,
        ),
        Change(
            "deletion",
            clients.delete,
            message("%(client)s deleted."),
            lambda many: counted(many, "%(num)s client deleted.", "%(num)s clients deleted."),
            message("Delete anyway"),
            "restoration",
        ),
        Change(
            "restoration",
            clients.restore,
            message("%(client)s restored."),
            lambda many: counted(many, "%(num)s client restored.", "%(num)s clients restored."),
            message("Undo delete anyway"),
            "deletion",
            adds=True,
        ),
    )
}


@bp.post(f"/clients/<public_id>/<{NAMES}:name>")
@requires(Permission.WORK_WITH_CLIENTS)
def change_one(public_id: str, name: str) -> ResponseReturnValue:
    client = own(Client, public_id)
    told = client.name
    try:
        done = _carry_out(CHANGES[name], Selection((public_id,)))
    except GoesOver as over:
        return _ask(CHANGES[name], over, client_id=public_id, client_name=told)
    if wants_fragment():
        return row_response(public_id, oob=[METER])
    return _back_to_list(CHANGES[name], done, _(CHANGES[name].done_to_one, client=told))


@bp.post(f"/clients/chosen/<{NAMES}:name>")
@requires(Permission.WORK_WITH_CLIENTS)
def change_many(name: str) -> ResponseReturnValue:
    chosen = _selection()
    if chosen is None:
        return _nothing_chosen()
    try:
        done = _carry_out(CHANGES[name], chosen)
    except GoesOver as over:
        return _ask(CHANGES[name], over)
    return _back_to_list(CHANGES[name], done, CHANGES[name].done_to_many(done.clients))


@bp.post("/clients/chosen/status")
@requires(Permission.WORK_WITH_CLIENTS)
def set_status_of_many() -> ResponseReturnValue:
    status, chosen = own(ClientStatus, request.form.get("new_status", "")), _selection()
    if chosen is None:
        return _nothing_chosen()
    change = _to(status)
    try:
        done = _carry_out(change, chosen)
    except GoesOver as over:
        return _ask(change, over)
    return _back_to_list(change, done, change.done_to_many(done.clients))


def accepted_count() -> int | None:
    """The count a person was told and agreed to, as the form that asked carries it."""
    typed = request.form.get("accepted", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None


def instant_in_form(instant: datetime) -> int:
    """How `changed_at` of a form says an instant: microseconds since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def still_there(session: Session, model: type[Row], row_id: int) -> Row:
    """A row found before the lock, read again under it; 404 if it went away in between."""
    row = session.get(model, row_id)
    if row is None:
        abort(404)
    return row


def _to(status: ClientStatus) -> Change:
    status_id, label = status.id, status.label

    def command(session: Any, account: Any, chosen: Selection, **how: Any) -> Done:
        target = still_there(session, ClientStatus, status_id)
        return clients.set_status(session, account, chosen, target, **how)

    def told(many: int) -> str:
        return ngettext(
            "%(num)s client now %(status)s.",
            "%(num)s clients now %(status)s.",
            many,
            num=number(many),
            status=label,
        )

    anyway = _("Set to %(status)s anyway", status=label)
    return Change("status", command, "", told, anyway, None, adds=True)


def _carry_out(change: Change, chosen: Selection) -> Done:
    who, now = principal(), clock.now()
    agreed = {"accepted": accepted_count()} if change.adds else {}
    actor = who.actor
    with transaction() as session:
        account = lock_own(session)
        return change.command(session, account, chosen, now=now, actor=actor, **agreed)


def _selection() -> Selection | None:
    """What the form chose: boxes, the whole list, or what an earlier change did, if anything."""
    changed_at = request.form.get("changed_at", "")
    if changed_at.isascii() and changed_at.isdigit() and len(changed_at) < 18:
        return Selection(changed_at=EPOCH + timedelta(microseconds=int(changed_at)))
    if request.form.get("all") == "matching":
        known = statuses.of(db.session(), principal().account_id)
        return Selection(matching=Asked.of(request.form).narrowed(known))
    ids = tuple(request.form.getlist("client"))
    if len(ids) > CHOSEN_AT_MOST:
        abort(422)
    return Selection(ids) if ids else None


def _nothing_chosen() -> ResponseReturnValue:
    flash(_("Nothing was changed: first choose clients by the boxes beside their names."), "error")
    return redirect(Asked.of(request.form).url, 303)


def _back_to_list(change: Change, done: Done, told: str) -> ResponseReturnValue:
    if done.clients:
        at = instant_in_form(done.at)
        session[DONE] = {"text": told, "undo": change.undo, "at": at}
    else:
        flash(_("Nothing was changed: what you chose is that way already."), "info")
    return redirect(Asked.of(request.form).url, 303)


def _ask(change: Change, over: GoesOver, **client: str) -> ResponseReturnValue:
    """What the count becomes and what that starts, and whether to go on; 409 until agreed to. 422
    where nobody can."""
    accepted = None if over.is_refused else over.after
    # That of a status has its name in it, and is looked up already.
    anyway = look_up(change.anyway)
    context = {"question": str(over), "change": change, "anyway": anyway, "accepted": accepted}
    if client and wants_fragment():
        return render_template("clients/_row_confirm.html", **client, **context), over.status
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name not in ("csrf_token", "accepted")
    ]
    page = render_template(
        "clients/confirm.html",
        fields=fields,
        back_url=Asked.of(request.form).url,
        url=request.path,
        **context,
    )
    return page, over.status
