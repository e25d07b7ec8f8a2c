"""What only a sandbox shows: the emails everybody got, and the components pages are made of."""

import base64
import hashlib
import re

from flask import Blueprint, Response, abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from sqlalchemy import Select, func, select
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    EmailField,
    PasswordField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import Email, InputRequired, Length

from portal import clock, language, outbox
from portal.billing.rules.money import Money
from portal.blueprints import downloads
from portal.extensions import db
from portal.language import gettext as _
from portal.mail import enclosures
from portal.models import Notice, Work
from portal.web.access import find_principal, requires
from portal.web.htmx import page_or_fragment, redirect_after
from portal.web.permissions import Permission

bp = Blueprint("dev", __name__, url_prefix="/dev")

PAGE = 50
STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
# Links leave the frame the email is shown in; nothing else does, and nothing runs.
FRAME = "allow-top-navigation-by-user-activation"
LETTER_HEADERS = {"X-Frame-Options": "SAMEORIGIN"}


@bp.get("/mailbox")
@requires(Permission.SANDBOX)
def mailbox() -> ResponseReturnValue:
    """Newest first; `to` narrows it to one address."""
    to = request.args.get("to", "").replace("\0", "")
    total = db.session.scalar(select(func.count()).select_from(_notices(to).subquery())) or 0
    pages = max(-(-total // PAGE), 1)
    page = min(max(request.args.get("page", 1, type=int), 1), pages)
    newest_first = _notices(to).order_by(Notice.id.desc())
    return page_or_fragment(
        "dev/mailbox.html",
        "mailbox_list",
        notices=db.session.scalars(newest_first.offset((page - 1) * PAGE).limit(PAGE)).all(),
        people=_people(),
        to=to,
        page=page,
        pages=pages,
        total=total,
        is_signed_in=find_principal() is not None,
    )


@bp.get("/mailbox/<public_id>")
@requires(Permission.SANDBOX)
def email(public_id: str) -> ResponseReturnValue:
    notice = _notice(public_id)
    return render_template(
        "dev/mailbox_email.html",
        notice=notice,
        work=outbox.find(db.session(), Work.NOTICE, notice.id),
        enclosed=enclosures.of(db.session(), notice),
        frame_allows=FRAME,
        is_signed_in=find_principal() is not None,
    )


@bp.get("/mailbox/<public_id>/html")
@requires(Permission.SANDBOX)
def email_html(public_id: str) -> ResponseReturnValue:
    """The email's HTML as a document by itself, for the frame that shows it."""
    html = _notice(public_id).body_html
    page = html.replace("<head>", '<head><base target="_top">', 1)
    headers = LETTER_HEADERS | {"Content-Security-Policy": _letter_policy(html)}
    return Response(page, mimetype="text/html", headers=headers)


@bp.get("/mailbox/<public_id>/deadline.ics")
@requires(Permission.SANDBOX)
def email_calendar(public_id: str) -> ResponseReturnValue:
    notice = _notice(public_id)
    if notice.calendar is None:
        abort(404)
    headers = {"Content-Disposition": 'attachment; filename="deadline.ics"'}
    return Response(notice.calendar, mimetype="text/calendar", headers=headers)


@bp.get("/mailbox/<public_id>/enclosed.pdf")
@requires(Permission.SANDBOX)
def email_enclosed(public_id: str) -> ResponseReturnValue:
    """The PDF that an email brings, from the store, as the mail server would get it."""
    enclosed = enclosures.of(db.session(), _notice(public_id))
    if enclosed is None:
        abort(404)
    try:
        content = enclosures.read(enclosed.sha256)
    except enclosures.CantBeRead:
        abort(404)
    response = Response(content, mimetype="application/pdf", headers=downloads.HEADERS)
    response.headers.set("Content-Disposition", "attachment", filename=enclosed.file_name)
    return response


@bp.get("/components")
@requires(Permission.SANDBOX)
def components() -> ResponseReturnValue:
    """For whoever works on the portal, so in English, as the examples are. The page is framed like
    one of an account, so somebody has to be signed in."""
    if find_principal() is None:
        return redirect_after(url_for("auth.login", next=request.path))
    language.speak(language.ENGLISH)
    refused = SampleForm(MultiDict({"email": "ada at example.com"}), meta={"csrf": False})
    refused.validate()
    amounts = {"price": 10000, "credit": -2500, "due": 7500, "large": 123456789}
    return render_template(
        "dev/components.html",
        now=clock.now(),
        amounts={
            name: Money(minor, "EUR" if name == "large" else "USD")
            for name, minor in amounts.items()
        },
        form=SampleForm(formdata=None),
        form_with_errors=refused,
    )


class SampleForm(FlaskForm):
    """A field of each kind."""

    name = StringField("Name", [InputRequired("Enter a name."), Length(max=120)])
    email = EmailField(
        "Email",
        [InputRequired("Enter an email address."), Email("Write it like ada@example.com.")],
    )
    password = PasswordField(
        "Password",
        [InputRequired("Choose a password.")],
        description="At least 12 characters.",
    )
    role = SelectField(
        "Role", choices=[SelectChoice("admin", "Admin"), SelectChoice("member", "Member")]
    )
    interval = RadioField(
        "Charged",
        [InputRequired("Choose one.")],
        choices=[
            SelectChoice("monthly", "Every 30 days"),
            SelectChoice("yearly", "Every 365 days"),
        ],
    )
    note = TextAreaField("Note")
    agreed = BooleanField("Tell me when this changes", [InputRequired("Tick this to go on.")])


def _notices(to: str) -> Select[Notice]:
    return select(Notice).where(Notice.recipient == to) if to else select(Notice)


def _people() -> list[tuple[str, str]]:
    statement = select(Notice.recipient).distinct().order_by(Notice.recipient)
    return [("", _("everybody")), *((to, to) for to in db.session.scalars(statement))]


def _notice(public_id: str) -> Notice:
    statement = select(Notice).where(Notice.public_id == public_id)
    notice = db.session.scalars(statement).one_or_none()
    if notice is None:
        abort(404)
    return notice


def _letter_policy(html: str) -> str:
    """Only the style sheets the email was written with, each named by its hash."""
    hashes = " ".join(f"'sha256-{_sha256(sheet)}'" for sheet in STYLE.findall(html)) or "'none'"
    return (
        f"default-src 'none'; style-src {hashes}; form-action 'none'; base-uri 'none';"
        f" frame-ancestors 'self'; sandbox {FRAME}"
    )


def _sha256(sheet: str) -> str:
    return base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
