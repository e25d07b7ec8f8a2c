"""Coming back from the bank, and calling off what waits for it."""

from flask import Blueprint, abort, flash, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from portal import clock
from portal.billing import settlements
from portal.blueprints import paying
from portal.collecting import collection
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.models import Payment, PlanChange
from portal.transaction import transaction
from portal.web.access import lock_own, principal, requires
from portal.web.htmx import redirect_after
from portal.web.permissions import Permission

bp = Blueprint("payments", __name__)

TOO_LATE = message("It can't be called off any more: this is how it stands.")


@bp.get("/payments/<key>")
@requires(Permission.MANAGE_BILLING)
def come_back(key: str) -> ResponseReturnValue:
    """From the bank: it is asked at once what became of the payment."""
    statement = select(Payment).where(
        Payment.account_id == principal().account_id, Payment.idempotency_key == key
    )
    payment = db.session.scalars(statement).one_or_none()
    if payment is None:
        abort(404)
    payment = collection.look_again(payment)
    paying.tell(payment)
    return redirect_after(paying.page_of(payment))


@bp.post("/account/plan-changes/<op_id>/withdrawal")
@requires(Permission.MANAGE_BILLING)
def call_off(op_id: str) -> ResponseReturnValue:
    """Give up a plan change that waits for authentication or a transfer."""
    actor, account_id = principal().actor, principal().account_id
    with transaction() as session:
        account = lock_own(session)
        statement = select(PlanChange).where(
            PlanChange.account_id == account_id, PlanChange.op_id == op_id
        )
        change = session.scalars(statement).one_or_none() or abort(404)
        change_id = change.id
        done = settlements.call_off(session, account, change, now=clock.now(), actor=actor)
    if done:
        collection.carry_change(change_id)
    else:
        flash(_(TOO_LATE), "info")
    return redirect_after(url_for("change_plan.outcome", op_id=op_id))
