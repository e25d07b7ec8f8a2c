"""What the billing history says about each action of the trail.

Details are what the command kept then: entries of former versions have less, and stay.
"""

from datetime import datetime
from typing import Any

from portal.billing import countries
from portal.billing.rules import describe
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import LABELS, Role
from portal.display.account_history import limit_words, paper_words
from portal.display.account_history.kinds import Details, Kind, Told, Words, sentence
from portal.web import formatting


def _opened(details: Details) -> Words:
    return "The account was opened", "", "neutral"


def _confirmed(details: Details) -> Words:
    return f"{details['plan']} confirmed", f"For {details['due']} now.", "neutral"


def _plan_changed(details: Details) -> Words:
    plan, before, reason = details["after"], details.get("before"), details["reason"]
    paid = _paid_for(details)
    match reason:
        case "initial":
            return f"{plan} began", paid, "good"
        case "auto_upgrade":
            return f"Automatic upgrade from {before} to {plan}", paid, "warn"
        case "downgrade":
            return f"Downgrade from {before} to {plan}", "As scheduled.", "neutral"
        case _ if before == plan:
            every = describe.every(Interval(details["interval"]))
            return f"{plan} is charged {every} from now on", paid, "good"
        case _:
            return f"Upgrade from {before} to {plan}", paid, "good"


def _taken_back(details: Details) -> Words:
    plan, scheduled = details["after"], details.get("scheduled")
    told = f"{plan} runs again, in the cycle that ends on {_day(details['cycle_ends'])}."
    if scheduled:
        told = f"{told} The downgrade to {scheduled} is scheduled again."
    return f"Automatic upgrade to {details['before']} taken back", told, "good"


def _change_failed(details: Details) -> Words:
    return f"{details['plan']} did not begin", sentence(details["reason"]), "bad"


def _called_off(details: Details) -> Words:
    return f"{details['plan']} called off", "While its payment was waited for.", "neutral"


def _downgrade_scheduled(details: Details) -> Words:
    return f"Downgrade to {details['plan']} scheduled", f"For {_day(details['on'])}.", "neutral"


def _downgrade_withdrawn(details: Details) -> Words:
    return f"Downgrade to {details['plan']} withdrawn", "", "neutral"


def _add_ons_bought(details: Details) -> Words:
    return f"{details['what']} added", _paid_for(details), "good"


def _add_ons_removed(details: Details) -> Words:
    until = f"In use until {_day(details['on'])}, and not charged again."
    return f"{details['what']} removed", until, "neutral"


def _add_ons_kept(details: Details) -> Words:
    return f"{details['what']} kept", "The removal was withdrawn.", "neutral"


def _add_ons_not_removed(details: Details) -> Words:
    return f"{details['what']} not removed", sentence(details["reason"]), "warn"


def _cancelled(details: Details) -> Words:
    return f"{details['plan']} cancelled", f"It ends on {_day(details['on'])}.", "warn"


def _cancellation_withdrawn(details: Details) -> Words:
    on = _day(details["on"])
    return "Cancellation withdrawn", f"{details['plan']} renews on {on}.", "good"


def _ended(details: Details) -> Words:
    known = {
        "cancelled": "It was cancelled.",
        "unpaid": "An invoice stayed unpaid after the last attempt to collect it.",
    }
    reason = details["reason"]
    return "The subscription ended", known.get(reason) or sentence(reason), "bad"


def _invoiced(details: Details) -> Words:
    due, total, number = details["due"], details["total"], details["number"]
    to_pay = "" if due == total else f", {_or_nothing(due)} to pay after the credit balance"
    titles = {
        "initial": "First invoice",
        "renewal": "The plan was renewed",
        "add_ons": "Invoice for add-ons",
        "auto_upgrade": "Invoice for the automatic upgrade",
    }
    title = titles.get(details["reason"], "Invoice for the change of plan")
    return title, f"{total} by invoice {number}{to_pay}.", "neutral"


def _by_hand(details: Details) -> Words:
    return f"Payment of {details['amount']} begun", f"For {details['invoice']}.", "neutral"


def _paid(details: Details) -> Words:
    return f"Payment of {details['amount']} received", "", "good"


def _declined(details: Details) -> Words:
    return f"A payment of {details['amount']} was declined", "Nothing was charged.", "bad"


def _credited(details: Details) -> Words:
    parts = (
        ("off_invoice", "taken off the invoice"),
        ("to_method", "to the payment method"),
        ("to_balance", "to the credit balance"),
    )
    told = [f"{details[key]} {where}" for key, where in parts if _is_some(details[key])]
    division = f"{describe.listing(told)}." if told else ""
    title = f"{details['total']} of invoice {details['invoice']} credited"
    return title, f"{sentence(details['reason'])} {sentence(division)}".strip(), "good"


def _refunded(details: Details) -> Words:
    return f"Refund of {details['amount']} sent", f"To {details['method']}.", "good"


def _refund_declined(details: Details) -> Words:
    kept = "It is in your credit balance instead."
    return f"The refund of {details['amount']} did not go through", kept, "warn"


def _on_hold(details: Details) -> Words:
    told = "Nothing is charged by itself until the vendor has looked at the account."
    return "Charges are on hold", told, "warn"


