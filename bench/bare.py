"""The yardstick: the portal with one more view, which does four ORM queries and a template.

It is served by the same process, from the same database, and gives a page of the same size as
the one it is compared with; but no sign-in, no role, no meters, no frame.
"""

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    render_template,
    request,
    send_from_directory,
)
from jinja2 import ChoiceLoader, DictLoader
from sqlalchemy import func, select

from portal import create_app as create_portal
from portal.config import Settings
from portal.extensions import db
from portal.models import Account, Client, Invoice, Subscription
from portal.web.access import requires
from portal.web.permissions import Permission

bp = Blueprint("bench", __name__)

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{{ account.name }}</title></head>
<body>
<h1>{{ account.name }}: {{ count }} clients, {{ subscription.cycle_end_at }}</h1>
<table>
{% for row in rows %}
<tr><th scope="row">{{ row[what] }}</th><td>{{ row.id }}</td><td>{{ filling }}</td></tr>
{% endfor %}
</table>
</body>
</html>"""
TEMPLATE = "bench/bare.html"


@bp.get("/bench/bare")
@requires(Permission.PUBLIC)
def bare() -> str:
    """`table` is invoice or client, `size` the bytes the page should have."""
    session, account_id = db.session, int(request.args["account"])
    account = session.get_one(Account, account_id)
    subscription = session.scalars(
        select(Subscription).where(Subscription.account_id == account_id)
    ).first()
    model, what = (
        (Client, "name") if request.args["table"] == "client" else (Invoice, "number_text")
    )
    rows = session.scalars(
        select(model).where(model.account_id == account_id).order_by(model.id).limit(50)
    ).all()
    count = session.execute(
        select(func.count(Client.id)).where(Client.account_id == account_id)
    ).scalar_one()
    size = int(request.args["size"]) // max(len(rows), 1)
    return render_template(
        TEMPLATE, account=account, subscription=subscription, rows=rows, what=what,
        count=count, filling="·" * (size // 2 - 30),
    )  # fmt: skip


@bp.get("/bench/static/<path:name>")
@requires(Permission.PUBLIC)
def static(name: str) -> Response:
    """A stored file, as a static one is served."""
    settings: Settings = current_app.config["PORTAL"]
    return send_from_directory(settings.documents, name)


def create_app() -> Flask:
    app = create_portal()
    app.register_blueprint(bp)
    # Read and compiled once, as every page's template is.
    app.jinja_loader = ChoiceLoader([DictLoader({TEMPLATE: PAGE}), app.jinja_loader])
    return app
