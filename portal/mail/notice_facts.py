"""What emails say about accounts, counts, quotes and invoices, ready for their templates."""

from datetime import date as Date
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote as url_quote
from zoneinfo import ZoneInfo

from portal.billing.rules import describe, kept_words
from portal.billing.rules.counting import Metric, amount_of, of_limit
from portal.billing.rules.lines import LineKind, TaxSum
from portal.billing.rules.money import Money
from portal.billing.rules.plan_change import Quote
from portal.language import gettext as _
from portal.mail.usage_places import MAKE_ROOM
from portal.models import (
    CreditNote,
    Episode,
    EpisodeWarning,
    Invitation,
    Invoice,
    InvoiceStatus,
    Payment,
)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def of_invitation(invitation: Invitation) -> dict[str, Any]:
    """Valid for whole days: those are true on every clock, a date only on one."""
    return {
        "role": invitation.role,
        "days_valid": round((invitation.expires_at - invitation.created_at) / DAY),
    }


def of_warning(
    warning: EpisodeWarning, quote: Quote | None, *, now: datetime, zone: str
) -> dict[str, Any]:
    metric, too_much = warning.episode.metric, warning.used - warning.limit_value
    return {
        **of_deadline(warning.episode, warning.deadline_at, quote, now=now, zone=zone),
        **standing(metric, warning.used, warning.limit_value),
        "warning": warning,
        "excess": amount_of(metric, too_much, round_up=True),
    }


def of_deadline(
    episode: Episode, deadline_at: datetime, quote: Quote | None, *, now: datetime, zone: str
) -> dict[str, Any]:
    """When an episode's upgrade comes, and what is charged then."""
    when = ahead(deadline_at, now, zone)
    return {
        **of_episode(episode),
        "deadline_at": deadline_at,
        "when": when,
        # As it begins a sentence.
        "when_first": f"{when[:1].upper()}{when[1:]}",
        "written_at": now,
        "quote": quote,
        "lines": quote_lines(quote) if quote else [],
        "every": describe.every(quote.target.interval) if quote else "",
    }


def of_episode(episode: Episode) -> dict[str, Any]:
    place = MAKE_ROOM[episode.metric]
    return {
        "episode": episode,
        "metric": episode.metric.value,
        "plan": episode.price.plan_name,
        "make_room_path": place.path,
        "make_room_button": _(place.label),
        "episode_path": episode_path(episode),
    }


def episode_path(episode: Episode) -> str:
    """Where all of an episode is told."""
    return f"/account/over-limit/{episode.public_id}"


def standing(metric: Metric, used: int, limit: int | None) -> dict[str, str]:
    """Counts in words: "11 seats", "10 seats", and "11 of 10 seats"."""
    if limit is None:
        words = amount_of(metric, used)
        return {"used": words, "limit": _("unlimited"), "standing": words}
    return {
        "used": amount_of(metric, used, round_up=used > limit),
        "limit": amount_of(metric, limit),
        "standing": of_limit(metric, used, limit),
    }


def of_invoice(invoice: Invoice, payment: Payment | None = None) -> dict[str, Any]:
    """Its lines and sums; `paid_with` what `payment` collected it by, "" where none did."""
    surplus = invoice.money(invoice.surplus_minor)
    applied = invoice.money(invoice.balance_applied_minor)
    plan = [line for line in invoice.lines if line.kind == LineKind.PLAN]
    days = (invoice.period_end_at - invoice.period_start_at).days
    return {
        "invoice": invoice,
        "is_paid": invoice.status == InvoiceStatus.PAID,
        "paid_with": kept_words.translated(payment.method.label) if payment else "",
        "lines": [
            *[line_of(line.description, line.explanation, line.money) for line in invoice.lines],
            *[tax_line(each) for each in invoice.taxes],
            *_kept(surplus),
            *_from_balance(applied),
        ],
        "surplus": surplus,
        "every": describe.counted(days, "every %(num)s day", "every %(num)s days"),
        "plan_line": plan[0] if plan else None,
        "bought": [line.description for line in invoice.lines if line.kind == LineKind.ADD_ON],
        "next_total": _whole_cycle(invoice) if plan else None,
        "from_balance": applied,
        "invoice_path": paper_path(invoice),
    }


def paper_path(paper: Invoice | CreditNote) -> str:
    """Where an invoice or a credit note is shown."""
    folder = "invoices" if isinstance(paper, Invoice) else "credit-notes"
    return f"/{folder}/{url_quote(paper.number_text, safe='')}"


def quote_lines(quote: Quote) -> list[dict[str, Any]]:
    """What a quote adds up to what is due now: label, detail and signed amount of each line, of
    the tax, and of what goes to the credit balance or comes from it."""
    sums = quote.draft
    return [
        *[line_of(line.description, line.explanation, line.amount) for line in sums.lines],
        *[tax_line(each) for each in sums.taxes],
        *_kept(sums.surplus),
        *_from_balance(sums.balance_applied),
    ]


def line_of(label: str, detail: str, amount: Money) -> dict[str, Any]:
    """A line of a sum, with how it is worked out, or ""."""
    return {"label": label, "detail": detail, "amount": amount}


def tax_line(sums: TaxSum) -> dict[str, Any]:
    """The tax of one rate as a line of a sum, with what it is on."""
    return line_of(sums.tax.text, _("on %(base)s", base=describe.money(sums.base)), sums.amount)


def ahead(deadline_at: datetime, now: datetime, zone: str) -> str:
    """How far off a deadline is, in days that will have gone by: "in 5 days", "tomorrow"."""
    left = deadline_at - now
    if left < DAY:
        return describe.counted(max(left // HOUR, 1), "in %(num)s hour", "in %(num)s hours")
    if (_day(deadline_at, zone) - _day(now, zone)).days == 1:
        return _("tomorrow")
    return describe.counted(left // DAY, "in %(num)s day", "in %(num)s days")


def _day(instant: datetime, zone: str) -> Date:
    return instant.astimezone(ZoneInfo(zone)).date()


def _whole_cycle(invoice: Invoice) -> Money:
    """What every later cycle is charged, tax included: what this one was, without its credits."""
    charged = [line for line in invoice.lines if line.amount_minor > 0]
    return sum(
        (line.money + Money(line.tax_minor, line.currency) for line in charged), invoice.money(0)
    )


def _kept(surplus: Money) -> list[dict[str, Any]]:
    return [] if surplus.is_zero else [line_of(_("Kept as your credit balance"), "", surplus)]


def _from_balance(applied: Money) -> list[dict[str, Any]]:
    return [] if applied.is_zero else [line_of(_("From your credit balance"), "", -applied)]
