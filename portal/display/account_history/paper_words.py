"""What the billing history says about invoices that are handed out: files, links and emails."""

from datetime import datetime

from portal.billing.rules import describe
from portal.display.account_history.kinds import Details, Kind, Told, Words, sentence
from portal.language import gettext as _
from portal.web import formatting


def _file_asked(details: Details) -> Words:
    papers = details["papers"]
    told = describe.counted(
        papers,
        "%(num)s invoice or credit note is in it.",
        "%(num)s invoices and credit notes are in it.",
    )
    title = _("File asked for: %(title)s", title=details["title"])
    return title, told if papers else "", "neutral"


def _file_removed(details: Details) -> Words:
    return _("File removed: %(title)s", title=details["title"]), "", "neutral"


def _link_made(details: Details) -> Words:
    until = formatting.date(datetime.fromisoformat(details["until"]))
    told = _("Whoever has it sees the invoice without signing in, until %(date)s.", date=until)
    return _("Link to invoice %(number)s made", number=details["invoice"]), told, "neutral"


def _link_withdrawn(details: Details) -> Words:
    told = describe.counted(
        details["opened"], "It was opened %(num)s time.", "It was opened %(num)s times."
    )
    if details.get("left"):
        left = _("%(person)s, who made it, sees no invoices any more.", person=details["left"])
        told = f"{left} {told}"
    return _("Link to invoice %(number)s withdrawn", number=details["invoice"]), told, "neutral"


def _voided(details: Details) -> Words:
    title = _("Invoice %(number)s voided", number=details["invoice"])
    return title, f"{sentence(details['reason'])} {_by_note(details)}".strip(), "neutral"


def _reissued(details: Details) -> Words:
    title = _(
        "Invoice %(former)s issued again as %(number)s",
        former=details["replaces"],
        number=details["invoice"],
    )
    return title, f"{sentence(details['reason'])} {_by_note(details)}".strip(), "neutral"


def _by_note(details: Details) -> str:
    return _("Credit note %(number)s takes it back.", number=details["note"])


def _invoice_emails_chosen(details: Details) -> Words:
    if details["wants"]:
        return _("%(user)s gets invoices by email", user=details["user"]), "", "neutral"
    return _("%(user)s gets no invoices by email any more", user=details["user"]), "", "neutral"


def _sent_again(details: Details) -> Words:
    number = details.get("invoice") or details["credit_note"]
    told = _("To %(address)s.", address=details["to"])
    return _("%(number)s sent again", number=number), told, "neutral"


def _address_asked(details: Details) -> Words:
    told = _("No invoice is sent there before it agrees.")
    return _("%(email)s was asked to confirm invoices", email=details["email"]), told, "neutral"


def _address_confirmed(details: Details) -> Words:
    return _("%(email)s gets invoices by email", email=details["email"]), "", "neutral"


def _address_ended(details: Details) -> Words:
    told = _("Whoever reads there said so. It is off the list of the billing details.")
    return _("%(email)s wants no invoices", email=details["email"]), told, "neutral"


ACTIONS: dict[str, Told] = {
    "invoice.voided": Told(Kind.MONEY, _voided),
    "invoice.reissued": Told(Kind.MONEY, _reissued, amount="total"),
    "invoice_file.asked": Told(Kind.MONEY, _file_asked, is_brief=False),
    "invoice_file.removed": Told(Kind.MONEY, _file_removed, is_brief=False),
    "invoice_link.made": Told(Kind.MONEY, _link_made, is_brief=False),
    "invoice_link.withdrawn": Told(Kind.MONEY, _link_withdrawn, is_brief=False),
    "invoice_address.asked": Told(Kind.DETAILS, _address_asked, is_brief=False),
    "invoice_address.confirmed": Told(Kind.DETAILS, _address_confirmed, is_brief=False),
    "invoice_address.ended": Told(Kind.DETAILS, _address_ended, is_brief=False),
    "invoice_emails.chosen": Told(Kind.DETAILS, _invoice_emails_chosen, is_brief=False),
    "invoice_emails.sent_again": Told(Kind.DETAILS, _sent_again, is_brief=False),
}
