"""Opening an account: plan, company, person, payment, in one form.

What is known about emails: a person may open several accounts, so signing up with an email that
is in use asks for its password, in the same field, and opens one more account. With a wrong one
the answer says that they don't go together. That this tells somebody with a good guess that the
email is in use can't be avoided without sending mail before the account exists; it is kept dear:
everything else in the form, the strength of the password included, is checked first, so a guess
at an email that isn't in use opens an account, and guesses count as failed sign-ins of that email.
"""

import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy.exc import IntegrityError
from wtforms import HiddenField, SelectChoice, SelectField, StringField
from wtforms.validators import DataRequired, Regexp

from portal import clock, passwords
from portal.billing import people, seat_consents, sign_ups, tax_ids
from portal.billing.rules.errors import RuleBroken, UsedForSomethingElse
from portal.billing.sign_ups import Application, Opened, Overtaken, Person
from portal.blueprints import paying, ways_to_pay
from portal.blueprints.auth import bp, plan_chooser
from portal.blueprints.auth.places import countries, time_zone_of
from portal.blueprints.auth.plan_chooser import PlanChooser
from portal.collecting import collection
from portal.display import add_on_choice
from portal.extensions import db
from portal.language import gettext as _
from portal.language import look_up, message, spoken
from portal.models import PlanChange, PlanChangeState, Price, WhenFull
from portal.transaction import transaction
from portal.web import attempts, sign_ins
from portal.web.access import requires
from portal.web.forms import Form, email_field, password_field, text_field
from portal.web.htmx import page_or_fragment
from portal.web.permissions import Permission

NO_MATCH = message(
    "This email and password don't go together. Whoever signs in here already opens another"
    " account with the same password."
)
RULE_CHANGED = message(
    "What happens when seats run out reads otherwise now: read it again, then go on."
)


class SignUpForm(Form):
    op_id = HiddenField(
        default=lambda: secrets.token_urlsafe(24),
        validators=[
            Regexp(
                r"[\w-]{32}\Z",
                message=message("This form is not complete: load the page again."),
            )
        ],
    )
    seats_rule = HiddenField()
    company = text_field(
        message("Company"), message("Enter your company's name."), autocomplete="organization"
    )
    country = SelectField(
        message("Country"),
        choices=lambda: [SelectChoice("", _("Choose a country")), *countries()],
        validators=[DataRequired(message("Choose a country."))],
        render_kw={"autocomplete": "country"},
    )
    tax_id = StringField(
        message("Tax id"),
        description=message("Such as a VAT number. It decides which tax is charged."),
        render_kw={"autocomplete": "off", "maxlength": "60"},
    )
    name = text_field(message("Your name"), message("Enter your name."), autocomplete="name")
    email = email_field(autocomplete="username")
    password = password_field(message("Password"), message("Enter a password."), new=True)
    card = ways_to_pay.card_field()


@bp.route("/signup", methods=["GET", "POST"])
@attempts.from_address
@attempts.of_email
@attempts.new_accounts
@requires(Permission.PUBLIC)
def signup() -> ResponseReturnValue:
    chooser = plan_chooser.read(db.session(), request.values, now=clock.now())
    form = _form()
    if request.method == "GET" or "show" in request.form:
        return _page(form, chooser)
    opened = _open(form, chooser) if _is_complete(form, chooser) else None
    if opened is None:
        return _page(form, chooser, status=422)
    if opened.plan_change is None:
        return _ask_for_card(chooser)
    return _land(collection.carry_change(opened.plan_change.id))


def _form() -> SignUpForm:
    known = current_user.user if current_user.is_authenticated else None
    form = SignUpForm(name=known and known.name, email=known and known.email)
    if not ways_to_pay.test_cards():
        del form.card
    return form


def _page(form: SignUpForm, chooser: PlanChooser, status: int = 200) -> ResponseReturnValue:
    return page_or_fragment(
        "auth/signup.html",
        "plan_chooser",
        oob=["pay"],
        status=status,
        form=form,
        chooser=chooser,
        error=chooser.error if status == 422 else None,
        has_card_page=ways_to_pay.has_card_page(),
        seats_rule=_seats_rule(),
        seats_mark=seat_consents.mark(_seats_rule()),
    )


