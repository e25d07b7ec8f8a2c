"""What the billing history says about invoices that are handed out: files, links and emails."""

from datetime import datetime

from portal.billing.rules import describe
from portal.display.account_history.kinds import Details, Kind, Told, Words
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
    return f"Link to invoice {details['invoice']} withdrawn", told, "neutral"


def _invoice_emails_chosen(details: Details) -> Words:
    if details["wants"]:
        return f"{details['user']} gets invoices by email", "", "neutral"
    return f"{details['user']} gets no invoices by email any more", "", "neutral"


def _sent_again(details: Details) -> Words:
    number = details.get("invoice") or details["credit_note"]
    return f"{number} sent again", f"To {details['to']}.", "neutral"


ACTIONS: dict[str, Told] = {
    "invoice_file.asked": Told(Kind.MONEY, _file_asked, is_brief=False),
    "invoice_file.removed": Told(Kind.MONEY, _file_removed, is_brief=False),
    "invoice_link.made": Told(Kind.MONEY, _link_made, is_brief=False),
    "invoice_link.withdrawn": Told(Kind.MONEY, _link_withdrawn, is_brief=False),
    "invoice_emails.chosen": Told(Kind.DETAILS, _invoice_emails_chosen, is_brief=False),
    "invoice_emails.sent_again": Told(Kind.DETAILS, _sent_again, is_brief=False),
}
