"""What people are told by email when an account is over its limit: warnings, and how it ended.

Each goes to the account's active Admins.
"""

from datetime import datetime
from urllib.parse import urlsplit

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import calendar_file, notice_facts, notices
from portal.billing.rules import describe
from portal.billing.rules.plan_change import Quote
from portal.billing.rules.roles import Role
from portal.models import Account, Episode, EpisodeWarning, Invoice, Notice, NoticeState, Usage
from portal.notices import Message
from portal.printable import printable


def warning(
    session: Session, warning: EpisodeWarning, *, quote: Quote | None, now: datetime
) -> list[Notice]:
    """To each active Admin: over the limit, what follows, when, for how much, and the ways out.

    `quote` is the upgrade as it would be made at the deadline; None where there is no next tier.
    No notice at all means that nobody can be warned.
    """
    account = session.get_one(Account, warning.account_id)
    message = _warning(account, warning, quote, now)
    return notices.write(session, message, notices.people(session, account, Role.ADMIN), now=now)


def rewrite_warning(
    session: Session, warning: EpisodeWarning, *, quote: Quote | None, now: datetime
) -> list[Notice]:
    """Put what the warning says now into those of its emails that nobody has got yet."""
    account = session.get_one(Account, warning.account_id)
    message = _warning(account, warning, quote, now)
    statement = select(Notice).where(
        Notice.warning_id == warning.id, Notice.state == NoticeState.WAITING
    )
    waiting = list(session.scalars(statement.order_by(Notice.id)))
    notices.rewrite(session, message, waiting)
    return waiting


def all_clear(session: Session, episode: Episode, *, used: int, now: datetime) -> list[Notice]:
    """To each active Admin: within the limit again, nothing will change."""
    account = session.get_one(Account, episode.account_id)
    facts = notice_facts.of_episode(episode)
    facts |= notice_facts.standing(episode.metric, used, episode.limit_at_opening)
    message = Message("all_clear", account, facts)
    return notices.write(session, message, notices.people(session, account, Role.ADMIN), now=now)


def auto_upgraded(
    session: Session, episode: Episode, invoice: Invoice, *, now: datetime
) -> list[Notice]:
    """To each active Admin: upgraded, why, after which warnings, and what was charged."""
    account = session.get_one(Account, episode.account_id)
    used = session.get_one(Usage, (account.id, episode.metric)).used
    target = episode.warnings[-1].target_price
    facts = notice_facts.of_episode(episode) | notice_facts.of_invoice(invoice)
    facts |= notice_facts.standing(episode.metric, used, episode.limit_at_opening)
    facts["new_plan"] = target.plan_name if target else ""
    message = Message("auto_upgraded", account, facts)
    return notices.write(session, message, notices.people(session, account, Role.ADMIN), now=now)


def _warning(
    account: Account, warning: EpisodeWarning, quote: Quote | None, now: datetime
) -> Message:
    facts = notice_facts.of_warning(warning, quote, now=now, zone=account.time_zone)
    calendar = _calendar(account, warning, quote, now) if quote else None
    columns = {"warning_id": warning.id, "calendar": calendar}
    return Message("warning", account, facts, columns)


def _calendar(account: Account, warning: EpisodeWarning, quote: Quote, now: datetime) -> str:
    """The deadline. The warnings of an episode speak of one event, so that a later one moves it."""
    base_url: str = current_app.config["PORTAL"].base_url
    opened = f"{warning.episode.opened_at:%Y%m%dT%H%M%SZ}"
    return calendar_file.deadline(
        uid=f"{account.public_id}-{opened}@{urlsplit(base_url).hostname}",
        sequence=warning.number,
        at=warning.deadline_at,
        written_at=now,
        title=f"{printable(account.name, notices.NAME)} moves to {quote.target.name}",
        text=(
            f"Unless the account is back within its limit before then, it moves to "
            f"{quote.target.name} and is charged {describe.money(quote.due_now)}."
        ),
        url=f"{base_url}/account/change-plan",
    )
