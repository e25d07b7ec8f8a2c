"""Accepting an invitation: somebody new chooses a password, somebody known signs in with theirs."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from portal import clock, passwords
from portal.audit import Actor
from portal.billing import accounts, invitations, overages, people, subscriptions
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric, takes_seat
from portal.billing.rules.errors import (
    FullWhileCancelled,
    FullWhileParked,
    ReadOnly,
    RuleBroken,
    SeatsFull,
)
from portal.billing.rules.roles import Role
from portal.blueprints.users import bp
from portal.blueprints.users.board import NotConfirmed, confirm_seats, foretold
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.models import Invitation, User
from portal.transaction import transaction
from portal.web import attempts, sign_ins
from portal.web.access import requires
from portal.web.forms import Form, password_field, text_field
from portal.web.permissions import Permission, home_endpoint
from portal.web.principals import SignedIn
from portal.web.sign_ins import ByBrowser, ByPassword, NoLongerProven, Proof

WRONG = message("This is not the password you sign in with here.")


class NewPersonForm(Form):
    name = text_field(message("Your name"), message("Enter your name."), autocomplete="name")
    password = password_field(message("Password"), message("Enter a password."), new=True)


class KnownPersonForm(Form):
    password = password_field(message("Password"), message("Enter your password."))


class SignedInForm(Form):
    """Nothing to ask: the person is signed in already."""


@bp.route("/invitations/<token>", methods=["GET", "POST"])
@attempts.from_address
@attempts.of_link
@requires(Permission.PUBLIC)
def accept(token: str) -> ResponseReturnValue:
    invitation = invitations.find(db.session(), token, wall=clock.wall_now())
    if invitation is None:
        return render_template("users/invitation_closed.html"), 404
    if request.method == "POST" and subscriptions.live(db.session(), invitation.account_id) is None:
        raise ReadOnly
    person = people.find_by_email(db.session(), invitation.email)
    form = _form(person)
    proof = _proof(form, person)
    if form.validate_on_submit() and _is_proven(form, invitation, person):
        return _join(invitation, proof, form)
    return _page(invitation, form, 422 if form.errors else 200)


def _form(person: User | None) -> Form:
    if person is None:
        return NewPersonForm()
    if current_user.is_authenticated and current_user.user.id == person.id:
        return SignedInForm()
    return KnownPersonForm()


def _proof(form: Form, person: User | None) -> Proof | None:
    """What has to hold still when a known person joins; None of a new one."""
    if person is None:
        return None
    if isinstance(form, SignedInForm):
        return ByBrowser(person)
    return ByPassword(person, person.password_hash)


def _is_proven(form: Form, invitation: Invitation, person: User | None) -> bool:
    """Whether the password is the known person's, or fit for the new one."""
    if isinstance(form, SignedInForm):
        return True
    if person is not None:
        right = passwords.verify(person.password_hash, form.password.data)
        form.password.errors = [] if right else [_(WRONG)]
        return right
    about = [form.name.data, invitation.email, invitation.account.name]
    problem = passwords.refusal(form.password.data, about)
    form.password.errors = [problem] if problem else []
    return problem is None


def _join(invitation: Invitation, proof: Proof | None, form: Form) -> ResponseReturnValue:
    password_hash = "" if proof else passwords.hash_of(form.password.data)
    try:
        with transaction() as session:
            account = accounts.lock(session, invitation.account_id)
            confirm_seats(session, account, int(takes_seat(invitation.role, active=True)))
            if proof is not None:
                proof.holds(session)
                user = proof.user
            else:
                user = _new_person(session, invitation, form.name.data, password_hash)
            signed_in = _accept(session, invitation, user)
    except NotConfirmed:
        return _page(invitation, form, 200)
    except (FullWhileCancelled, SeatsFull):
        return _page(invitation, form, 409)
    except FullWhileParked:
        return _page(invitation, form, 422)
    except (RuleBroken, IntegrityError, NoLongerProven):
        # Accepted or withdrawn meanwhile, the email became somebody's, or the password another:
        # look again.
        return redirect(request.path, 303)
    sign_ins.remember(signed_in)
    flash(_("Welcome to %(account)s.", account=invitation.account.name), "success")
    return redirect(url_for(home_endpoint(invitation.role)), 303)


def _new_person(session: Session, invitation: Invitation, name: str, password_hash: str) -> User:
    return people.add_user(
        session, email=invitation.email, name=name, password_hash=password_hash, now=clock.now()
    )


def _accept(session: Session, invitation: Invitation, person: User) -> SignedIn:
    actor = Actor("user", person.name, person.id, invitation.role.value, request.remote_addr)
    membership = invitations.accept(
        session, invitation, person, wall=clock.wall_now(), now=clock.now(), actor=actor
    )
    return sign_ins.begin(session, person, membership.account_id)


def _page(invitation: Invitation, form: Form, status: int) -> ResponseReturnValue:
    told = _told_before(invitation)
    page = render_template(
        "users/accept.html",
        invitation=invitation,
        form=form,
        told=told,
        is_full=told is not None and _refusal(invitation) is not None,
        sentence=told and _sentence(invitation, told),
    )
    return page, status


def _told_before(invitation: Invitation) -> NotConfirmed | None:
    seats = int(takes_seat(invitation.role, active=True))
    return foretold(db.session(), invitation.account, seats)


def _refusal(invitation: Invitation) -> RuleBroken | None:
    return overages.refusal(db.session(), invitation.account, Metric.SEATS)


def _sentence(invitation: Invitation, told: NotConfirmed) -> str:
    """What follows, or why they can't join now; the plan and the amount are for Admins alone."""
    name = invitation.account.name
    if _refusal(invitation) is not None:
        return _(
            "All seats of %(account)s are taken, and nobody can be added beyond them. Ask %(who)s"
            " to make room; then open this page again.",
            account=name,
            who=invitation.invited_by.name,
        )
    if invitation.role is Role.ADMIN:
        return told.sentence
    return _(
        "You would be user %(number)s, more than the plan of %(account)s has seats for. Its Admins"
        " are told by email what follows; it costs you nothing.",
        number=describe.number(told.count),
        account=name,
    )
