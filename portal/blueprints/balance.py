"""The credit balance: what it is now, and every movement that led there."""

from flask import Blueprint
from flask.typing import ResponseReturnValue

from portal.billing import balance, ledger
from portal.blueprints.paging import Paging
from portal.extensions import db
from portal.web.access import principal, requires
from portal.web.htmx import page_or_fragment
from portal.web.permissions import Permission

bp = Blueprint("balance", __name__)

PAGE_LENGTH = 25


@bp.get("/account/balance")
@requires(Permission.SEE_INVOICES)
def index() -> ResponseReturnValue:
    """Newest first, a page at a time."""
    session, account = db.session(), principal().account
    paging = Paging.asked(balance.count(session, account), PAGE_LENGTH)
    movements = balance.movements(session, account, limit=PAGE_LENGTH, offset=paging.offset)
    return page_or_fragment(
        "balance/index.html",
        "movement_list",
        balance=ledger.credit_balance(session, account),
        movements=movements,
        paging=paging,
    )
