"""Having an invoice or a credit note emailed once more, to oneself or to somebody who gets them."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.billing import invoice_emails
from portal.billing.rules.errors import RuleBroken
from portal.blueprints import own_papers
from portal.extensions import db
from portal.language import gettext as _
from portal.mail.readers import Person
from portal.models import CreditNote, Invoice
from portal.papers import sent
from portal.papers.sent import Sending
from portal.transaction import transaction
from portal.web import attempts
from portal.web.access import lock_own, principal, requires
from portal.web.htmx import redirect_after
from portal.web.permissions import Permission
from portal.web.principals import Identity, Principal

bp = Blueprint("resending", __name__)

OP_ID_LENGTH = 64


@dataclass(frozen=True)
class Sent:
    """What was sent about a document, and the form by which it is sent again: to whom it may be,
    as (address, label) pairs, the reader first, and the id of this page's click."""

    emails: Sequence[Sending]
    readers: Sequence[tuple[str, str]]
    action: str
    op_id: str


def of(paper: Invoice | CreditNote) -> Sent:
    """For the page of a document."""
    session, me = db.session(), principal()
    people = invoice_emails.may_get(session, me.account, _person(me))
    place = "invoice" if isinstance(paper, Invoice) else "credit_note"
    return Sent(
        emails=sent.of(session, paper),
        readers=[(each.email, _label(each, me.user)) for each in people],
        action=url_for(f"resending.{place}", number=paper.number_text),
        op_id=secrets.token_hex(16),
    )


@bp.post("/invoices/<number>/emails")
@attempts.emails_again
@requires(Permission.SEE_INVOICES)
def invoice(number: str) -> ResponseReturnValue:
    return _send(own_papers.invoice(number), url_for("invoices.show", number=number))


@bp.post("/credit-notes/<number>/emails")
@attempts.emails_again
@requires(Permission.SEE_INVOICES)
def credit_note(number: str) -> ResponseReturnValue:
    return _send(own_papers.credit_note(number), url_for("credit_notes.show", number=number))


def _person(me: Principal) -> Person:
    return Person(me.user.email, me.user.name, me.user.id)


def _label(reader: Person, me: Identity) -> str:
    if reader.user_id != me.id:
        return reader.email
    return _("%(name)s (you)", name=reader.email)


def _send(found: Invoice | CreditNote, page: str) -> ResponseReturnValue:
    model: type[Any] = type(found)
    paper_id = found.id
    to, op_id = request.form.get("to", ""), request.form.get("op_id", "")
    if not 0 < len(op_id) <= OP_ID_LENGTH or not op_id.isalnum():
        abort(422)
    actor, asker = principal().actor, _person(principal())
    try:
        with transaction() as session:
            lock_own(session)
            paper = session.get_one(model, paper_id)
            is_new = invoice_emails.send_again(
                session, paper, asker, to, op_id, now=clock.now(), actor=actor
            )
    except RuleBroken as reason:
        flash(str(reason), "error")
        return redirect_after(page)
    flash(_said(is_new, to), "success")
    return redirect_after(page)


def _said(is_new: bool, to: str) -> str:
    if is_new:
        return _("It is on its way to %(email)s.", email=to)
    return _("It was sent to %(email)s already.", email=to)
