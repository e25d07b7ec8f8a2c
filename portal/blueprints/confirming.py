"""Confirming a quote: whose form it is, doing what it says once, and having it paid.

Shared by changing plan, by buying add-ons and by taking an upgrade back.
"""

from collections.abc import Callable
from datetime import datetime

from flask import request
from sqlalchemy.orm import Session

from portal import clock
from portal.audit import Actor
from portal.billing import intentions, payment_methods, payments
from portal.billing.rules.errors import RuleBroken, UsedForSomethingElse
from portal.billing.rules.plan_change import Quote
from portal.blueprints import ways_to_pay
from portal.collecting import collection
from portal.language import gettext as _
from portal.models import Account, PlanChange
from portal.transaction import transaction
from portal.web import confirmations
from portal.web.access import lock_own, principal
from portal.web.confirmations import NotSigned, Signed

Confirm = Callable[[Session, Account, Signed, datetime, Actor], PlanChange]


class Refused(Exception):
    """What was confirmed is not done, and nothing was charged; `status` is that of the answer."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


def token(terms: Quote) -> str:
    """What the form of a quote carries, for who is here."""
    return confirmations.sign(terms, account_id=principal().account_id, user_id=principal().user.id)


def read(again: str) -> Signed:
    """What the form says that was posted; Refused where it isn't theirs, with what to do `again`,
    a sentence."""
    try:
        signed = confirmations.read(request.form.get("confirmation", ""))
    except NotSigned as reason:
        why = _("This form is not one the portal gave out.")
        raise Refused(f"{why} {again}", 400) from reason
    if (signed.account_id, signed.user_id) != (principal().account_id, principal().user.id):
        why = _("This form was made for another person or account.")
        raise Refused(f"{why} {again}", 422)
    return signed


def carry_out(confirm: Confirm, *, again: str) -> PlanChange:
    """Do what the form says by `confirm`, and collect what it costs; returns the change as it is.

    `again` says what to do with a form that isn't theirs. Raises StaleQuote when something has
    moved, Refused with the sentence to show.
    """
    signed = read(again)
    try:
        change_id = _write(confirm, signed)
    except UsedForSomethingElse as reason:
        raise Refused(str(reason), 422) from reason
    except RuleBroken as reason:
        raise Refused(str(reason), 409) from reason
    return collection.carry_change(change_id)


def _write(confirm: Confirm, signed: Signed) -> int:
    """A form that is sent again changes nothing: not the change, and not how it is paid.

    A card is tried, and kept once it has paid; where nothing is on file yet it is what the account
    pays with.
    """
    actor, account_id = principal().actor, principal().account_id
    with transaction() as session:
        account, now = lock_own(session), clock.now()
        done = intentions.done_before(session, account, signed.confirmation)
        if done is not None:
            return done.id
        way = ways_to_pay.chosen(request.form.get("card"))
        if way is not None and payments.method_of(session, account_id) is None:
            payment_methods.change(session, account, way, now=now, actor=actor)
        change = confirm(session, account, signed, now, actor)
        payment = payments.of_change(session, change)
        if way is not None and way != ways_to_pay.TRANSFER and payment is not None:
            payment_methods.try_with(session, account, payment, way, now=now)
        return change.id
