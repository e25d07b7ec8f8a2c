"""What the billing history says about each action of the trail.

Details are what the command kept then: entries of former versions have less, and stay.
"""

from datetime import datetime

from portal.billing.rules import describe, kept_words
from portal.billing.rules.period import Interval
from portal.display.account_history import limit_words, paper_words, people_words
from portal.display.account_history.kinds import Details, Kind, Told, Words, sentence
from portal.language import gettext as _
from portal.language import message
from portal.web import formatting


def _opened(details: Details) -> Words:
    return _("The account was opened"), "", "neutral"


def _confirmed(details: Details) -> Words:
    told = _("For %(due)s now.", due=details["due"])
    return _("%(plan)s confirmed", plan=details["plan"]), told, "neutral"


def _plan_changed(details: Details) -> Words:
    plan, before, reason = details["after"], details.get("before"), details["reason"]
    paid = _paid_for(details)
    match reason:
        case "initial":
            return _("%(plan)s began", plan=plan), paid, "good"
        case "auto_upgrade":
            title = _("Automatic upgrade from %(before)s to %(plan)s", before=before, plan=plan)
            return title, paid, "warn"
        case "downgrade":
            title = _("Downgrade from %(before)s to %(plan)s", before=before, plan=plan)
            return title, _("As scheduled."), "neutral"
        case _ if before == plan:
            every = describe.every(Interval(details["interval"]))
            title = _("%(plan)s is charged %(every)s from now on", plan=plan, every=every)
            return title, paid, "good"
        case _:
            title = _("Upgrade from %(before)s to %(plan)s", before=before, plan=plan)
            return title, paid, "good"


def _taken_back(details: Details) -> Words:
    plan, scheduled = details["after"], details.get("scheduled")
    ends = _day(details["cycle_ends"])
    told = _("%(plan)s runs again, in the cycle that ends on %(date)s.", plan=plan, date=ends)
    if scheduled:
        again = _("The downgrade to %(plan)s is scheduled again.", plan=scheduled)
        told = f"{told} {again}"
    title = _("Automatic upgrade to %(plan)s taken back", plan=details["before"])
    return title, told, "good"


def _change_failed(details: Details) -> Words:
    title = _("%(plan)s did not begin", plan=details["plan"])
    return title, sentence(details["reason"]), "bad"


def _called_off(details: Details) -> Words:
    title = _("%(plan)s called off", plan=details["plan"])
    return title, _("While its payment was waited for."), "neutral"


def _downgrade_scheduled(details: Details) -> Words:
    title = _("Downgrade to %(plan)s scheduled", plan=details["plan"])
    return title, _("For %(date)s.", date=_day(details["on"])), "neutral"


def _downgrade_withdrawn(details: Details) -> Words:
    return _("Downgrade to %(plan)s withdrawn", plan=details["plan"]), "", "neutral"


def _add_ons_bought(details: Details) -> Words:
    return _("%(what)s added", what=details["what"]), _paid_for(details), "good"


def _add_ons_removed(details: Details) -> Words:
    until = _("In use until %(date)s, and not charged again.", date=_day(details["on"]))
    return _("%(what)s removed", what=details["what"]), until, "neutral"


def _add_ons_kept(details: Details) -> Words:
    title = _("%(what)s kept", what=details["what"])
    return title, _("The removal was withdrawn."), "neutral"


def _add_ons_not_removed(details: Details) -> Words:
    title = _("%(what)s not removed", what=details["what"])
    return title, sentence(details["reason"]), "warn"


def _cancelled(details: Details) -> Words:
    told = _("It ends on %(date)s.", date=_day(details["on"]))
    return _("%(plan)s cancelled", plan=details["plan"]), told, "warn"


def _cancellation_withdrawn(details: Details) -> Words:
    plan, on = details["plan"], _day(details["on"])
    told = _("%(plan)s renews on %(date)s.", plan=plan, date=on)
    return _("Cancellation withdrawn"), told, "good"


def _ended(details: Details) -> Words:
    known = {
        "cancelled": _("It was cancelled."),
        "unpaid": _("An invoice stayed unpaid after the last attempt to collect it."),
    }
    reason = details["reason"]
    return _("The subscription ended"), known.get(reason) or sentence(reason), "bad"


def _invoiced(details: Details) -> Words:
    due, total, number = details["due"], details["total"], details["number"]
    title = _(INVOICED.get(details["reason"], INVOICED_FOR_CHANGE))
    told = _("%(total)s by invoice %(number)s.", total=total, number=number)
    if not _is_some(due) and due != total:
        told = _(
            "%(total)s by invoice %(number)s, nothing to pay after the credit balance.",
            total=total,
            number=number,
        )
    elif due != total:
        told = _(
            "%(total)s by invoice %(number)s, %(due)s to pay after the credit balance.",
            total=total,
            number=number,
            due=due,
        )
    return title, told, "neutral"


def _by_hand(details: Details) -> Words:
    title = _("Payment of %(amount)s begun", amount=details["amount"])
    return title, _("For %(number)s.", number=details["invoice"]), "neutral"


def _paid(details: Details) -> Words:
    return _("Payment of %(amount)s received", amount=details["amount"]), "", "good"


def _declined(details: Details) -> Words:
    title = _("A payment of %(amount)s was declined", amount=details["amount"])
    return title, _("Nothing was charged."), "bad"


def _credited(details: Details) -> Words:
    parts = (
        ("off_invoice", message("%(amount)s taken off the invoice")),
        ("to_method", message("%(amount)s to the payment method")),
        ("to_balance", message("%(amount)s to the credit balance")),
    )
    told = [_(where, amount=details[key]) for key, where in parts if _is_some(details[key])]
    division = f"{describe.listing(told)}." if told else ""
    title = _(
        "%(total)s of invoice %(number)s credited",
        total=details["total"],
        number=details["invoice"],
    )
    return title, f"{sentence(details['reason'])} {sentence(division)}".strip(), "good"


def _refunded(details: Details) -> Words:
    title = _("Refund of %(amount)s sent", amount=details["amount"])
    return title, _("To %(method)s.", method=kept_words.translated(details["method"])), "good"


def _refund_declined(details: Details) -> Words:
    title = _("The refund of %(amount)s did not go through", amount=details["amount"])
    return title, _("It is in your credit balance instead."), "warn"


def _on_hold(details: Details) -> Words:
    told = _("Nothing is charged by itself until the vendor has looked at the account.")
    return _("Charges are on hold"), told, "warn"


def _released(details: Details) -> Words:
    return _("Charges go on"), _("The vendor has looked at the account."), "neutral"


# Why an invoice was issued, as a title.
INVOICED = {
    "initial": message("First invoice"),
    "renewal": message("The plan was renewed"),
    "add_ons": message("Invoice for add-ons"),
    "auto_upgrade": message("Invoice for the automatic upgrade"),
}
INVOICED_FOR_CHANGE = message("Invoice for the change of plan")


def _paid_for(details: Details) -> str:
    paid = details.get("paid")
    if not paid:
        return ""
    if not _is_some(paid):
        return _("Nothing to pay: credit covered it.")
    return _("Paid %(amount)s.", amount=paid)


def _is_some(amount: str) -> bool:
    """Whether an amount in words is of more than nothing."""
    return any(digit in amount for digit in "123456789")


def _documents_removed(details: Details) -> Words:
    title = describe.counted(
        details["count"], "%(num)s document removed", "%(num)s documents removed"
    )
    return f"{title}, {details['size']}", sentence(details["why"]), "neutral"


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
    **people_words.ACTIONS,
}
