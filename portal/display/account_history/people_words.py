"""What the billing history says about people and details: users, how is paid, billing details."""

from typing import Any

from portal.billing import countries
from portal.billing.rules import kept_words
from portal.billing.rules.roles import Role
from portal.display.account_history.kinds import Details, Kind, Told, Words
from portal.language import LANGUAGES, message, pgettext
from portal.language import gettext as _


def _user_added(details: Details) -> Words:
    told = _("As %(role)s.", role=_role(details["role"]))
    return _("%(user)s was added", user=details["user"]), told, "neutral"


def _role_changed(details: Details) -> Words:
    before, after = _role(details["before"]), _role(details["after"])
    title = _("%(user)s became %(role)s", user=details["user"], role=after)
    return title, _("%(former)s before.", former=before), "neutral"


def _deactivated(details: Details) -> Words:
    return _("%(user)s was deactivated", user=details["user"]), "", "neutral"


def _reactivated(details: Details) -> Words:
    return _("%(user)s was given access again", user=details["user"]), "", "neutral"


def _method_changed(details: Details) -> Words:
    before = details.get("before")
    told = _("%(former)s before.", former=kept_words.translated(before)) if before else ""
    label = kept_words.translated(details["label"])
    return _("Payment by %(method)s from now on", method=label), told, "neutral"


def _details_changed(details: Details) -> Words:
    changes = [
        f"{_(name)}: {_value(field, before)} → {_value(field, after)}."
        for field, name in FIELDS.items()
        for before, after in [details["changed"].get(field, (None, None))]
        if before != after
    ]
    return _("Billing details changed"), " ".join(changes), "neutral"


FIELDS = {
    "company": message("Company"),
    "address": message("Address"),
    "country": message("Country"),
    "tax_id": message("Tax id"),
    "po_number": message("PO number"),
    "invoice_emails": message("Invoices also to"),
    "tax_exempt_reason": message("Exempt from tax"),
    "language": message("Language of invoices and emails"),
}


def _value(field: str, value: Any) -> str:
    if not value:
        return pgettext("billing details", "none")
    if field == "country":
        return countries.name_of(value)
    if field == "language":
        return LANGUAGES[value]
    return ", ".join(value) if isinstance(value, list) else str(value)


def _role(name: str) -> str:
    return Role(name).label


ACTIONS: dict[str, Told] = {
    "user.added": Told(Kind.PEOPLE, _user_added, is_brief=False),
    "user.role_changed": Told(Kind.PEOPLE, _role_changed, is_brief=False),
    "user.deactivated": Told(Kind.PEOPLE, _deactivated, is_brief=False),
    "user.reactivated": Told(Kind.PEOPLE, _reactivated, is_brief=False),
    "payment_method.changed": Told(Kind.DETAILS, _method_changed),
    "billing_details.changed": Told(Kind.DETAILS, _details_changed),
}
