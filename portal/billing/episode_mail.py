"""What became of the emails that announce an upgrade, and those of them that wait to be sent."""

from datetime import datetime
from itertools import groupby

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from portal import outbox
from portal.mail.episode_notices import ANNOUNCING, MOVED
from portal.models import Episode, EpisodeWarning, Notice, NoticeState, OutboxItem, Work


def was_told(session: Session, episode: Episode) -> bool:
    """Whether a warning reached somebody, or is being handed to a mail server right now."""
    in_hands = (
        select(OutboxItem.id)
        .where(
            OutboxItem.work == Work.NOTICE,
            OutboxItem.subject_id == Notice.id,
            OutboxItem.lease_owner.is_not(None),
        )
        .exists()
    )
    statement = select(Notice.id).where(
        Notice.episode_id == episode.id,
        Notice.name.in_(ANNOUNCING),
        or_(Notice.state == NoticeState.ACCEPTED, in_hands),
    )
    return session.scalars(statement.limit(1)).first() is not None


def has_reached(session: Session, warning: EpisodeWarning) -> bool:
    """Whether a mail server took a warning, for anybody."""
    return _is_any(session, Notice.warning_id == warning.id, NoticeState.ACCEPTED)


def has_another(session: Session, notice: Notice) -> bool:
    """Whether a mail server took the same email for somebody else."""
    return _is_any(session, _same(notice), NoticeState.ACCEPTED)


def reaches_another(session: Session, notice: Notice) -> bool:
    """Whether the same email is accepted, or still to be sent, to somebody else."""
    return _is_any(session, _same(notice), NoticeState.ACCEPTED, NoticeState.WAITING)


def moves_taken(session: Session, episode: Episode) -> list[list[Notice]]:
    """The emails of a moved deadline that a mail server took, oldest first, each as its copies."""
    statement = select(Notice).where(
        Notice.episode_id == episode.id,
        Notice.name == MOVED,
        Notice.state == NoticeState.ACCEPTED,
    )
    rows = session.scalars(statement.order_by(Notice.created_at, Notice.id))
    return [list(copies) for _, copies in groupby(rows, key=lambda row: row.created_at)]


def withdraw_moves(session: Session, episode: Episode, *, now: datetime) -> None:
    """Emails of a moved deadline that nobody has got yet are not sent: a later one follows."""
    for notice in _waiting(session, episode, MOVED):
        notice.state, notice.settled_at = NoticeState.WITHDRAWN, now


def hasten(session: Session, episode: Episode, *, now: datetime) -> None:
    """What waited while the episode was held is sent now."""
    for notice in _waiting(session, episode, *ANNOUNCING):
        outbox.hasten(outbox.find(session, Work.NOTICE, notice.id), at=now)


def _same(notice: Notice) -> ColumnElement[bool]:
    """The other copies of an email."""
    if notice.warning_id is not None:
        same = Notice.warning_id == notice.warning_id
    else:
        of_episode = (Notice.episode_id == notice.episode_id) & (Notice.name == notice.name)
        same = of_episode & (Notice.created_at == notice.created_at)
    return same & (Notice.id != notice.id)


def _is_any(session: Session, which: ColumnElement[bool], *states: NoticeState) -> bool:
    statement = select(Notice.id).where(which, Notice.state.in_(states))
    return session.scalars(statement.limit(1)).first() is not None


def _waiting(session: Session, episode: Episode, *names: str) -> list[Notice]:
    statement = select(Notice).where(
        Notice.episode_id == episode.id,
        Notice.name.in_(names),
        Notice.state == NoticeState.WAITING,
    )
    return list(session.scalars(statement.order_by(Notice.id)))
