"""The list, roles, and ending and giving back access."""

from collections.abc import Callable
from functools import partial

from flask import abort, request
from flask.typing import ResponseReturnValue

from portal import clock
from portal.billing import people
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.roles import Role
from portal.blueprints.users import bp
from portal.blueprints.users.board import NotConfirmed, Question, confirm_seats, done, page, refused
from portal.language import gettext as _
from portal.models import Membership
from portal.transaction import transaction
from portal.web.access import lock_own, own, principal, requires
from portal.web.permissions import Permission


@bp.get("/users")
@requires(Permission.MANAGE_USERS)
def index() -> ResponseReturnValue:
    return page()


@bp.post("/users/<public_id>/role")
@requires(Permission.MANAGE_USERS)
def change_role(public_id: str) -> ResponseReturnValue:
    membership = own(Membership, public_id)
    if request.form.get("role") not in tuple(Role):
        abort(422)
    role = Role(request.form["role"])
    seats = partial(people.seat_change, role=role)
    said = _("%(name)s: %(role)s from now on.", name=membership.user.name, role=role.label)
    return _act(membership, partial(people.set_role, role=role), seats, said)


@bp.post("/users/<public_id>/deactivation")
@requires(Permission.MANAGE_USERS, also_without_plan=True)
def deactivate(public_id: str) -> ResponseReturnValue:
    """Without a plan too: there may be more people than any plan to begin with holds."""
    membership = own(Membership, public_id)
    seats = partial(people.seat_change, active=False)
    said = _("%(name)s has no access any more.", name=membership.user.name)
    return _act(membership, people.deactivate, seats, said)


@bp.post("/users/<public_id>/reactivation")
@requires(Permission.MANAGE_USERS)
def reactivate(public_id: str) -> ResponseReturnValue:
    membership = own(Membership, public_id)
    seats = partial(people.seat_change, active=True)
    said = _("%(name)s has access again.", name=membership.user.name)
    return _act(membership, people.reactivate, seats, said)


def _act(
    membership: Membership,
    operation: Callable[..., None],
    seats: Callable[[Membership], int],
    said: str,
) -> ResponseReturnValue:
    """Carry out `operation`, asking first where the seats it takes go over the limit."""
    actor, name = principal().actor, membership.user.name
    try:
        with transaction() as session:
            account = lock_own(session)
            session.refresh(membership)
            confirm_seats(session, account, seats(membership))
            operation(session, membership, now=clock.now(), actor=actor)
    except NotConfirmed as told:
        return page(question=_question(name, told))
    except RuleBroken as reason:
        return refused(reason)
    return done(said)


def _question(name: str, told: NotConfirmed) -> Question:
    """Ask for the same act again, now that its consequence has been told."""
    fields = {"confirmed": str(told.count)}
    if "role" in request.form:
        fields["role"] = request.form["role"]
    return Question(
        title=_("%(name)s takes a seat beyond your plan", name=name),
        sentence=told.sentence,
        action=request.path,
        submit=_("Go ahead"),
        fields=fields,
    )
