"""What the users page shows, and the question it asks before an act goes over the seats."""

from dataclasses import dataclass, field

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session
from wtforms import RadioField, SelectChoice

from portal import clock
from portal.billing import (
    foresight,
    invitations,
    overages,
    people,
    seat_consents,
    subscriptions,
    usage,
)
from portal.billing.rules.counting import Metric, seat_reason, takes_seat
from portal.billing.rules.errors import FullWhileParked, SeatsFull
from portal.billing.rules.roles import Role
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.models import Account, Membership
from portal.web.access import principal
from portal.web.forms import Form, email_field
from portal.web.htmx import page_or_fragment, redirect_after, wants_fragment
from portal.web.permissions import ROLE_PERMISSIONS, Permission, home_endpoint

ROLE_NOTES = {
    Role.ADMIN: message("Everything, plan and users included. Takes a seat."),
    Role.MEMBER: message("The client list, no billing. Takes a seat."),
    Role.BILLING: message("Reads invoices and gets them by email. Takes no seat."),
}
SHOWN_CHOICES = {"": message("All"), "yes": message("Counted"), "no": message("Not counted")}


class InviteForm(Form):
    email = email_field(autocomplete="off")
    role = RadioField(
        message("Role"),
        choices=lambda: [SelectChoice(role.value, role.label) for role in Role],
        default=Role.MEMBER.value,
    )


@dataclass(frozen=True)
class Question:
    """What to say yes to before an act: the same form again, with the count it was told.

    Without `submit` there is nothing to say yes to: the act is refused, with the ways out.
    """

    title: str
    sentence: str
    action: str = ""
    submit: str = ""
    fields: dict[str, str] = field(default_factory=dict)


class NotConfirmed(Exception):
    """The act goes over the limit, and whoever does it has not been told this count yet."""

    def __init__(self, sentence: str, count: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.count = count


def confirm_seats(
    session: Session, account: Account, change: int, *, are_taken: bool = True
) -> None:
    """Raise NotConfirmed unless the form confirms the count that `change` leads to, if over.

    Call it with the account locked, in the transaction of the act. Where the seats `are_taken` by
    it, raises what refuses that: SeatsFull, FullWhileCancelled or FullWhileParked.
    """
    told = foretold(session, account, change)
    refused = overages.refusal(session, account, Metric.SEATS) if told and are_taken else None
    if refused is not None:
        raise refused
    if told is not None and request.form.get("confirmed") != str(told.count):
        raise told


def foretold(session: Session, account: Account, change: int) -> NotConfirmed | None:
    """What is to be said before taking `change` more seats; None where it stays within them."""
    if change <= 0 or subscriptions.live(session, account.id) is None:
        return None
    foreseen = foresight.foretell(
        session, account, Metric.SEATS, change, now=clock.now(), reader=Role.ADMIN
    )
    if foreseen is None:
        return None
    used = usage.of(session, account.id)[Metric.SEATS].used
    return NotConfirmed(foreseen, used + change)


def page(
    *, form: InviteForm | None = None, question: Question | None = None, status: int = 200
) -> ResponseReturnValue:
    """The page, or for htmx its list and whatever else of it changed."""
    oob = ["question"] if form is None else ["question", "invite_form"]
    form = form or InviteForm(formdata=None)
    return page_or_fragment(
        "users/index.html",
        "user_board",
        oob=oob,
        status=status,
        form=form,
        question=question,
        **_board(principal().account),
    )


def done(said: str, *, form: InviteForm | None = None) -> ResponseReturnValue:
    """What follows an act: the page again, saying what was done.

    Whoever ended their own right to it is taken to where they may be.
    """
    flash(said, "success")
    me = db.session.get_one(Membership, principal().membership_id)
    if not me.is_active:
        return redirect_after(url_for("auth.accounts"))
    if Permission.MANAGE_USERS not in ROLE_PERMISSIONS[me.role]:
        return redirect_after(url_for(home_endpoint(me.role)))
    return page(form=form) if wants_fragment() else redirect(url_for("users.index"), 303)


def refused(reason: Exception) -> ResponseReturnValue:
    """What follows an act that a rule refused: the page, saying why, and what can be done."""
    if isinstance(reason, SeatsFull):
        return page(question=Question(_("Nobody was added"), str(reason)), status=409)
    if isinstance(reason, FullWhileParked):
        return page(question=Question(_("Nobody was added"), str(reason)), status=422)
    flash(str(reason), "error")
    return page(status=409)


def _board(account: Account) -> dict[str, object]:
    session = db.session()
    seats = usage.of(session, account.id)[Metric.SEATS]
    waiting = invitations.waiting(session, account.id)
    return {
        "members": [each for each in people.members(session, account.id) if _is_shown(each)],
        "shown": _shown(),
        "shown_choices": SHOWN_CHOICES,
        "seat_reason": seat_reason,
        "invitations": waiting,
        "wall": clock.wall_now(),
        "seats": seats,
        "when_full": seat_consents.in_short(session, account.id),
        "seats_if_all_accept": seats.used + invitations.seats_asked_for(session, account.id),
        "me": principal().membership_id,
        "roles": ROLE_NOTES,
    }


def _shown() -> str:
    """Which users the address asks for: those that take a seat, those that take none, or all."""
    asked = request.args.get("counted", "")
    return asked if asked in SHOWN_CHOICES else ""


def _is_shown(member: Membership) -> bool:
    return _shown() in ("", "yes" if takes_seat(member.role, member.is_active) else "no")
