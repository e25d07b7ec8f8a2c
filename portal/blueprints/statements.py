"""A statement of account for a time: on the page at once, as a PDF by the worker."""

from __future__ import annotations

import secrets
from datetime import date
from typing import Any

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.billing.invoice_exports import ExportRefused, Wish
from portal.billing.rules import describe
from portal.blueprints import invoice_exports, periods
from portal.blueprints.periods import Period
from portal.extensions import db
from portal.language import gettext as _
from portal.models import ExportKind
from portal.papers import statement_display
from portal.papers.statement_display import ShownStatement
from portal.web import attempts, formatting
from portal.web.access import principal, requires
from portal.web.htmx import page_or_fragment, redirect_after, wants_fragment
from portal.web.permissions import Permission

bp = Blueprint("statements", __name__)

# Twice as many take about as long to set as a page may.
STEPS_AT_MOST = 1000


@bp.get("/invoices/statement")
@requires(Permission.SEE_INVOICES)
def show() -> ResponseReturnValue:
    """What was owed, what happened, what is owed; of this year where no time is named."""
    return _page(_period())


@bp.post("/invoices/statement")
@attempts.files_of_invoices
@attempts.bulk_files
@requires(Permission.SEE_INVOICES)
def ask() -> ResponseReturnValue:
    """The same as a PDF, once."""
    period = _period()
    if period.problems:
        return _page(period)
    if len(_statement(period).steps) > STEPS_AT_MOST:
        return _page(period, _too_long())
    days = {"first": _day(period.first), "last": _day(period.last)}
    title = _("Statement of account, %(first)s to %(last)s", **days)
    try:
        invoice_exports.ask_for(
            Wish(ExportKind.STATEMENT, title, (), period.since_at, period.before_at)
        )
    except ExportRefused as refused:
        return _page(period, str(refused))
    return redirect_after(url_for("invoice_exports.index"))


def _page(period: Period, problem: str = "") -> ResponseReturnValue:
    statement = None if period.problems else _statement(period)
    response = page_or_fragment(
        "statements/show.html",
        "statement",
        # The days that are used stand in the form, whatever was written there.
        oob=("statement_dates",),
        status=422 if period.problems or problem else 200,
        period=period,
        statement=statement,
        problem=problem,
        op_id=secrets.token_hex(16),
    )
    if wants_fragment():
        address: dict[str, Any] = dict(period.address)
        response.headers["HX-Push-Url"] = url_for("statements.show", **address)
    return response


def _statement(period: Period) -> ShownStatement:
    return statement_display.shown(
        db.session(),
        principal().account,
        since_at=period.since_at,
        before_at=period.before_at,
        now=clock.now(),
    )


def _too_long() -> str:
    most = describe.number(STEPS_AT_MOST)
    return _(
        "A PDF holds up to %(most)s steps, and this time has more. Choose a shorter one.", most=most
    )


def _day(written: str) -> str:
    return formatting.date(date.fromisoformat(written))


def _period() -> Period:
    return periods.asked(formatting.local_day(clock.now()))
