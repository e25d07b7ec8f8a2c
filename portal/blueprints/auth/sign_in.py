"""Signing in and out, and choosing among one's accounts."""

from contextlib import suppress

from flask import abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from wtforms import HiddenField, StringField
from wtforms.validators import InputRequired, Length

from portal.billing import people
from portal.blueprints.auth import bp
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.transaction import transaction
from portal.web import attempts, sign_ins
from portal.web.access import find_principal, requires
from portal.web.forms import EMAIL_LENGTH, Form, password_field
from portal.web.htmx import is_local, redirect_after
from portal.web.permissions import Permission, home_endpoint
from portal.web.sign_ins import ByBrowser, ByPassword, NoLongerProven

# One sentence for an unknown email and a wrong password, so that neither can be told.
NO_MATCH = message("This email and password don't go together. Check both and try again.")


class LoginForm(Form):
    email = StringField(
        message("Email"),
        validators=[
            InputRequired(message("Enter your email.")),
            Length(max=EMAIL_LENGTH, message=NO_MATCH),
        ],
        render_kw={"type": "email", "autocomplete": "username"},
    )
    password = password_field(message("Password"), message("Enter your password."))
    next = HiddenField()


@bp.route("/login", methods=["GET", "POST"])
@attempts.from_address
@attempts.of_email
@requires(Permission.PUBLIC)
def login() -> ResponseReturnValue:
    form = LoginForm(next=request.args.get("next"))
    if request.method == "GET" and current_user.is_authenticated:
        return redirect(_way_on(form))
    if form.validate_on_submit():
        with suppress(NoLongerProven):
            proof = sign_ins.proven(form.email.data, form.password.data)
            if proof is not None:
                return _enter(proof, form)
        form.password.errors = [_(NO_MATCH)]
    return render_template("auth/login.html", form=form), 422 if form.errors else 200


@bp.post("/logout")
@requires(Permission.PUBLIC)
def logout() -> ResponseReturnValue:
    with transaction() as session:
        sign_ins.end(session)
    sign_ins.forget()
    return sign_ins.clear_site(make_response(redirect_after(url_for("auth.login"))))


@bp.get("/accounts")
@requires(Permission.SIGNED_IN)
def accounts() -> ResponseReturnValue:
    return render_template(
        "auth/accounts.html",
        memberships=people.memberships_of(db.session(), current_user.user.id),
        current=find_principal(),
        next=_local(request.args.get("next")),
    )


@bp.post("/accounts")
@requires(Permission.SIGNED_IN)
def switch_account() -> ResponseReturnValue:
    for membership in people.memberships_of(db.session(), current_user.user.id):
        if membership.account.public_id == request.form.get("account"):
            target = _local(request.form.get("next")) or url_for(home_endpoint(membership.role))
            try:
                sign_ins.enter(ByBrowser(membership.user), membership.account_id)
            except NoLongerProven:
                return redirect_after(url_for("auth.login"))
            return redirect_after(target)
    abort(404)


def _enter(proof: ByPassword, form: LoginForm) -> ResponseReturnValue:
    """Sign in, into the account where there is only one, and go where the person was going."""
    memberships = people.memberships_of(db.session(), proof.user.id)
    target, account_id = _local(form.next.data), None
    way_on = url_for("auth.accounts", next=target)
    if len(memberships) == 1:
        [only] = memberships
        way_on, account_id = target or url_for(home_endpoint(only.role)), only.account_id
    sign_ins.enter(proof, account_id)
    return redirect(way_on, 303)


def _way_on(form: LoginForm) -> str:
    """Where somebody goes who is signed in already."""
    found = find_principal()
    if found is None:
        return url_for("auth.accounts", next=_local(form.next.data))
    return _local(form.next.data) or url_for(home_endpoint(found.role))


def _local(target: str | None) -> str | None:
    return target if target and is_local(target) else None
