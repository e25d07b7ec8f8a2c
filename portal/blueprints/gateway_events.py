"""Where payment gateways send their news."""

from flask import Blueprint, abort, current_app, request
from flask.typing import ResponseReturnValue

from portal.billing.gateways.stripe import events
from portal.collecting import gateway_events
from portal.extensions import csrf
from portal.web.access import requires
from portal.web.permissions import Permission

bp = Blueprint("gateway_events", __name__)

LARGEST_BYTES = 256 * 1024
NOT_SIGNED = "This did not come from Stripe, or more than five minutes ago.\n"


@bp.post("/gateways/stripe/events")
@csrf.exempt  # signed by Stripe instead
@requires(Permission.PUBLIC)
def stripe() -> ResponseReturnValue:
    """Kept and acted on later: Stripe waits for the answer, and sends again what got none."""
    settings = current_app.config["PORTAL"]
    if not settings.stripe.webhook_secret:
        abort(404)
    request.max_content_length = LARGEST_BYTES
    news = events.read(request.get_data(), request.headers.get("Stripe-Signature"), settings)
    if news is None:
        return NOT_SIGNED, 400, {"Content-Type": "text/plain; charset=utf-8"}
    gateway_events.keep(news)
    return "", 200
