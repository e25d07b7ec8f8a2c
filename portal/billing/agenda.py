"""What falls due next at one account, in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Select,
    String,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.orm import Session

from portal.billing import episodes, overages, subscriptions
from portal.billing.rules import overage
from portal.billing.rules.counting import Metric
from portal.language import gettext as _
from portal.language import message
from portal.models import (
    Episode,
    EpisodeState,
    EpisodeWarning,
    OutboxItem,
    OutboxState,
    PlanChange,
    PlanChangeState,
    Subscription,
    Usage,
    Work,
)
from portal.models.types import Instant

ACCOUNT_ID: BindParameter[int] = bindparam("account_id")
# What an episode's next step is, by how many warnings the mail server has accepted.
STEPS = (
    message("the first warning"),
    message("the second warning"),
    message("the third warning"),
    message("the auto-upgrade"),
)


@dataclass(frozen=True)
class Due:
    """Something that happens at an instant, unless something changes before; `what` in the language
    spoken when it was asked for."""

    at: datetime
    what: str


def next_of(session: Session, account_id: int, *, now: datetime) -> Due | None:
    """The next thing that falls due at the account; None when nothing does."""
    rows = session.execute(COMING, {"account_id": account_id})
    found = [_due(session, account_id, now, *row) for row in rows]
    ahead = [due for due in found if due is not None and due.at > now]
    # Of two at the same instant the first: a downgrade takes the renewal's place.
    return min(ahead, key=lambda due: due.at, default=None)


def _due(session: Session, account_id: int, now: datetime, *row: Any) -> Due | None:
    kind, at, detail = row
    if kind == "over":
        found = session.get_one(Usage, (account_id, Metric(detail)))
        opens = overages.would_open(session, found)
        return Due(overage.next_check_at(now), _("the daily check")) if opens else None
    if at is None:
        return None
    what = STEPS[int(detail)] if kind == "step" else detail
    return Due(at, _(what))


def _downgrade() -> Select[Any]:
    return _row(
        "change", PlanChange.effective_at, literal(message("the scheduled downgrade"))
    ).where(PlanChange.account_id == ACCOUNT_ID, PlanChange.state == PlanChangeState.SCHEDULED)


def _renewal() -> Select[Any]:
    what = case(
        (Subscription.cancelled_at.is_(None), literal(message("the renewal"))),
        else_=literal(message("the end of the plan")),
    )
    return _row("renewal", Subscription.cycle_end_at, what).where(*_is_live())


def _step() -> Select[Any]:
    """The next step of an open episode, with how many of its warnings were accepted."""
    accepted = (
        select(func.count(EpisodeWarning.id))
        .where(EpisodeWarning.episode_id == Episode.id, EpisodeWarning.accepted_at.is_not(None))
        .scalar_subquery()
    )
    return _row("step", Episode.next_step_at, cast(accepted, String)).where(
        Episode.account_id == ACCOUNT_ID,
        Episode.state == EpisodeState.OPEN,
        Episode.held_at.is_(None),
    )


def _payment() -> Select[Any]:
    """The next try of a payment that was declined or has no answer yet."""
    what = literal(message("the next try to collect a payment"))
    return _row("payment", OutboxItem.next_at, what).where(
        OutboxItem.account_id == ACCOUNT_ID,
        OutboxItem.work == Work.PAYMENT,
        OutboxItem.state == OutboxState.WAITING,
    )


def _overs() -> Select[Any]:
    """Metrics over their limit that no episode is open for: the daily check will find them."""
    is_known = (
        select(Episode.id)
        .where(
            Episode.account_id == ACCOUNT_ID,
            Episode.metric == Usage.metric,
            episodes.IS_OPEN,
        )
        .exists()
    )
    return _row("over", null(), cast(Usage.metric, String)).where(
        Usage.account_id == ACCOUNT_ID,
        Usage.limit_value < Usage.used,
        ~is_known,
        select(Subscription.id).where(*_is_live()).exists(),
    )


def _is_live() -> tuple[ColumnElement[bool], ...]:
    return Subscription.account_id == ACCOUNT_ID, subscriptions.IS_LIVE


def _row(kind: str, at: Any, detail: Any) -> Select[Any]:
    return select(literal(kind), type_coerce(at, Instant).label("at"), detail.label("detail"))


# Built once: it is asked for on every page of sandbox mode.
COMING = union_all(_downgrade(), _renewal(), _step(), _payment(), _overs())
