"""What open pages follow: the stream of changes, and the same regions for pages that poll."""

from typing import cast

from flask import Blueprint, Flask, Response, abort, request
from flask.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from portal import live
from portal.extensions import db
from portal.web.access import find_principal, principal, requires
from portal.web.permissions import Permission

bp = Blueprint("live", __name__)

ASK_AGAIN_SECONDS = "10"


@bp.record_once
def _prepare(state: BlueprintSetupState) -> None:
    live.init_app(cast("Flask", state.app))


@bp.get("/live/events")
@requires(Permission.SIGNED_IN)
def events() -> ResponseReturnValue:
    found = find_principal()
    regions = live.visible_to(found) if found else ()
    if found is None or not regions:
        abort(403)
    hub = live.hub()
    line = request.environ.get("gunicorn.socket")
    stream = hub.open(found.account_id, found.user.id, regions, line)
    if stream is None:
        return "", 503, {"Retry-After": ASK_AGAIN_SECONDS}
    db.session().rollback()  # gives the connection back for as long as the stream is open
    response = Response(stream.events(), mimetype="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(lambda: hub.close(stream))
    return response


@bp.get("/account/meters")
@requires(Permission.SEE_METERS)
def account_meters() -> ResponseReturnValue:
    return live.render(live.USAGE_METERS, principal().account_id)


@bp.get("/clients/meter")
@requires(Permission.WORK_WITH_CLIENTS)
def clients_meter() -> ResponseReturnValue:
    return live.render(live.CLIENTS_METER, principal().account_id)
