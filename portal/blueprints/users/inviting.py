"""Inviting by email, sending again, taking back."""

from flask import request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from portal import clock
from portal.billing import invitations
from portal.billing.rules.counting import takes_seat
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.roles import Role
from portal.blueprints.users import bp
from portal.blueprints.users.board import (
    InviteForm,
    NotConfirmed,
    Question,
    confirm_seats,
    done,
    page,
    refused,
)
from portal.language import gettext as _
from portal.mail import notices
from portal.models import Invitation
from portal.transaction import transaction
from portal.web import attempts
from portal.web.access import lock_own, own, principal, requires
from portal.web.links import outside_url
from portal.web.permissions import Permission


@bp.post("/users/invitations")
@attempts.invitations
@requires(Permission.MANAGE_USERS)
def invite() -> ResponseReturnValue:
    form = InviteForm()
    if not form.validate():
        return page(form=form, status=422)
    try:
        _invite(form.email.data or "", Role(form.role.data))
    except NotConfirmed as told:
        return page(form=form, question=_question(form, told))
    except RuleBroken as reason:
        form.email.errors = [str(reason)]
        return page(form=form, status=422)
    return done(_("%(email)s is invited.", email=form.email.data), form=InviteForm(formdata=None))


@bp.post("/users/invitations/<public_id>/sending")
@attempts.invitations
@requires(Permission.MANAGE_USERS)
def send_again(public_id: str) -> ResponseReturnValue:
    invitation = own(Invitation, public_id)
    now, wall, actor = clock.now(), clock.wall_now(), principal().actor
    try:
        with transaction() as session:
            lock_own(session)
            token = invitations.renew(session, invitation, wall=wall, now=now, actor=actor)
            _send(session, invitation, token)
    except RuleBroken as reason:
        return refused(reason)
    return done(
        _(
            "The invitation to %(email)s was sent again. The former link is void.",
            email=invitation.email,
        )
    )


@bp.post("/users/invitations/<public_id>/withdrawal")
@requires(Permission.MANAGE_USERS)
def withdraw(public_id: str) -> ResponseReturnValue:
    invitation = own(Invitation, public_id)
    now, wall, actor = clock.now(), clock.wall_now(), principal().actor
    try:
        with transaction() as session:
            lock_own(session)
            invitations.withdraw(session, invitation, wall=wall, now=now, actor=actor)
    except RuleBroken as reason:
        return refused(reason)
    return done(_("The invitation to %(email)s is withdrawn.", email=invitation.email))


def _invite(email: str, role: Role) -> None:
    actor = principal().actor
    with transaction() as session:
        account = lock_own(session)
        invitation, token = invitations.invite(
            session,
            account,
            email=email,
            role=role,
            wall=clock.wall_now(),
            now=clock.now(),
            actor=actor,
        )
        if takes_seat(role, active=True):
            asked_for = invitations.seats_asked_for(session, account.id)
            confirm_seats(session, account, asked_for, are_taken=False)
        _send(session, invitation, token)


def _send(session: Session, invitation: Invitation, token: str) -> None:
    link = outside_url("users.accept", token=token)
    notices.invited(session, invitation, link, now=clock.now())


def _question(form: InviteForm, told: NotConfirmed) -> Question:
    return Question(
        title=_(
            "With %(email)s, more people are in or invited than you have seats",
            email=form.email.data,
        ),
        sentence=_(
            "%(what_follows)s That counts everybody who is invited as if they had accepted.",
            what_follows=told.sentence,
        ),
        action=url_for("users.invite"),
        submit=_("Invite all the same"),
        fields={
            "email": request.form["email"],
            "role": request.form["role"],
            "confirmed": str(told.count),
        },
    )
