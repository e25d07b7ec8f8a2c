"""The sandbox's bank: where the customer is asked to authenticate a payment."""

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue

from portal.billing.gateways import sandbox
from portal.language import gettext as _
from portal.language import message
from portal.transaction import assert_outside
from portal.web.access import requires
from portal.web.errors import answer
from portal.web.htmx import is_local, redirect_after
from portal.web.permissions import Permission

bp = Blueprint("sandbox_cards", __name__)

ANSWERS = {"authenticate": True, "refuse": False}
UNKNOWN_ANSWER = message("Choose Authenticate or Refuse.")


@bp.get(f"{sandbox.PAGE}<key>")
@requires(Permission.SANDBOX)
def ask(key: str) -> ResponseReturnValue:
    return render_template("sandbox_cards/ask.html", charge=_charge(key), back=_back("args"))


@bp.post(f"{sandbox.PAGE}<key>")
@requires(Permission.SANDBOX)
def decide(key: str) -> ResponseReturnValue:
    """The customer's answer, and back to where it came from; a second answer changes nothing."""
    charge = _charge(key)
    choice = request.form.get("answer", "")
    if choice not in ANSWERS:
        return answer(422, _(UNKNOWN_ANSWER))
    sandbox.decide(charge.key, authenticated=ANSWERS[choice])
    return redirect_after(_back("form"))


def _charge(key: str) -> sandbox.Waiting:
    assert_outside()
    found = sandbox.find_charge(key)
    if found is None:
        abort(404)
    return found


def _back(where: str) -> str:
    path = str(getattr(request, where).get("back", ""))
    return path if is_local(path) else "/"
