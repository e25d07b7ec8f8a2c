"""The list of invoices and credit notes: what its address asks for, and the page that shows it."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, request, url_for

from portal.billing import credit_notes, invoice_lists
from portal.billing.invoice_lists import FIRST_YEAR, LAST_YEAR, Asked, Paper, State
from portal.billing.rules import describe
from portal.billing.rules.money import Money
from portal.blueprints.paging import Paging
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message, pgettext
from portal.models import CreditNote, Invoice, InvoiceStatus
from portal.papers import invoice_display, invoice_progress
from portal.web.access import principal
from portal.web.forms import clean_text
from portal.web.htmx import page_or_fragment, wants_fragment

PAGE_LENGTH = 25
LONGEST_ASKED = 20
NOT_A_YEAR = message("“%(asked)s” is no year of this list. Choose another one.")
NOT_A_STATE = message("“%(asked)s” is no state of this list. Choose another one.")
TONES = {InvoiceStatus.OPEN: "info", InvoiceStatus.PAID: "good"}


@dataclass(frozen=True)
class Form:
    """What the address says, as it was written; `problems` are sentences by the field's name."""

    year: str
    state: str
    asked: Asked
    problems: dict[str, str]

    @property
    def filters(self) -> dict[str, str]:
        parts = {"year": self.year, "state": self.state, "q": self.asked.text}
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
    written_year, written_state = _written("year"), _written("state")
    year, state = _year(written_year), _state(written_state)
    text = (clean_text(request.args.get("q")) or "")[: invoice_lists.SEARCH_AT_MOST]
    problems = {}
    if written_year and year is None:
        problems["year"] = _(NOT_A_YEAR, asked=written_year)
    if written_state and state is None:
        problems["state"] = _(NOT_A_STATE, asked=written_state)
    return Form(
        str(year) if year else written_year, written_state, Asked(year, state, text), problems
    )


def page(form: Form, *, chosen: Collection[str] = (), problem: str = "") -> Response:
    """The list, or for htmx its region; no list where the form has problems. `problem` says why
    what was to be done with the `chosen` was not done."""
    session, account = db.session(), principal().account
    totals = invoice_lists.totals(session, account, form.asked)
    paging = Paging.asked(0 if form.problems else totals.papers, PAGE_LENGTH)
    years = invoice_lists.years(session, account)
    response = page_or_fragment(
        "invoices/index.html",
        "invoice_list",
        status=422 if form.problems or problem else 200,
        form=form,
        states=_choices([(state.value, state_word(state)) for state in State], form.state),
        years=years,
        year_choices=_choices([(str(year), str(year)) for year in years], form.year),
        rows=[] if form.problems else _listed(_rows(form, paging)),
        totals=totals,
        how_many=how_many(totals.invoices, totals.credit_notes),
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


def how_many(invoices: int, notes: int) -> str:
    """Only what there is of is named: "5 invoices", "1 credit note", or both in one sum."""
    if invoices and notes:
        return _("%(num)s invoices and credit notes", num=describe.number(invoices + notes))
    if notes:
        return describe.counted(notes, "%(num)s credit note", "%(num)s credit notes")
    return describe.counted(invoices, "%(num)s invoice", "%(num)s invoices")


def how_many_of(numbers: Sequence[str]) -> str:
    """The same of papers by their numbers."""
    notes = sum(map(invoice_lists.is_credit_note, numbers))
    return how_many(len(numbers) - notes, notes)


def _written(name: str) -> str:
    return (clean_text(request.args.get(name)) or "")[:LONGEST_ASKED]


def _year(written: str) -> int | None:
    is_number = written.isascii() and written.isdigit()
    year = int(written) if is_number else 0
    return year if FIRST_YEAR <= year <= LAST_YEAR else None


def _state(written: str) -> State | None:
    return State(written) if written in tuple(State) else None


def _choices(offered: Sequence[tuple[str, str]], asked: str) -> list[tuple[str, str]]:
    """All, what is offered and, where it isn't among that, what is asked for: a form that showed
    something else would say that this was asked."""
    is_offered = not asked or asked in (value for value, _word in offered)
    return [("", _("All")), *offered, *([] if is_offered else [(asked, asked)])]


def _rows(form: Form, paging: Paging) -> list[Paper]:
    session, account = db.session(), principal().account
    return invoice_lists.page(session, account, form.asked, limit=PAGE_LENGTH, offset=paging.offset)


def _listed(rows: Sequence[Paper]) -> list[Listed]:
    invoices = [row for row in rows if isinstance(row, Invoice)]
    notes = credit_notes.of_invoices(db.session(), principal().account_id, invoices)
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
