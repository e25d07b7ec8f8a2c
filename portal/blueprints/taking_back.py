"""Taking an automatic upgrade back: what comes back and what follows is told first."""

from flask import Blueprint, abort, flash, url_for
from flask.typing import ResponseReturnValue

from portal import clock
from portal.billing import payments, refunds, taking_back_offers, takings_back
from portal.billing.rules.errors import RuleBroken, UsedForSomethingElse
from portal.billing.taking_back_offers import Offer
from portal.billing.takings_back import StaleOffer
from portal.blueprints import confirming
from portal.extensions import db
from portal.language import gettext as _
from portal.mail.usage_places import MAKE_ROOM
from portal.models import PlanChange
from portal.transaction import transaction
from portal.web import confirmations
from portal.web.access import lock_own, principal, requires
from portal.web.confirmations import Signed
from portal.web.htmx import page_or_fragment, redirect_after
from portal.web.permissions import Permission

bp = Blueprint("taking_back", __name__)


@bp.get("/account/plan-changes/<op_id>/taking-back")
@requires(Permission.MANAGE_BILLING)
def show(op_id: str) -> ResponseReturnValue:
    """What comes back, what runs then and what is charged; why not, or that it was done."""
    return _page(op_id)


@bp.post("/account/plan-changes/<op_id>/taking-back")
@requires(Permission.MANAGE_BILLING)
def confirm(op_id: str) -> ResponseReturnValue:
    """Do exactly what was shown, once; whatever has moved since is shown, and nothing is done."""
    change_id = _own(op_id).id
    try:
        _take_back(change_id, confirming.read(_("Choose to take the upgrade back again.")))
    except StaleOffer as stale:
        return _page(op_id, problem=str(stale), status=409)
    except confirming.Refused as refused:
        return _page(op_id, problem=str(refused), status=refused.status)
    except UsedForSomethingElse as reason:
        return _page(op_id, problem=str(reason), status=422)
    except RuleBroken as reason:
        return _page(op_id, problem=str(reason), status=409)
    flash(_("The upgrade is taken back: your former plan runs again."), "success")
    return redirect_after(url_for("taking_back.show", op_id=op_id))


def _take_back(change_id: int, signed: Signed) -> None:
    actor = principal().actor
    with transaction() as session:
        account, now = lock_own(session), clock.now()
        change = session.get_one(PlanChange, change_id)
        takings_back.take_back(session, account, change, signed.confirmation, now=now, actor=actor)


def _page(op_id: str, problem: str | None = None, status: int = 200) -> ResponseReturnValue:
    session, account = db.session(), principal().account
    offer = taking_back_offers.offer(session, account, _own(op_id), now=clock.now())
    return page_or_fragment(
        "taking_back/show.html",
        "taking_back",
        status=status,
        problem=problem,
        offer=offer,
        make_room=MAKE_ROOM,
        method=payments.method_of(session, account.id),
        refund=refunds.of_note(session, offer.note) if offer.note else None,
        confirmation=_token(offer),
    )


def _token(offer: Offer) -> str | None:
    if offer.why_not is not None or offer.terms is None:
        return None
    return confirmations.sign_return(
        offer.terms,
        offer.valid_until,
        account_id=principal().account_id,
        user_id=principal().user.id,
    )


def _own(op_id: str) -> PlanChange:
    """An automatic upgrade of this account; any other is not found."""
    # A zero byte is no text to PostgreSQL.
    if not op_id.isprintable():
        abort(404)
    change = taking_back_offers.upgrade(db.session(), principal().account, op_id)
    if change is None:
        abort(404)
    return change
