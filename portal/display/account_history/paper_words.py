"""What the billing history says about invoices that are handed out: files, links and emails."""

from datetime import datetime

from portal.billing.rules import describe
from portal.display.account_history.kinds import Details, Kind, Told, Words
from portal.language import gettext as _
from portal.web import formatting


def _file_asked(details: Details) -> Words:
    papers = details["papers"]
    count = describe.counted(
        papers, "%(num)s invoice or credit note", "%(num)s invoices and credit notes"
    )
    told = f"With {count}." if papers else ""
    return f"File asked for: {details['title']}", told, "neutral"


def _file_removed(details: Details) -> Words:
    return f"File removed: {details['title']}", "", "neutral"


def _link_made(details: Details) -> Words:
    until = formatting.date(datetime.fromisoformat(details["until"]))
    told = f"Whoever has it sees the invoice without signing in, until {until}."
    return f"Link to invoice {details['invoice']} made", told, "neutral"


def _link_withdrawn(details: Details) -> Words:
    told = f"It was opened {describe.counted(details['opened'], '%(num)s time', '%(num)s times')}."
    if details.get("left"):
        left = _("%(person)s, who made it, sees no invoices any more.", person=details["left"])
        told = f"{left} {told}"
    return f"Link to invoice {details['invoice']} withdrawn", told, "neutral"


def _invoice_emails_chosen(details: Details) -> Words:
    if details["wants"]:
        return f"{details['user']} gets invoices by email", "", "neutral"
    return f"{details['user']} gets no invoices by email any more", "", "neutral"


def _sent_again(details: Details) -> Words:
    number = details.get("invoice") or details["credit_note"]
    return f"{number} sent again", f"To {details['to']}.", "neutral"


def _address_asked(details: Details) -> Words:
    told = _("No invoice is sent there before it agrees.")
    return _("%(email)s was asked to confirm invoices", email=details["email"]), told, "neutral"


def _address_confirmed(details: Details) -> Words:
    return _("%(email)s gets invoices by email", email=details["email"]), "", "neutral"


def _address_ended(details: Details) -> Words:
    told = _("Whoever reads there said so. It is off the list of the billing details.")
    return _("%(email)s wants no invoices", email=details["email"]), told, "neutral"


ACTIONS: dict[str, Told] = {
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
