"""Adding a client and editing one, each on a page of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from portal import clock
from portal.billing import client_list, clients, statuses
from portal.billing.clients import GoesOver
from portal.billing.rules.client_details import (
    EMAIL_LENGTH,
    NAME_LENGTH,
    NOTE_LENGTH,
    PHONE_LENGTH,
    DetailsRefused,
    check,
)
from portal.blueprints.clients import bp
from portal.blueprints.clients.changes import accepted_count, still_there
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.live import clients_meter_context
from portal.models import Client, ClientStatus
from portal.transaction import transaction
from portal.web.access import lock_own, own, principal, requires
from portal.web.forms import Form
from portal.web.permissions import Permission
from portal.web.principals import Principal

FORM = "clients/form.html"


class ClientForm(Form):
    """A client's details and status; `details` holds the checked ones after `validate`."""

    name = StringField(
        message("Name"),
        [InputRequired(message("Enter a name."))],
        render_kw={"maxlength": NAME_LENGTH},
    )
    email = StringField(
        message("Email"),
        render_kw={"maxlength": EMAIL_LENGTH, "type": "email", "autocomplete": "off"},
    )
    phone = StringField(
        message("Phone"),
        render_kw={"maxlength": PHONE_LENGTH, "type": "tel", "autocomplete": "off"},
    )
    status = SelectField(message("Status"), validate_choice=False)
    note = TextAreaField(message("Note"), render_kw={"maxlength": NOTE_LENGTH, "rows": 4})

    def __init__(self, known: Sequence[ClientStatus], **given: Any) -> None:
        super().__init__(**given)
        self.known = {status.public_id: status.id for status in known}
        self.status.choices = [(status.public_id, _choice(status)) for status in known]

    def validate(self, extra_validators: Any = None) -> bool:
        is_valid = bool(super().validate(extra_validators))
        if self.status.data not in self.known:
            self.status.errors = [_("Choose one of the statuses.")]
            is_valid = False
        try:
            self.details = check({name: self[name].data or "" for name in _DETAILS})
        except DetailsRefused as refused:
            for name, problem in refused.problems.items():
                self[name].errors = [problem]
            return False
        return is_valid

    @property
    def status_id(self) -> int:
        return self.known[self.status.data]


@bp.get("/clients/new")
@requires(Permission.WORK_WITH_CLIENTS)
def new() -> ResponseReturnValue:
    known = statuses.of(db.session(), principal().account_id)
    return _page(ClientForm(known))


@bp.post("/clients")
@requires(Permission.WORK_WITH_CLIENTS)
def add() -> ResponseReturnValue:
    who, now = principal(), clock.now()
    form = ClientForm(statuses.of(db.session(), who.account_id))
    if not form.validate():
        return _page(form), 422
    actor = who.actor
    try:
        with transaction() as session:
            account = lock_own(session)
            status = still_there(session, ClientStatus, form.status_id)
            agreed = accepted_count()
            name = clients.add(
                session, account, form.details, status, accepted=agreed, now=now, actor=actor
            ).name
    except GoesOver as over:
        return _page(form, over=over), over.status
    flash(_("%(name)s was added.", name=name), "success")
    return redirect(url_for("clients.index"), 303)


@bp.get("/clients/<public_id>")
@requires(Permission.WORK_WITH_CLIENTS)
def edit(public_id: str) -> ResponseReturnValue:
    client = own(Client, public_id)
    known = statuses.of(db.session(), principal().account_id)
    form = ClientForm(known, obj=client, status=client.status.public_id)
    return _page(form, client)


@bp.post("/clients/<public_id>")
@requires(Permission.WORK_WITH_CLIENTS)
def save(public_id: str) -> ResponseReturnValue:
    client, who = own(Client, public_id), principal()
    form = ClientForm(statuses.of(db.session(), who.account_id))
    if not form.validate():
        return _page(form, client), 422
    try:
        _save(client.id, form, who)
    except GoesOver as over:
        return _page(form, own(Client, public_id), over=over), over.status
    flash(_("%(name)s was saved.", name=form.details.name), "success")
    return redirect(url_for("clients.index"), 303)


def _save(client_id: int, form: ClientForm, who: Principal) -> None:
    actor, now, agreed = who.actor, clock.now(), accepted_count()
    with transaction() as session:
        account = lock_own(session)
        client = still_there(session, Client, client_id)
        status = still_there(session, ClientStatus, form.status_id)
        clients.edit(
            session, account, client, form.details, status, accepted=agreed, now=now, actor=actor
        )


_DETAILS = ("name", "email", "phone", "note")


def _choice(status: ClientStatus) -> str:
    if status.is_counted:
        return status.label
    return _("%(status)s (not counted)", status=status.label)


def _page(form: ClientForm, client: Client | None = None, over: GoesOver | None = None) -> str:
    undo_until = client_list.undo_until(client.deleted_at) if client and client.deleted_at else None
    return render_template(
        FORM,
        form=form,
        client=client,
        over=over,
        undo_until=undo_until,
        **clients_meter_context(principal().account_id),
    )
