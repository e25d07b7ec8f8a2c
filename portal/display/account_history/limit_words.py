"""What the billing history says about limits: over one, warned of it, and what came of that."""

from datetime import datetime

from portal.billing.rules import episode_words
from portal.billing.rules.counting import Metric, amount_of, over_by, standing
from portal.display.account_history.kinds import Details, Kind, Told, Words, sentence
from portal.web import formatting


def _opened(details: Details) -> Words:
    return f"Over the limit of {_limit(details)}", _standing(details), "warn"


def _warned(details: Details) -> Words:
    which = {1: "First", 2: "Second", 3: "Third"}[details["number"]]
    deadline = _hour(details["deadline"])
    told = f"Automatic upgrade announced for {deadline}."
    if details.get("due"):
        told = (
            f"{_standing(details)} Announced for {deadline}: {details['plan']}, {details['due']}."
        )
    elif "due" in details:
        told = f"{_standing(details)} There is no larger plan to move to."
    return f"{which} warning by email", told, "warn"


def _closed(details: Details) -> Words:
    reason = details["reason"]
    if details["outcome"] == "resolved":
        told = _standing(details) if "used" in details else sentence(reason)
        return "Within the limit again", told, "good"
    # Entries of former versions have a sentence in the place of a key, and are told as they read.
    told = episode_words.closed_because(reason) or sentence(reason.replace("_", " "))
    return "The warnings ended", told, "neutral"


def _parked(details: Details) -> Words:
    why = episode_words.parked_because(details["reason"])
    told = f"{why} Nothing is charged; the vendor was told.".strip()
    return "Nothing follows by itself any more", told, "neutral"


def _held(details: Details) -> Words:
    told = f"{sentence(details['reason'])} Nothing is charged until the vendor lets it go on."
    return "The automatic upgrade is on hold", told, "neutral"


def _extended(details: Details) -> Words:
    due = f", for {details['due']} then" if details.get("due") else ""
    title = f"Automatic upgrade put off until {_hour(details['deadline'])}{due}"
    return title, sentence(details["reason"]), "good"


def _retold(details: Details) -> Words:
    title = f"The amount of the automatic upgrade rose to {details['due']}"
    told = f"Told before: {details['told']}. It was told again, and comes on"
    return title, f"{told} {_hour(details['deadline'])} instead.", "warn"


def _released(details: Details) -> Words:
    deadline = details.get("deadline")
    told = f" It comes on {_hour(deadline)} at the earliest." if deadline else ""
    return "The automatic upgrade goes on", f"{sentence(details['reason'])}{told}", "warn"


def _choice_changed(details: Details) -> Words:
    if details["after"] == "hard_cap":
        return "Seats are never gone beyond from now on", "Nobody can be added then.", "neutral"
    told = "After three emails over five days the account moves to the next larger plan."
    return "When seats run out, people can still be added", told, "neutral"


def _climbed(details: Details) -> Words:
    reached = {"near": "Near the limit of", "full": "At the limit of", "over": "Over the limit of"}
    told = f"{_standing(details)} The Admins were told by email; nothing is charged."
    return f"{reached[details['level']]} {_limit(details)}", told, "warn"


def _crossed(details: Details) -> Words:
    limit = details["limit"]
    if over_by(details["used"], limit):
        return "More is in use than the plan holds", _of_limit(details), "warn"
    told = _standing(details) if limit is None else _of_limit(details)
    return "No more is in use than the plan holds", told, "good"


def _of_limit(details: Details) -> str:
    return f"{standing(Metric(details['metric']), details['used'], details['limit'])}."


def _limit(details: Details) -> str:
    return amount_of(Metric(details["metric"]), details["limit"])


def _standing(details: Details) -> str:
    used, is_over = details["used"], over_by(details["used"], details.get("limit")) > 0
    return f"{amount_of(Metric(details['metric']), used, round_up=is_over)} in use."


def _hour(instant: str) -> str:
    return formatting.date_time(datetime.fromisoformat(instant))


ACTIONS: dict[str, Told] = {
    "episode.opened": Told(Kind.LIMITS, _opened),
    "episode.warned": Told(Kind.LIMITS, _warned),
    "episode.closed": Told(Kind.LIMITS, _closed),
    "episode.parked": Told(Kind.LIMITS, _parked),
    "episode.held": Told(Kind.LIMITS, _held),
    "episode.extended": Told(Kind.LIMITS, _extended),
    "episode.retold": Told(Kind.LIMITS, _retold),
    "episode.released": Told(Kind.LIMITS, _released),
    "seats.choice_changed": Told(Kind.LIMITS, _choice_changed),
    "usage.climbed": Told(Kind.LIMITS, _climbed),
    "usage.crossed": Told(Kind.LIMITS, _crossed, is_brief=False),
}