def _is_complete(form: SignUpForm, chooser: PlanChooser) -> bool:
    """Whether everything but the match of email and password is in order."""
    complete = form.validate() and chooser.error is None and _tax_id(form) is not None
    complete = complete and not any(choice.error for choice in chooser.add_ons)
    complete = complete and _has_read_the_rule(form)
    if not form.password.errors:
        about = [form.name.data or "", form.email.data or "", form.company.data or ""]
        problem = passwords.refusal(form.password.data or "", about)
        form.password.errors = [problem] if problem else []
    return complete and not form.password.errors


def _has_read_the_rule(form: SignUpForm) -> bool:
    """Whether what the page said about seats is what will be kept as agreed to."""
    current = seat_consents.mark(_seats_rule())
    is_same = form.seats_rule.data in (None, "", current)
    if not is_same:
        form.form_errors.append(_(RULE_CHANGED))
    return is_same


def _seats_rule() -> str:
    return seat_consents.wording(db.session(), WhenFull.UPGRADE)


def _tax_id(form: SignUpForm) -> str | None:
    """The tax id in its compact form, "" where there is none; None, with the reason in the form,
    where it can't be one."""
    try:
        return tax_ids.check((form.tax_id.data or "").strip(), form.country.data or "")
    except RuleBroken as refusal:
        form.tax_id.errors = [str(refusal)]
        return None


def _open(form: SignUpForm, chooser: PlanChooser) -> Opened | None:
    """Open the account and sign in; None, with the reason in the form, where it can't be done."""
    try:
        return _try_to_open(form, chooser)
    except (IntegrityError, Overtaken):
        # The same form, or another with the same email, got there first: now it is known.
        return _try_to_open(form, chooser)


def _try_to_open(form: SignUpForm, chooser: PlanChooser) -> Opened | None:
    person = _person(form)
    if person is None or chooser.chosen is None:
        form.password.errors = [_(NO_MATCH)]
        return None
    application = _application(form, chooser.chosen, chooser.wanted, person)
    try:
        with transaction() as session:
            opened = sign_ups.open_account(session, application, now=clock.now())
            signed_in = sign_ins.begin(session, opened.user, opened.account.id)
    except UsedForSomethingElse as error:
        form.op_id.data = secrets.token_urlsafe(24)
        form.form_errors.append(str(error))
        return None
    sign_ins.remember(signed_in)
    return opened


def _person(form: SignUpForm) -> Person | None:
    """Who signs up; None when the email is somebody's and the password isn't theirs.

    One hash is worked out either way.
    """
    email, password = form.email.data or "", form.password.data or ""
    known = people.find_by_email(db.session(), email)
    if known is None:
        return Person(
            email, form.name.data or "", None, passwords.hash_of(password), request.remote_addr
        )
    if not passwords.verify(known.password_hash, password):
        return None
    return Person(email, known.name, known, known.password_hash, request.remote_addr)


def _application(
    form: SignUpForm, price: Price, add_ons: Mapping[int, int], person: Person
) -> Application:
    return Application(
        op_id=form.op_id.data or "",
        person=person,
        company=form.company.data or "",
        country=form.country.data,
        tax_id=_tax_id(form) or "",
        time_zone=time_zone_of(form.country.data),
        language=spoken(),
        price=price,
        add_ons=add_ons,
        way_to_pay=ways_to_pay.chosen(form.card.data if form.card else None),
    )


def _ask_for_card(chooser: PlanChooser) -> ResponseReturnValue:
    """Cards are entered on the gateway's own page; then the plan is confirmed."""
    flash(
        _("Your account is open. Add a card, and your plan begins when you confirm it."), "success"
    )
    plan = chooser.chosen.id if chooser.chosen else 0
    fields = {add_on_choice.field_of(key): count for key, count in chooser.wanted.items()}
    page = url_for("change_plan.quote", price_id=plan)
    page = f"{page}?{urlencode(fields)}" if fields else page
    return redirect(url_for("payment_method.show", next=page), 303)


def _land(change: PlanChange) -> ResponseReturnValue:
    plan = change.to_price.plan_name
    match change.state:
        case PlanChangeState.APPLIED:
            said = _("Welcome. %(plan)s is running; the invoice is on its way to you.", plan=plan)
            flash(said, "success")
        case PlanChangeState.FAILED:
            said = _(
                "Your account is open, but without a plan: %(failure)s Nothing was charged."
                " Choose a plan to try again.",
                failure=look_up(change.failure or ""),
            )
            flash(said, "error")
            return redirect(url_for("change_plan.show"), 303)
        case _:
            said = _(
                "Your account is open. %(plan)s starts when the payment is confirmed.", plan=plan
            )
            flash(said, "info")
            return paying.follow_change(change)
    return redirect(url_for("account.show"), 303)
