"""What the billing history says about limits: over one, warned of it, and what came of that."""

from datetime import datetime

from portal.billing.rules import episode_words
from portal.billing.rules.counting import Metric, amount_of, over_by, standing
from portal.display.account_history.kinds import Details, Kind, Told, Words, sentence
from portal.language import gettext as _
from portal.web import formatting


def _opened(details: Details) -> Words:
    return _("Over the limit of %(limit)s", limit=_limit(details)), _standing(details), "warn"


def _warned(details: Details) -> Words:
    titles = {
        1: _("First warning by email"),
        2: _("Second warning by email"),
        3: _("Third warning by email"),
    }
    return titles[details["number"]], _announced(details), "warn"


def _announced(details: Details) -> str:
    deadline = _hour(details["deadline"])
    if details.get("due"):
        plan, due = details["plan"], details["due"]
        told = _("Announced for %(at)s: %(plan)s, %(due)s.", at=deadline, plan=plan, due=due)
        return f"{_standing(details)} {told}"
    if "due" in details:
        told = _("There is no larger plan to move to.")
        return f"{_standing(details)} {told}"
    return _("Automatic upgrade announced for %(at)s.", at=deadline)


def _closed(details: Details) -> Words:
    reason = details["reason"]
    if details["outcome"] == "resolved":
        told = _standing(details) if "used" in details else sentence(reason)
        return _("Within the limit again"), told, "good"
    # Entries of former versions have a sentence in the place of a key, and are told as they read.
    told = episode_words.closed_because(reason) or sentence(reason.replace("_", " "))
    return _("The warnings ended"), told, "neutral"


def _parked(details: Details) -> Words:
    why = episode_words.parked_because(details["reason"])
    told = _("Nothing is charged; the vendor was told.")
    return _("Nothing follows by itself any more"), f"{why} {told}".strip(), "neutral"


def _held(details: Details) -> Words:
    told = _("Nothing is charged until the vendor lets it go on.")
    return _("The automatic upgrade is on hold"), f"{sentence(details['reason'])} {told}", "neutral"


def _extended(details: Details) -> Words:
    due, at = details.get("due"), _hour(details["deadline"])
    title = _("Automatic upgrade put off until %(at)s", at=at)
    if due:
        title = _("Automatic upgrade put off until %(at)s, for %(due)s then", at=at, due=due)
    return title, sentence(details["reason"]), "good"


def _retold(details: Details) -> Words:
    title = _("The amount of the automatic upgrade rose to %(due)s", due=details["due"])
    told = _(
        "Told before: %(told)s. It was told again, and comes on %(at)s instead.",
        told=details["told"],
        at=_hour(details["deadline"]),
    )
    return title, told, "warn"


def _released(details: Details) -> Words:
    deadline = details.get("deadline")
    told = sentence(details["reason"])
    if deadline:
        comes = _("It comes on %(at)s at the earliest.", at=_hour(deadline))
        told = f"{told} {comes}"
    return _("The automatic upgrade goes on"), told, "warn"


def _choice_changed(details: Details) -> Words:
    if details["after"] == "hard_cap":
        title = _("Seats are never gone beyond from now on")
        return title, _("Nobody can be added then."), "neutral"
    told = _("After three emails over five days the account moves to the next larger plan.")
    return _("When seats run out, people can still be added"), told, "neutral"


def _climbed(details: Details) -> Words:
    limit = _limit(details)
    reached = {
        "near": _("Near the limit of %(limit)s", limit=limit),
        "full": _("At the limit of %(limit)s", limit=limit),
        "over": _("Over the limit of %(limit)s", limit=limit),
    }
    told = _("The Admins were told by email; nothing is charged.")
    return reached[details["level"]], f"{_standing(details)} {told}", "warn"


def _crossed(details: Details) -> Words:
    limit = details["limit"]
    if over_by(details["used"], limit):
        return _("More is in use than the plan holds"), _of_limit(details), "warn"
    told = _standing(details) if limit is None else _of_limit(details)
    return _("No more is in use than the plan holds"), told, "good"


def _of_limit(details: Details) -> str:
    return f"{standing(Metric(details['metric']), details['used'], details['limit'])}."


def _limit(details: Details) -> str:
    return amount_of(Metric(details["metric"]), details["limit"])


def _standing(details: Details) -> str:
    used, is_over = details["used"], over_by(details["used"], details.get("limit")) > 0
    figure = amount_of(Metric(details["metric"]), used, round_up=is_over)
    return _("%(figure)s in use.", figure=figure)


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
