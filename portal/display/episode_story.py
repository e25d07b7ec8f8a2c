"""The story of one over-limit episode: each count that mattered, each email as it was sent, what
was announced, decided and charged, in the order in which it happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal.billing import usage
from portal.billing.rules.counting import Metric, amount_of, over_by
from portal.billing.rules.usage_forecast import DayCount
from portal.display.account_history import entries
from portal.display.account_history.entries import Asked, Document, Entry
from portal.display.account_history.kinds import Kind
from portal.language import gettext as _
from portal.mail import mailer
from portal.models import Account, CreditNote, Episode, Notice, PlanChange, TakenBack, User

TOLD = (Kind.LIMITS, Kind.PEOPLE, Kind.PLAN, Kind.MONEY)
# What led to an episode is looked for this far before the check that found it.
LED_TO_IT = timedelta(days=2)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Delivery:
    """An email to one person: `state` is the mail server's answer, `answer` its words."""

    recipient: str
    state: str
    at: datetime | None
    answer: str


@dataclass(frozen=True)
class Email:
    """An email as it was written, and what became of each copy."""

    subject: str
    text: str
    deliveries: tuple[Delivery, ...]


@dataclass(frozen=True)
class Moment:
    """Something that happened; `count` is how much was in use then, "" where it is not known.

    `by` is the kind of actor who did it, `who` a name: "" where nobody is to be named.
    """

    at: datetime
    title: str
    detail: str
    tone: str
    who: str
    count: str = ""
    document: Document | None = None
    email: Email | None = None
    by: str = "system"


def moments(session: Session, account: Account, episode: Episode, *, now: datetime) -> list[Moment]:
    """All of it up to `now`, the first at the top."""
    told = [*_from_history(session, account, episode), *_emails(session, episode)]
    if episode.metric is not Metric.SEATS:
        told += _counts_by_day(session, account, episode, now)
    told += _taken_back(session, episode)
    return sorted(told, key=lambda moment: moment.at)


def _from_history(session: Session, account: Account, episode: Episode) -> Iterator[Moment]:
    before = episode.closed_at + timedelta(microseconds=1) if episode.closed_at else None
    asked = Asked(TOLD, episode.opened_at - LED_TO_IT, before)
    former: int | None = None
    for entry in reversed(list(entries.every(session, account, asked))):
        count = entry.seats if episode.metric is Metric.SEATS else None
        if _belongs(entry, episode, count, former):
            yield _moment(entry, episode, count)
        former = former if count is None else count


def _belongs(entry: Entry, episode: Episode, count: int | None, former: int | None) -> bool:
    """Before the episode only what moved its count; from then on what changed it or followed."""
    moved = count is not None and count != former
    if entry.at < episode.opened_at:
        has_crossed = entry.is_crossing and entry.metric == episode.metric
        return has_crossed or (entry.kind is Kind.PEOPLE and moved)
    if entry.kind is Kind.LIMITS:
        return entry.metric in ("", episode.metric)
    return moved or entry.kind in (Kind.PLAN, Kind.MONEY)


def _moment(entry: Entry, episode: Episode, count: int | None) -> Moment:
    return Moment(
        entry.at,
        entry.title,
        entry.detail,
        entry.tone,
        entry.who,
        "" if count is None else amount_of(episode.metric, count),
        entry.document,
        by=entry.by,
    )


def _emails(session: Session, episode: Episode) -> Iterator[Moment]:
    statement = (
        select(Notice)
        .where(Notice.account_id == episode.account_id, Notice.episode_id == episode.id)
        .order_by(Notice.created_at, Notice.name, Notice.id)
    )
    rows = session.scalars(statement)
    for (at, _occasion), copies in groupby(rows, key=lambda row: (row.created_at, row.name)):
        written = list(copies)
        first, deliveries = written[0], tuple(_delivery(row) for row in written)
        email = Email(first.subject, first.body_text, deliveries)
        title = _("Email: %(subject)s", subject=first.subject)
        yield Moment(at, title, "", "neutral", "", email=email)


def _delivery(row: Notice) -> Delivery:
    return Delivery(row.recipient, row.state.value, row.settled_at, mailer.answer_to_tell(row))


def _counts_by_day(
    session: Session, account: Account, episode: Episode, now: datetime
) -> Iterator[Moment]:
    """Of a count that moves too often to tell each time: how each day that moved it ended, of
    today how it stands. How it stood at the episode's end is told with that."""
    since = episode.opened_at.date() - DAY
    until = episode.closed_at.date() - DAY if episode.closed_at else now.date()
    days = usage.history(session, account.id, since=since, until=until)[episode.metric]
    former = None
    for day in days:
        if former is not None and day.used != former:
            figure, ends_at = _in_use(episode.metric, day), datetime.combine(day.day, time.max, UTC)
            title = _("%(figure)s at the end of the day", figure=figure)
            if ends_at > now:
                title = _("%(figure)s in use", figure=figure)
            yield Moment(min(ends_at, now), title, "", "neutral", "", figure)
        former = day.used


def _in_use(metric: Metric, day: DayCount) -> str:
    return amount_of(metric, day.used, round_up=over_by(day.used, day.limit) > 0)


def _taken_back(session: Session, episode: Episode) -> Iterator[Moment]:
    """What came after the end: the upgrade that it led to was taken back."""
    statement = (
        select(TakenBack.taken_back_at, User.name, CreditNote.number_text)
        .join(PlanChange, PlanChange.id == TakenBack.plan_change_id)
        .join(CreditNote, CreditNote.id == TakenBack.credit_note_id)
        .outerjoin(User, User.id == TakenBack.taken_back_by_id)
        .where(PlanChange.account_id == episode.account_id, PlanChange.episode_id == episode.id)
    )
    for at, name, number in session.execute(statement):
        document = Document(number, is_credit_note=True)
        title, detail = _("The upgrade was taken back"), _("What it had cost came back.")
        yield Moment(at, title, detail, "good", name or "", document=document, by="user")
