"""Billing details: who invoices are made out to, and which addresses they are sent to."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice, SelectField, StringField, TextAreaField
from wtforms.validators import InputRequired

from portal import clock
from portal.billing import (
    billing_details,
    countries,
    invoice_addresses,
    invoice_emails,
    taxes,
)
from portal.billing.billing_details import (
    ADDRESS_LINES,
    COMPANY_LENGTH,
    MOST_EMAILS,
    PO_NUMBER_LENGTH,
    TAX_ID_LENGTH,
    Details,
    DetailsRefused,
)
from portal.billing.invoice_addresses import AskedOften, NotWaiting
from portal.billing.invoice_emails import NobodyReads
from portal.billing.rules.tax import Tax
from portal.blueprints.auth import places
from portal.extensions import db
from portal.language import LANGUAGES, message, pgettext
from portal.language import gettext as _
from portal.models import Membership
from portal.transaction import transaction
from portal.web import attempts
from portal.web.access import lock_own, principal, requires
from portal.web.forms import Form
from portal.web.permissions import Permission

bp = Blueprint("billing_details", __name__)

PAGE = "billing_details/show.html"
CHOSEN = {
    "yes": message("From now on each invoice is emailed to you."),
    "no": message(
        "Invoices are not emailed to you any more. They stay here to be read and downloaded."
    ),
}


class BillingDetailsForm(Form):
    """What an Admin enters; `details` holds the checked ones after `validate`."""

    company = StringField(
        message("Company"),
        [InputRequired(message("Enter the company's name as it stands on invoices."))],
        render_kw={"maxlength": COMPANY_LENGTH, "autocomplete": "organization"},
    )
    address = TextAreaField(
        message("Address"),
        render_kw={"rows": 3, "autocomplete": "street-address"},
    )
    country = SelectField(
        message("Country"), choices=places.countries, render_kw={"autocomplete": "country"}
    )
    tax_id = StringField(
        message("Tax id"),
        description=message("Your VAT number, or the tax id of businesses in your country."),
        render_kw={"maxlength": TAX_ID_LENGTH, "autocomplete": "off", "spellcheck": "false"},
    )
    po_number = StringField(
        message("PO number"),
        description=message("Your own order number, printed on every invoice."),
        render_kw={"maxlength": PO_NUMBER_LENGTH, "autocomplete": "off"},
    )
    language = SelectField(
        message("Language of invoices and emails"),
        choices=[SelectChoice(language, name) for language, name in LANGUAGES.items()],
        default=lambda: principal().account.language,
        description=message(
            "Of all that is issued from now on; documents issued before stay as they are."
        ),
    )
    invoice_emails = TextAreaField(
        message("Send invoices also to"),
        render_kw={"rows": 3, "autocomplete": "off", "spellcheck": "false", "inputmode": "email"},
    )

    def __init__(self, **kept: Any) -> None:
        super().__init__(**kept)
        self.address.description = _(
            "As it stands on invoices, up to %(num)s lines.", num=ADDRESS_LINES
        )
        self.invoice_emails.description = _(
            "Email addresses, one a line, at most %(num)s. Each new one is asked first, by email."
            " Admins and billing contacts choose for themselves below.",
            num=MOST_EMAILS,
        )

    def validate(self, extra_validators: Any = None) -> bool:
        is_complete = bool(super().validate(extra_validators))
        try:
            self.details = billing_details.check(
                {name: self[name].data or "" for name in Details.__dataclass_fields__}
            )
        except DetailsRefused as refused:
            self.refuse(refused)
            return False
        return is_complete

    def refuse(self, refused: DetailsRefused) -> None:
        for name, problem in refused.problems.items():
            self[name].errors = [problem]


@bp.get("/billing")
@requires(Permission.SEE_INVOICES)
def show() -> ResponseReturnValue:
    """The form for Admins; what is in it for billing contacts."""
    details = billing_details.of(principal().account)
    return _page(_form_of(details))


@bp.post("/billing/my-invoices")
@requires(Permission.SEE_INVOICES)
def choose_for_myself() -> ResponseReturnValue:
    """Whether who is signed in gets each invoice by email."""
    wants = request.form.get("wants")
    if wants not in CHOSEN:
        abort(422)
    try:
        is_new = _choose(wants == "yes")
    except NobodyReads as refusal:
        return _page(_form_of(billing_details.of(principal().account)), str(refusal)), 422
    flash(_(CHOSEN[wants]) if is_new else _("It was so already."), "success")
    return redirect(url_for("billing_details.show"), 303)


@bp.post("/billing/addresses")
@attempts.emails_again
@requires(Permission.MANAGE_BILLING)
def ask_again() -> ResponseReturnValue:
    """Ask the reader of an address once more whether invoices are to come there."""
    actor = principal().actor
    email = request.form.get("email", "")
    try:
        with transaction() as session:
            account = lock_own(session)
            invoice_addresses.ask_again(session, account, email, now=clock.now(), actor=actor)
    except (AskedOften, NotWaiting) as refusal:
        flash(str(refusal), "error")
    else:
        flash(_("An email that asks for it is on its way to %(email)s.", email=email), "success")
    return redirect(url_for("billing_details.show"), 303)


@bp.post("/billing")
@requires(Permission.MANAGE_BILLING)
def save() -> ResponseReturnValue:
    form = BillingDetailsForm()
    if not form.validate():
        return _page(form), 422
    try:
        said = _save(form.details)
    except DetailsRefused as refused:
        form.refuse(refused)
        return _page(form), 422
    flash(*said)
    return redirect(url_for("billing_details.show"), 303)


def _form_of(details: Details) -> BillingDetailsForm:
    return BillingDetailsForm(
        company=details.company,
        address="\n".join(details.address),
        country=details.country,
        tax_id=details.tax_id,
        po_number=details.po_number,
        language=details.language,
        invoice_emails="\n".join(details.invoice_emails),
    )


def _save(details: Details) -> tuple[str, str]:
    """Keep them; returns what there is to say, and its category."""
    actor, now = principal().actor, clock.now()
    with transaction() as session:
        account = lock_own(session)
        before = _tax_words(taxes.applying(session, account))
        if not billing_details.change(session, account, details, now=now, actor=actor):
            return _("Nothing was changed."), "info"
        after = _tax_words(taxes.applying(session, account))
    if after == before:
        saved = _("The billing details are saved. They are on invoices from the next one on.")
        return saved, "success"
    saved = _(
        "The billing details are saved. They are on invoices from the next one on. Tax on them:"
        " %(after)s Until now: %(before)s",
        after=after,
        before=before,
    )
    return saved, "success"


def _choose(wants: bool) -> bool:
    actor, membership_id = principal().actor, principal().membership_id
    with transaction() as session:
        mine = session.get_one(Membership, membership_id)
        return invoice_emails.want(session, mine, wants, now=clock.now(), actor=actor)


def _page(form: BillingDetailsForm, not_chosen_because: str = "") -> str:
    session, account = db.session(), principal().account
    details = billing_details.of(account)
    return render_template(
        PAGE,
        form=form,
        details=details,
        country=countries.name_of(details.country),
        language=LANGUAGES[details.language],
        tax=_tax_words(taxes.applying(session, account)),
        can_edit=principal().may(Permission.MANAGE_BILLING),
        readers=invoice_emails.readers(session, account),
        me=principal().user.email,
        i_want=session.get_one(Membership, principal().membership_id).wants_invoices,
        not_chosen_because=not_chosen_because,
    )


def _tax_words(tax: Tax) -> str:
    """What an invoice of today carries, in a sentence or two."""
    if tax.basis_points:
        return f"{tax.text}."
    if tax.note:
        return _("None. The invoice says: “%(note)s”", note=tax.note)
    return pgettext("tax", "None.")