def _released(details: Details) -> Words:
    return "Charges go on", "The vendor has looked at the account.", "neutral"


def _user_added(details: Details) -> Words:
    return f"{details['user']} was added", f"As {_role(details['role'])}.", "neutral"


def _role_changed(details: Details) -> Words:
    before, after = _role(details["before"]), _role(details["after"])
    return f"{details['user']} became {after}", f"{before} before.", "neutral"


def _deactivated(details: Details) -> Words:
    return f"{details['user']} was deactivated", "", "neutral"


def _reactivated(details: Details) -> Words:
    return f"{details['user']} was given access again", "", "neutral"


def _method_changed(details: Details) -> Words:
    before = f"{details['before']} before." if details.get("before") else ""
    return f"Payment by {details['label']} from now on", before, "neutral"


def _details_changed(details: Details) -> Words:
    changes = [
        f"{name}: {_value(field, before)} → {_value(field, after)}."
        for field, name in FIELDS.items()
        for before, after in [details["changed"].get(field, (None, None))]
        if before != after
    ]
    return "Billing details changed", " ".join(changes), "neutral"


FIELDS = {
    "company": "Company",
    "address": "Address",
    "country": "Country",
    "tax_id": "Tax id",
    "po_number": "PO number",
    "invoice_emails": "Invoices also to",
    "tax_exempt_reason": "Exempt from tax",
}


def _value(field: str, value: Any) -> str:
    if not value:
        return "none"
    if field == "country":
        return countries.name_of(value)
    return ", ".join(value) if isinstance(value, list) else str(value)


def _paid_for(details: Details) -> str:
    paid = details.get("paid")
    if not paid:
        return ""
    return f"Paid {paid}." if _is_some(paid) else "Nothing to pay: credit covered it."


def _or_nothing(amount: str) -> str:
    return amount if _is_some(amount) else "nothing"


def _is_some(amount: str) -> bool:
    """Whether an amount in words is of more than nothing."""
    return any(digit in amount for digit in "123456789")


def _role(name: str) -> str:
    return LABELS[Role(name)]


def _documents_removed(details: Details) -> Words:
    what = describe.counted(details["count"], "%(num)s document", "%(num)s documents")
    return f"{what} removed, {details['size']}", sentence(details["why"]), "neutral"


def _day(instant: str) -> str:
    return formatting.date(datetime.fromisoformat(instant))


ACTIONS: dict[str, Told] = {
    "account.opened": Told(Kind.PLAN, _opened),
    "plan.change_confirmed": Told(Kind.PLAN, _confirmed, is_brief=False),
    "plan.change_called_off": Told(Kind.PLAN, _called_off, is_brief=False),
    "plan.changed": Told(Kind.PLAN, _plan_changed, amount="paid"),
    "plan.upgrade_taken_back": Told(Kind.PLAN, _taken_back),
    "plan.change_failed": Told(Kind.PLAN, _change_failed),
    "plan.downgrade_scheduled": Told(Kind.PLAN, _downgrade_scheduled),
    "plan.downgrade_withdrawn": Told(Kind.PLAN, _downgrade_withdrawn),
    "add_ons.bought": Told(Kind.PLAN, _add_ons_bought, amount="paid"),
    "add_ons.removed": Told(Kind.PLAN, _add_ons_removed),
    "add_ons.kept": Told(Kind.PLAN, _add_ons_kept),
    "add_ons.not_removed": Told(Kind.PLAN, _add_ons_not_removed),
    "subscription.cancelled": Told(Kind.PLAN, _cancelled),
    "subscription.cancellation_withdrawn": Told(Kind.PLAN, _cancellation_withdrawn),
    "subscription.ended": Told(Kind.PLAN, _ended),
    "documents.removed": Told(Kind.LIMITS, _documents_removed, is_brief=False),
    "invoice.issued": Told(Kind.MONEY, _invoiced, amount="total"),
    "payment.by_hand": Told(Kind.MONEY, _by_hand, is_brief=False),
    "payment.succeeded": Told(Kind.MONEY, _paid, amount="amount", is_brief=False),
    "payment.declined": Told(Kind.MONEY, _declined),
    "credit_note.issued": Told(Kind.MONEY, _credited, amount="total", sign=-1),
    "refund.succeeded": Told(Kind.MONEY, _refunded, amount="amount", sign=-1),
    "refund.declined": Told(Kind.MONEY, _refund_declined),
    "account.parked": Told(Kind.MONEY, _on_hold),
    "account.released": Told(Kind.MONEY, _released),
    **limit_words.ACTIONS,
    **paper_words.ACTIONS,
    "user.added": Told(Kind.PEOPLE, _user_added, is_brief=False),
    "user.role_changed": Told(Kind.PEOPLE, _role_changed, is_brief=False),
    "user.deactivated": Told(Kind.PEOPLE, _deactivated, is_brief=False),
    "user.reactivated": Told(Kind.PEOPLE, _reactivated, is_brief=False),
    "payment_method.changed": Told(Kind.DETAILS, _method_changed),
    "billing_details.changed": Told(Kind.DETAILS, _details_changed),
}
