"""What is promised about over-limit episodes, looked up in the rows: whatever else is true of them.

It knows nothing of the oracle, nor of the code that keeps the promises.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from tests.model.mail import Handed

SECOND = 1_000_000
HOUR = 3600 * SECOND
OPEN = ("open", "parked")

EPISODES = text(
    "SELECT e.*, u.used, u.limit_value, s.status, s.cancelled_at, s.price_id AS runs"
    " FROM episode e JOIN usage u ON u.account_id = e.account_id AND u.metric = e.metric"
    " JOIN subscription s ON s.id = e.subscription_id"
    " WHERE e.account_id = :account_id ORDER BY e.id"
)
WARNINGS = text(
    "SELECT w.*, n.public_id FROM episode_warning w JOIN notice n ON n.warning_id = w.id"
    " WHERE w.account_id = :account_id ORDER BY w.episode_id, w.number, n.id"
)
UPGRADES = text(
    "SELECT c.*, a.tier_id AS former, b.tier_id AS target, a.interval AS before,"
    " b.interval AS after FROM plan_change c JOIN price a ON a.id = c.from_price_id"
    " JOIN price b ON b.id = c.to_price_id"
    " WHERE c.account_id = :account_id AND c.reason = 'auto_upgrade' ORDER BY c.id"
)
NEXT_TIER = text(
    "SELECT larger.id FROM tier t JOIN tier larger ON larger.family_id = t.family_id"
    " AND larger.position > t.position WHERE t.id = :tier_id ORDER BY larger.position LIMIT 1"
)


def broken(session: Session, account_id: int, handed: Sequence[Handed]) -> list[str]:
    """The promises that the rows of an account break, a sentence each; `handed` is what the mail
    server got."""
    given = {"account_id": account_id}
    episodes = session.execute(EPISODES, given).all()
    if not episodes:
        return []
    told: dict[int, dict[int, Row[Any]]] = defaultdict(dict)
    emails = session.execute(WARNINGS, given).all()
    for warning in emails:
        told[warning.episode_id][warning.number] = warning
    upgrades = session.execute(UPGRADES, given).all()
    found = [*_one_open(episodes), *_sent(emails, handed)]
    for episode in episodes:
        found += _open_with_reason(episode, any(c.state == "pending" for c in upgrades))
        found += _apart(told[episode.id])
        found += _left_to_people(episode, told[episode.id])
    of_id = {episode.id: episode for episode in episodes}
    for upgrade in upgrades:
        found += _warned(upgrade, told[upgrade.episode_id], of_id[upgrade.episode_id])
        following = session.execute(NEXT_TIER, {"tier_id": upgrade.former}).scalar()
        if (following, upgrade.before) != (upgrade.target, upgrade.after):
            found.append(f"{upgrade.op_id} did not lead to the next tier")
    return found


def _one_open(episodes: Sequence[Row[Any]]) -> list[str]:
    metrics = [episode.metric for episode in episodes if episode.state in OPEN]
    return [] if len(metrics) == len(set(metrics)) else [f"open at once: {metrics}"]


def _open_with_reason(episode: Row[Any], is_being_paid: bool) -> list[str]:
    """Back within the limit, on another plan or cancelled, none stays open."""
    if episode.state not in OPEN or is_being_paid:
        return []
    is_over = episode.limit_value is not None and episode.used > episode.limit_value
    runs = episode.status != "ended" and episode.cancelled_at is None
    if is_over and runs and episode.runs == episode.price_id:
        return []
    return [f"episode {episode.id} is open for no reason"]


def _apart(told: dict[int, Row[Any]]) -> list[str]:
    """In order, each after the one before was accepted, and 48 hours later at the least."""
    if list(told) != list(range(1, len(told) + 1)):
        return [f"the warnings were {list(told)}"]
    return [
        f"warning {two.number} came too soon"
        for one, two in pairwise(told.values())
        if one.accepted_at is None
        or two.written_at < one.accepted_at + 48 * HOUR
        or (two.accepted_at or two.written_at) < two.written_at
    ]


def _left_to_people(episode: Row[Any], told: dict[int, Row[Any]]) -> list[str]:
    """Where nobody could be reached nothing goes on by itself."""
    refused = [w.number for w in told.values() if w.refused_at is not None]
    if not refused or episode.state not in ("open", "upgraded"):
        return []
    return [f"episode {episode.id} goes on although warning {refused} was refused"]


def _warned(upgrade: Row[Any], told: dict[int, Row[Any]], episode: Row[Any]) -> list[str]:
    """Three accepted warnings in time, and no more charged than was told last."""
    accepted = [warning.accepted_at for warning in told.values()]
    if len(accepted) != 3 or None in accepted:
        return [f"{upgrade.op_id} came after {accepted}"]
    first, second, third = accepted
    at = min(upgrade.effective_at, upgrade.requested_at)
    last, found = told[3], []
    if second - first < 48 * HOUR or third - second < 48 * HOUR:
        found.append(f"{upgrade.op_id} came after warnings close together: {accepted}")
    if at - third < 24 * HOUR or at - first < 120 * HOUR:
        found.append(f"{upgrade.op_id} came too soon: {at} after {accepted}")
    due = last.due_minor if episode.extended_to is None else episode.extended_due_minor
    if upgrade.due_minor > due or upgrade.to_price_id != last.target_price_id:
        found.append(f"{upgrade.op_id} is not what was told")
    return found


def _sent(emails: Sequence[Row[Any]], handed: Sequence[Handed]) -> list[str]:
    """None taken twice but where the answer was lost, and never two of an episode in a day."""
    taken: dict[str, list[datetime]] = defaultdict(list)
    unheard: dict[str, int] = defaultdict(int)
    for letter in handed:
        public_id = letter.message_id.strip("<>").split("@")[0]
        if letter.answer in ("accepted", "dropped"):
            taken[public_id].append(letter.at)
            unheard[public_id] += letter.answer == "dropped"
    found = [
        f"warning {email.number} of episode {email.episode_id} was sent again"
        for email in emails
        if len(taken[email.public_id]) > 1 + unheard[email.public_id]
    ]
    for one, two in pairwise(emails):
        if one.episode_id == two.episode_id and one.number < two.number:
            arrived, next_one = taken[one.public_id], taken[two.public_id]
            if arrived and next_one and min(next_one) - max(arrived) < timedelta(hours=24):
                found.append(f"warnings {one.number} and {two.number} came within a day")
    return found
