"""When seats run out: what the account wants to happen then, who chose it, and what follows."""

from flask import Blueprint, flash, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField, SelectChoice
from wtforms.validators import InputRequired

from portal import clock, live
from portal.billing import seat_consents, subscriptions, usage
from portal.billing.rules.counting import Metric
from portal.billing.rules.errors import RuleBroken
from portal.display import overruns
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.models import WhenFull
from portal.transaction import transaction
from portal.web.access import lock_own, principal, requires
from portal.web.forms import Form
from portal.web.htmx import page_or_fragment, redirect_after
from portal.web.permissions import Permission

bp = Blueprint("seat_consent", __name__)

TITLES = {
    WhenFull.UPGRADE: message("Let people in, and upgrade after five days"),
    WhenFull.HARD_CAP: message("Never go beyond the seats"),
}
DONE = {
    WhenFull.UPGRADE: message(
        "From now on people can be added beyond your seats, with what that leads to."
    ),
    WhenFull.HARD_CAP: message("From now on nobody can be added beyond your seats."),
}


class ConsentForm(Form):
    choice = RadioField(
        message("When all seats are taken"),
        choices=lambda: [SelectChoice(choice.value, _(title)) for choice, title in TITLES.items()],
        validators=[InputRequired(message("Choose what is to happen."))],
    )


@bp.get("/account/when-seats-run-out")
@requires(Permission.MANAGE_BILLING)
def show() -> ResponseReturnValue:
    """Both choices, each with exactly what follows from it, and the one that holds."""
    current = seat_consents.choice(db.session(), principal().account_id)
    return _page(ConsentForm(formdata=None, choice=current.value))


@bp.post("/account/when-seats-run-out")
@requires(Permission.MANAGE_BILLING)
def choose() -> ResponseReturnValue:
    """Keep the choice with the words it was shown with."""
    form = ConsentForm()
    if not form.validate():
        return _page(form, status=422)
    choice, actor = WhenFull(form.choice.data), principal().actor
    shown = request.form.get(f"shown_{choice}", "")
    try:
        with transaction() as session:
            account = lock_own(session)
            changed = seat_consents.choose(
                session, account, choice, shown=shown, now=clock.now(), actor=actor
            )
    except RuleBroken as reason:
        return _page(form, problem=str(reason), status=409)
    flash(_(DONE[choice]) if changed else _("That was your choice already."), "success")
    return redirect_after(url_for("seat_consent.show"))


def _page(form: ConsentForm, problem: str | None = None, status: int = 200) -> ResponseReturnValue:
    session, account = db.session(), principal().account
    meters = live.meters_context(account.id)["meters"]
    found = overruns.of_meters(session, account.id, meters, now=clock.now())
    words = {choice: seat_consents.wording(session, choice) for choice in WhenFull}
    return page_or_fragment(
        "seat_consent/show.html",
        "seat_consent",
        status=status,
        form=form,
        problem=problem,
        titles={choice: _(title) for choice, title in TITLES.items()},
        words=words,
        marks={choice: seat_consents.mark(text) for choice, text in words.items()},
        current=seat_consents.choice(session, account.id),
        made=seat_consents.made(session, account.id),
        seats=usage.of(session, account.id)[Metric.SEATS],
        has_plan=subscriptions.live(session, account.id) is not None,
        not_capped_because=seat_consents.why_not(session, account.id, WhenFull.HARD_CAP),
        overrun=next((each for each in found if each.metric is Metric.SEATS), None),
    )
