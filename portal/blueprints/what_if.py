"""What happens if: people, clients or another plan tried out, and told as it would come."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from wtforms import DateField, IntegerField, SelectField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Optional, ValidationError

from portal import clock, simulation
from portal.billing import price_list, subscriptions
from portal.billing.rules import describe
from portal.billing.rules.period import Interval
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.simulation import Question, Refused, Story
from portal.simulation.questions import key_of
from portal.web import attempts, formatting
from portal.web.access import principal, requires
from portal.web.errors import answer
from portal.web.forms import Form
from portal.web.htmx import page_or_fragment
from portal.web.permissions import Permission

bp = Blueprint("what_if", __name__)

USUAL_DAYS, MOST_DAYS = 60, 100
# So long may others wait whose work needs the lock that this keeps.
SECONDS = 3.0
NO_NUMBER = message("Write a whole number, such as 3 or -2.")
NO_PLAN = message("This plan isn't sold: choose one from the list.")
NO_DATE = message("Write a date like 2026-03-31.")
OVER = message("This day is over: choose one to come.")
BUSY = message("Somebody is trying something out at this moment. Ask again in a few seconds.")


class ChangeField(IntegerField):
    """So many more, or with a minus in front of it so many fewer."""

    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata([text.replace(describe.MINUS, "-") for text in valuelist])
        except ValueError:
            raise ValueError(_(NO_NUMBER)) from None


class DayField(DateField):
    def process_formdata(self, valuelist: list[str]) -> None:
        try:
            super().process_formdata(valuelist)
        except ValueError:
            raise ValueError(_(NO_DATE)) from None


class QuestionForm(Form):
    """What is tried out, and up to which day, the whole of it in the account's zone."""

    users = ChangeField(
        message("People"),
        [Optional()],
        description=message("How many more; with a minus, how many fewer."),
    )
    clients = ChangeField(
        message("Clients"), [Optional()], description=message("Counted ones, in the same way.")
    )
    plan = SelectField(message("Plan"), choices=lambda: _plans(), validate_choice=False)
    until = DayField(message("Up to"), [InputRequired(NO_DATE)])

    def validate_plan(self, field: SelectField) -> None:
        if field.data not in {choice.value for choice in _plans()}:
            raise ValidationError(_(NO_PLAN))

    def validate_until(self, field: DateField) -> None:
        last = _today() + timedelta(days=MOST_DAYS)
        if field.data is None:
            return
        if field.data < _today():
            raise ValidationError(_(OVER))
        if field.data > last:
            raise ValidationError(_("Choose a day up to %(date)s.", date=formatting.date(last)))

    @property
    def question(self) -> Question:
        return Question(self.users.data or 0, self.clients.data or 0, self.plan.data or None)


@bp.get("/account/what-if")
@requires(Permission.MANAGE_BILLING)
def show() -> ResponseReturnValue:
    """The empty question, or one that a link has begun: `?users=3`."""
    begun = {name: request.args.get(name, type=int) for name in ("users", "clients")}
    until = _today() + timedelta(days=USUAL_DAYS)
    return _page(QuestionForm(formdata=None, until=until, **begun))


@bp.post("/account/what-if")
@attempts.simulations
@requires(Permission.MANAGE_BILLING)
def ask() -> ResponseReturnValue:
    """The story; nothing of it is sent, charged or kept."""
    form = QuestionForm()
    if not form.validate():
        return _page(form, status=422)
    account_id, actor = principal().account_id, principal().actor
    try:
        story = simulation.foretell(
            account_id, form.question, _end_of(form.until.data), seconds=SECONDS, actor=actor
        )
    except Refused as refusal:
        form[refusal.field].errors = [str(refusal)]
        return _page(form, status=422)
    except simulation.Busy:
        return answer(503, _(BUSY))
    return _page(form, story)


def _page(form: QuestionForm, story: Story | None = None, status: int = 200) -> ResponseReturnValue:
    return page_or_fragment(
        "what_if/show.html",
        "what_if",
        status=status,
        form=form,
        story=story,
        told=story.told(to_vendor=False) if story else [],
        has_plan=subscriptions.live(db.session(), principal().account_id) is not None,
    )


def _plans() -> list[SelectChoice]:
    """What is sold today in the account's currency, by how often it is charged."""
    offers = price_list.offered(db.session(), currency=principal().account.currency)
    return [
        SelectChoice("", _("As now")),
        *(
            SelectChoice(key_of(price), price.plan_name, optgroup=_charged(interval))
            for interval in Interval
            for price in offers
            if price.interval is interval
        ),
    ]


def _charged(interval: Interval) -> str:
    return _("Charged %(every)s", every=describe.every(interval))


def _today() -> date:
    return formatting.local_day(clock.now())


def _end_of(day: date) -> datetime:
    """Midnight after a day, in the account's zone."""
    midnight = datetime.combine(day + timedelta(days=1), time.min, formatting.zone_of(None))
    return midnight.astimezone(UTC)
