"""A deadline as a calendar file."""

from datetime import datetime, timedelta

from icalendar import Alarm, Calendar, Event

REMINDER = timedelta(hours=-24)
PRODUCT = "-//Customer billing portal//Deadlines//EN"


def deadline(
    *,
    uid: str,
    sequence: int,
    at: datetime,
    written_at: datetime,
    title: str,
    text: str,
    url: str,
) -> str:
    """One event at `at`, with a reminder a day before; takes no time out of anybody's day.

    A file of the same `uid` with a higher `sequence` moves the event of an earlier one.
    """
    event = Event()
    event.add("uid", uid)
    event.add("sequence", sequence)
    event.add("dtstamp", written_at)
    event.add("dtstart", at)
    event.add("summary", title)
    event.add("description", f"{text}\n\n{url}")
    event.add("url", url)
    event.add("transp", "TRANSPARENT")
    event.add_component(_reminder(title))
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    calendar.add("method", "PUBLISH")
    calendar.add_component(event)
    return calendar.to_ical().decode("utf-8")


def _reminder(title: str) -> Alarm:
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", title)
    alarm.add("trigger", REMINDER)
    return alarm
