"""Over-limit episodes, each on a page of its own: what happened, why, and the ways out."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from portal import clock
from portal.billing import taking_back_offers
from portal.billing.rules import counting, episode_words
from portal.billing.rules.overage import CloseReason
from portal.display import episode_story, overruns
from portal.display.overruns import Overrun
from portal.extensions import db
from portal.models import Episode, EpisodeState, Invoice, PlanChange, PlanChangeState, Vendor
from portal.web.access import own, principal, requires
from portal.web.htmx import page_or_fragment, wants_fragment
from portal.web.permissions import Permission

bp = Blueprint("episodes", __name__)

# Whoever looks for an older one finds it in the billing history.
OTHERS = 10


@bp.get("/account/over-limit/<public_id>")
@requires(Permission.SEE_METERS)
def show(public_id: str) -> ResponseReturnValue:
    """The whole story, and what can be done while it is open."""
    session, account = db.session(), principal().account
    episode = own(Episode, public_id)
    return page_or_fragment(
        "episodes/show.html",
        "episode",
        episode=episode,
        found=counting.standing(episode.metric, episode.used_at_opening, episode.limit_at_opening),
        standing=_standing(episode),
        closed_because=episode_words.closed_because(episode.close_reason),
        **_upgrade(_answering(episode)),
        moments=episode_story.moments(session, account, episode, now=clock.now()),
        others=_others(episode),
        vendor_email=Vendor.of(session).email,
    )


@bp.get("/account/over-limit/banner")
@requires(Permission.SEE_METERS)
def banner() -> ResponseReturnValue:
    """What an open page asks for when a count moves: the banner, or nothing any more."""
    if not wants_fragment():
        return redirect(url_for("account.show"), 303)
    return render_template("episodes/_banner.html")


def _standing(episode: Episode) -> Overrun | None:
    """How it stands now, as My Account says it; None once it is over."""
    if not episode.is_open:
        return None
    found = overruns.of_episodes(db.session(), episode.account_id, now=clock.now())
    return next((each for each in found if each.episode_id == episode.public_id), None)


def _answering(episode: Episode) -> Episode:
    """The episode whose upgrade answered this one: itself, but where two were over at once."""
    if episode.close_reason != CloseReason.ANSWERED_BY_ANOTHER:
        return episode
    statement = select(Episode).where(
        Episode.account_id == episode.account_id,
        Episode.state == EpisodeState.UPGRADED,
        Episode.closed_at == episode.closed_at,
    )
    return db.session.scalars(statement).first() or episode


def _upgrade(episode: Episode) -> dict[str, Any]:
    """The upgrade an episode led to, its invoice, and how long it can be taken back."""
    session, facts = db.session(), {"answered_by": episode}
    change = session.scalars(
        select(PlanChange).where(
            PlanChange.account_id == episode.account_id,
            PlanChange.episode_id == episode.id,
            PlanChange.state == PlanChangeState.APPLIED,
        )
    ).one_or_none()
    if change is None or change.invoice_id is None:
        return {**facts, "invoice": None, "recent": None}
    invoice = session.get_one(Invoice, change.invoice_id)
    recent = taking_back_offers.of_invoice(session, invoice, now=clock.now())
    return {**facts, "invoice": invoice, "recent": recent}


def _others(episode: Episode) -> Sequence[Episode]:
    statement = (
        select(Episode)
        .where(Episode.account_id == episode.account_id, Episode.id != episode.id)
        .order_by(Episode.opened_at.desc(), Episode.id.desc())
        .limit(OTHERS)
    )
    return db.session.scalars(statement).all()
