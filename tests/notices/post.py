"""What tests of emails do: find them, have them accepted, take an episode a step on."""

from datetime import datetime

from sqlalchemy import select

from portal.billing import accounts, episode_steps
from portal.extensions import db
from portal.mail import mailer
from portal.models import Episode, Notice, NoticeState
from portal.transaction import transaction

ODD_NAME = 'Søren <b>& "Sons"'
ESCAPED = "Søren &lt;b&gt;&amp; &#34;Sons&#34;"


def named(name: str) -> list[Notice]:
    """The notices of one kind, oldest first."""
    db.session.rollback()
    return list(db.session.scalars(select(Notice).where(Notice.name == name).order_by(Notice.id)))


def newest(name: str) -> Notice:
    return named(name)[-1]


def deliver_all(now: datetime) -> None:
    """What the worker does with the emails that wait; the sandbox accepts them."""
    waiting = select(Notice.id).where(Notice.state == NoticeState.WAITING)
    for notice_id in db.session.scalars(waiting).all():
        settle(notice_id, mailer.deliver(notice_id), now)


def settle(notice_id: int, answer: mailer.Answer, now: datetime) -> None:
    with transaction() as session:
        mailer.record(session, session.get_one(Notice, notice_id), answer, now=now)


def step(episode: Episode, now: datetime) -> None:
    """Do what is due for an episode."""
    with transaction() as session:
        account = accounts.lock(session, episode.account_id)
        episode_steps.step(session, account, session.get_one(Episode, episode.id), now=now)
