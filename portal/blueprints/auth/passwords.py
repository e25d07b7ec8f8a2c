"""Changing one's password, and setting a new one by a link in an email.

The link needs no table: it is signed, says until when it holds, and carries a digest of the
email and the password hash it may replace. Used once, the hash is another, and the link is dead.
"""

import hashlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from flask import abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from itsdangerous import BadData
from sqlalchemy import select

from portal import clock, passwords
from portal.billing import people
from portal.blueprints.auth import bp
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.mail import notices
from portal.models import SignIn, User
from portal.transaction import transaction
from portal.web import attempts, sign_ins
from portal.web.access import find_principal, requires
from portal.web.forms import Form, email_field, password_field
from portal.web.links import outside_url
from portal.web.permissions import Permission, home_endpoint
from portal.web.sign_ins import ByPassword, NoLongerProven
from portal.web.signing import signer

SALT = "password-reset"
LINK_LASTS = timedelta(minutes=30)
WRONG = message("This is not your password.")


class ChangeForm(Form):
    current = password_field(
        message("Current password"), message("Enter the password you have now.")
    )
    new = password_field(message("New password"), message("Enter a new password."), new=True)


class RequestForm(Form):
    email = email_field(autocomplete="username")


class ResetForm(Form):
    new = password_field(message("New password"), message("Enter a new password."), new=True)


@bp.route("/account/password", methods=["GET", "POST"])
@attempts.of_user
@requires(Permission.SIGNED_IN)
def change_password() -> ResponseReturnValue:
    form, user = ChangeForm(), db.session.get_one(User, current_user.user.id)
    if form.validate_on_submit() and _takes(form.new, user):
        account_id = db.session.get_one(SignIn, current_user.sign_in_id).account_id
        proof = ByPassword(user, user.password_hash)
        with suppress(NoLongerProven):
            if passwords.verify(proof.password_hash, form.current.data or ""):
                changed = _set_password(user, form.new.data or "", proof=proof)
                sign_ins.enter(changed, account_id)
                flash(_("Your password is changed. Other browsers were signed out."), "success")
                return redirect(_home(), 303)
        form.current.errors = [_(WRONG)]
    return render_template("auth/change_password.html", form=form), 422 if form.errors else 200


@bp.route("/password-reset", methods=["GET", "POST"])
@attempts.resets_of_email
@attempts.resets_from_address
@requires(Permission.PUBLIC)
def forgot_password() -> ResponseReturnValue:
    form = RequestForm()
    if not form.validate_on_submit():
        return render_template("auth/forgot_password.html", form=form), 422 if form.errors else 200
    user = people.find_by_email(db.session(), form.email.data or "")
    # The slow part of every answer, so that the quick part, writing an email or not, is lost in it.
    passwords.verify(None, "")
    if user is not None:
        _send_link(user)
    return render_template("auth/link_sent.html", email=form.email.data)


@bp.route("/password-reset/<token>", methods=["GET", "POST"])
@attempts.from_address
@requires(Permission.PUBLIC)
def reset_password(token: str) -> ResponseReturnValue:
    user = _user_of(token)
    if user is None:
        return render_template("auth/link_dead.html"), 404
    form = ResetForm()
    if form.validate_on_submit() and _takes(form.new, user):
        _set_password(user, form.new.data or "", link=token)
        sign_ins.forget()
        flash(_("Your password is set. Sign in with it."), "success")
        return redirect(url_for("auth.login"), 303)
    page = render_template("auth/reset_password.html", form=form, email=user.email)
    return page, 422 if form.errors else 200


def _takes(field, user: User) -> bool:  # type: ignore[no-untyped-def]
    problem = passwords.refusal(field.data, (user.name, user.email))
    field.errors = [problem] if problem else []
    return problem is None


def _set_password(
    user: User, password: str, *, proof: ByPassword | None = None, link: str | None = None
) -> ByPassword:
    """Replace the password and sign every browser out, only while `proof` or the link holds."""
    fresh = passwords.hash_of(password)
    with transaction() as session:
        session.refresh(user, with_for_update=True)
        if proof is not None:
            proof.holds(session)
        if link is not None and _user_of(link) is None:
            abort(404)
        user.password_hash = fresh
        sign_ins.end_all(session, user.id)
    return ByPassword(user, fresh)


def _send_link(user: User) -> None:
    until = clock.wall_now() + LINK_LASTS
    token = signer(SALT).dumps([user.public_id, int(until.timestamp()), _version(user)])
    link = outside_url("auth.reset_password", token=token)
    with transaction() as session:
        notices.password_reset(session, user, link, now=clock.now())


def _user_of(token: str) -> User | None:
    """Whose password a link may set; None when it is spent, too old or not ours."""
    try:
        public_id, until, version = signer(SALT).loads(token)
    except (BadData, ValueError, TypeError):
        return None
    if clock.wall_now() >= datetime.fromtimestamp(until, UTC):
        return None
    user = db.session.scalars(select(User).where(User.public_id == public_id)).one_or_none()
    return user if user is not None and _version(user) == version else None


def _version(user: User) -> str:
    return hashlib.sha256(f"{user.email}\n{user.password_hash}".encode()).hexdigest()[:32]


def _home() -> str:
    found = find_principal()
    return url_for(home_endpoint(found.role)) if found else url_for("auth.accounts")
