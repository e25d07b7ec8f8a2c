"""What happens at the three accounts, and when: told in days before today."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from portal.billing.rules.overage import CHECK_HOUR
from portal.billing.rules.period import Interval
from portal.billing.rules.roles import Role
from portal.example.acts import Company

DAY = timedelta(days=1)
BOOKKEEPER = ("Bela Ledger", "bela.ledger@example.com")
FIRST_SIGN_UP = 152
CLIENTS_NEAR_LIMIT = 287


@dataclass(frozen=True)
class Event:
    """Something somebody does at an instant; `told` is shown while the story is made."""

    at: datetime
    act: Callable[[], None]
    told: str = ""


class Calendar:
    """Instants of the story, counted back from the day it ends on."""

    def __init__(self, today: datetime) -> None:
        self.end_at = today
        self.midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)

    def at(self, days_ago: int, hour: int, minute: int = 0) -> datetime:
        return self.midnight - days_ago * DAY + timedelta(hours=hour, minutes=minute)

    @property
    def begins_at(self) -> datetime:
        return self.at(FIRST_SIGN_UP, 6, 30)

    @property
    def third_day_check_at(self) -> datetime:
        """The daily check since which at least two days have gone by, and not yet three."""
        latest = self.end_at - 2 * DAY - timedelta(hours=1)
        check = latest.replace(hour=CHECK_HOUR, minute=0, second=0, microsecond=0)
        return check if check <= latest else check - DAY


def events(today: datetime, password_hash: str) -> list[Event]:
    """The whole story up to `today`, in its order."""
    calendar = Calendar(today)
    told = [*_fernhill(calendar, password_hash), *_harbour(calendar, password_hash)]
    told += _northlight(calendar, password_hash)
    return sorted(told, key=lambda event: event.at)


def _fernhill(calendar: Calendar, password_hash: str) -> Iterator[Event]:
    """Near its limit: 287 of 300 clients, five months of small steps."""
    firm = Company("Fernhill Accounting", "DE", "EUR", "Europe/Berlin", password_hash, 0)
    yield Event(
        calendar.at(152, 7, 12),
        lambda: firm.sign_up("Greta Fern", "greta.fern@example.com", ("standard", "5-users")),
        f"{firm.name} signs up for Standard, 5 users, in euros",
    )
    yield Event(calendar.at(152, 8, 40), lambda: firm.add_status("Year-end"))
    yield Event(
        calendar.at(152, 9, 5),
        lambda: firm.bring_in(210, "Year-end"),
        f"{firm.name} brings in its clients",
    )
    yield from _newcomer(calendar, firm, 151, "Tom Fern", "tom.fern@example.com", Role.MEMBER)
    yield from _newcomer(calendar, firm, 149, *BOOKKEEPER, Role.BILLING)
    yield from _newcomer(calendar, firm, 120, "Ylva Fern", "ylva.fern@example.com", Role.MEMBER)
    yield from _newcomer(calendar, firm, 64, "Omar Fern", "omar.fern@example.com", Role.ADMIN)
    for days_ago in range(140, 10, -9):
        yield from _ordinary_day(calendar, firm, days_ago)
    for days_ago in range(89, 1, -3):
        yield _growth(calendar, firm, days_ago)
    yield Event(
        calendar.at(1, 10, 20),
        lambda: firm.grow_to(CLIENTS_NEAR_LIMIT),
        f"{firm.name} has {CLIENTS_NEAR_LIMIT} of 300 clients",
    )


def _growth(calendar: Calendar, firm: Company, days_ago: int) -> Event:
    """About a client a day, up to where it is near its limit."""
    return Event(calendar.at(days_ago, 17, 5), lambda: firm.grow_to(CLIENTS_NEAR_LIMIT - days_ago))


def _harbour(calendar: Calendar, password_hash: str) -> Iterator[Event]:
    """Over its seats: upgraded once in time, and on the third day of its second episode."""
    firm = Company("Harbour Physio", "US", "USD", "America/New_York", password_hash, 380)
    yield Event(
        calendar.at(122, 14, 2),
        lambda: firm.sign_up("Ruth Harbour", "ruth.harbour@example.com", ("standard", "5-users")),
        f"{firm.name} signs up for Standard, 5 users",
    )
    yield Event(calendar.at(122, 15, 10), lambda: firm.bring_in(160))
    yield from _newcomer(calendar, firm, 120, *BOOKKEEPER, Role.BILLING)
    for number, days_ago in enumerate((121, 118, 110, 101, 78)):
        yield from _newcomer(calendar, firm, days_ago, *_harbour_person(number), Role.MEMBER)
    yield Event(
        calendar.at(77, 15, 30),
        lambda: firm.change_plan("standard", "10-users", Interval.MONTHLY),
        f"{firm.name}, warned of its sixth user, moves to Standard, 10 users",
    )
    yield Event(calendar.at(76, 15), lambda: firm.bring_in(190))
    for number, days_ago in enumerate((70, 61, 45, 33, 21), start=5):
        yield from _newcomer(calendar, firm, days_ago, *_harbour_person(number), Role.MEMBER)
    yield Event(calendar.at(34, 20), lambda: firm.leave(_harbour_person(1)[1]))
    for days_ago in range(108, 6, -11):
        yield from _ordinary_day(calendar, firm, days_ago)
    joins_at = calendar.third_day_check_at - timedelta(hours=11)
    yield from _joins(joins_at, firm, *_harbour_person(10), Role.MEMBER)
    yield Event(
        joins_at + timedelta(hours=2),
        lambda: None,
        f"{firm.name} has 11 of 10 users; the emails follow",
    )


def _northlight(calendar: Calendar, password_hash: str) -> Iterator[Event]:
    """Yearly on Pro, after a first month and a half by the month."""
    firm = Company("Northlight Academy", "IE", "EUR", "Europe/Dublin", password_hash, 760)
    yield Event(
        calendar.at(140, 9, 45),
        lambda: firm.sign_up("Niamh North", "niamh.north@example.com", ("pro", "10-users")),
        f"{firm.name} signs up for Pro, 10 users",
    )
    yield Event(calendar.at(140, 10, 30), lambda: firm.add_status("Alumni"))
    yield Event(calendar.at(139, 9), lambda: firm.bring_in(260, "Alumni"))
    yield from _newcomer(calendar, firm, 138, "Cian North", "cian.north@example.com", Role.MEMBER)
    yield from _newcomer(calendar, firm, 137, "Ada North", "ada.north@example.com", Role.BILLING)
    for number, days_ago in enumerate((131, 126, 99, 52, 26)):
        name = ("Orla", "Finn", "Saoirse", "Rory", "Dara")[number]
        email = f"{name.lower()}.north@example.com"
        yield from _newcomer(calendar, firm, days_ago, f"{name} North", email, Role.MEMBER)
    yield Event(
        calendar.at(95, 11),
        lambda: firm.change_plan("pro", "10-users", Interval.YEARLY),
        f"{firm.name} moves to paying by the year",
    )
    for days_ago in range(112, 4, -13):
        yield from _ordinary_day(calendar, firm, days_ago)


def _newcomer(
    calendar: Calendar, firm: Company, days_ago: int, person: str, email: str, role: Role
) -> Iterator[Event]:
    yield from _joins(calendar.at(days_ago, 14, 20), firm, person, email, role)


def _joins(at: datetime, firm: Company, person: str, email: str, role: Role) -> Iterator[Event]:
    """Invited now, there within two hours."""
    yield Event(at, lambda: firm.invite(email, role))
    yield Event(at + timedelta(minutes=97), lambda: firm.join(person, email))


def _ordinary_day(calendar: Calendar, firm: Company, days_ago: int) -> Iterator[Event]:
    """A few clients come, some rest, some papers are kept, one or two come back or go."""
    yield Event(calendar.at(days_ago, 9, 33), lambda: firm.add(4 + days_ago % 5))
    yield Event(calendar.at(days_ago, 11, 2), lambda: firm.suspend(1 + days_ago % 3))
    yield Event(calendar.at(days_ago, 12, 30), lambda: firm.keep(1 + days_ago % 4))
    yield Event(calendar.at(days_ago, 13, 48), lambda: firm.bring_back(days_ago % 2))
    yield Event(calendar.at(days_ago, 16, 15), lambda: firm.delete(days_ago % 3))


def _harbour_person(number: int) -> tuple[str, str]:
    names = (
        "Sam", "Priya", "Luis", "Hana", "Marek", "Ines", "Joel", "Anouk", "Kofi", "Elif", "Bo",
    )  # fmt: skip
    return f"{names[number]} Harbour", f"{names[number].lower()}.harbour@example.com"
