"""The list of invoices and credit notes: what its address asks for, and the page that shows it."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, request, url_for

from portal.billing import credit_notes, invoice_lists
from portal.billing.invoice_lists import LAST_YEAR, Asked, Paper, State
from portal.billing.rules.money import Money
from portal.blueprints.paging import Paging
from portal.extensions import db
from portal.language import gettext as _
from portal.language import pgettext
from portal.models import CreditNote, Invoice, InvoiceStatus
from portal.papers import invoice_display, invoice_progress
from portal.web.access import principal
from portal.web.forms import clean_text
from portal.web.htmx import page_or_fragment, wants_fragment

PAGE_LENGTH = 25
TONES = {InvoiceStatus.OPEN: "info", InvoiceStatus.PAID: "good"}


@dataclass(frozen=True)
class Form:
    """What the address asks for; what it can't mean is left out."""

    asked: Asked

    @property
    def filters(self) -> dict[str, str]:
        asked = self.asked
        parts = {
            "year": str(asked.year or ""),
            "state": asked.state.value if asked.state else "",
            "q": asked.text,
        }
        return {name: value for name, value in parts.items() if value}

    def url(self, page: int) -> str:
        values: dict[str, Any] = dict(self.filters)
        return url_for("invoices.index", **values | ({"page": page} if page > 1 else {}))


@dataclass(frozen=True)
class Listed:
    """A row of the list. `amount` of a credit note is below zero; `notes` are an invoice's, and
    `corrects` is the number of a credit note's invoice, "" of an invoice."""

    number: str
    issued_at: datetime
    what_for: str
    badge: tuple[str, str]
    amount: Money
    has_pdf: bool
    corrects: str
    notes: Sequence[CreditNote]


def asked() -> Form:
    """By the address of this request, also where a form was sent to it."""
    values = request.args
    year, state = values.get("year", 0, type=int), values.get("state", "")
    return Form(
        Asked(
            year=year if 1970 <= year <= LAST_YEAR else None,
            state=State(state) if state in tuple(State) else None,
            text=(clean_text(values.get("q")) or "")[: invoice_lists.SEARCH_AT_MOST],
        )
    )


def page(
    form: Form, *, chosen: Collection[str] = (), problem: str = "", status: int = 200
) -> Response:
    """The list, or for htmx its region. `problem` says why what was to be done with the `chosen`
    was not done."""
    session, account = db.session(), principal().account
    totals = invoice_lists.totals(session, account, form.asked)
    paging = Paging.asked(totals.papers, PAGE_LENGTH)
    rows = invoice_lists.page(session, account, form.asked, limit=PAGE_LENGTH, offset=paging.offset)
    response = page_or_fragment(
        "invoices/index.html",
        "invoice_list",
        status=status,
        form=form,
        states=[("", _("All")), *((state.value, state_word(state)) for state in State)],
        years=invoice_lists.years(session, account),
        rows=_listed(rows),
        totals=totals,
        paging=paging,
        zone=account.time_zone,
        chosen=chosen,
        problem=problem,
        op_id=secrets.token_hex(16),
    )
    if wants_fragment():
        # Without the fields that say nothing.
        response.headers["HX-Push-Url"] = form.url(paging.number)
    return response


def badge(row: Invoice) -> tuple[str, str]:
    """The state of an invoice in a word, and the word's tone."""
    if invoice_progress.is_past_due(db.session(), row):
        return state_word(State.PAST_DUE), "bad"
    return state_word(State(row.status.value)), TONES.get(row.status, "neutral")


def state_word(state: State) -> str:
    """What a list was narrowed down to, in a word or two."""
    words = {
        State.OPEN: pgettext("an invoice", "Open"),
        State.PAST_DUE: _("Past due"),
        State.PAID: _("Paid"),
        State.CREDITED: _("Credited"),
        State.VOID: pgettext("an invoice", "Void"),
        State.REPLACED: pgettext("an invoice", "Replaced"),
        State.CREDIT_NOTES: _("Credit notes"),
    }
    return words[state]


def _listed(rows: Sequence[Paper]) -> list[Listed]:
    invoices = [row for row in rows if isinstance(row, Invoice)]
    notes = credit_notes.of_invoices(db.session(), principal().account.id, invoices)
    return [
        _invoice(row, notes.get(row.id, [])) if isinstance(row, Invoice) else _note(row)
        for row in rows
    ]


def _invoice(row: Invoice, notes: Sequence[CreditNote]) -> Listed:
    return Listed(
        number=row.number_text,
        issued_at=row.issued_at,
        what_for=invoice_display.what_for(row),
        badge=badge(row),
        amount=row.total,
        has_pdf=row.document is not None,
        corrects="",
        notes=notes,
    )


def _note(row: CreditNote) -> Listed:
    return Listed(
        number=row.number_text,
        issued_at=row.issued_at,
        what_for=row.reason,
        badge=(_("Credit note"), "neutral"),
        amount=-row.total,
        has_pdf=row.document is not None,
        corrects=row.invoice.number_text,
        notes=(),
    )
