"""What a plan limits and what counts against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from portal import language
from portal.billing.rules import describe
from portal.billing.rules.look_alikes import folded, skeleton
from portal.billing.rules.roles import Role
from portal.language import gettext as _
from portal.language import message, ngettext


class Metric(StrEnum):
    SEATS = "seats"
    CLIENTS = "clients"
    STORAGE = "storage"


class Level(StrEnum):
    OK = "ok"
    NEAR = "near"
    FULL = "full"
    OVER = "over"


# Storage is in bytes; a limit of None is unlimited.
Usage = Mapping[Metric, int]
Limits = Mapping[Metric, int | None]

NEAR_PERCENT = 80
NAME_KEY_LENGTH = 120


@dataclass(frozen=True)
class BuiltInStatus:
    key: str
    name: str
    counted: bool


BUILT_IN_STATUSES = (
    BuiltInStatus("client", message("Client"), counted=True),
    BuiltInStatus("lead", message("Lead"), counted=False),
    BuiltInStatus("prospect", message("Prospect"), counted=False),
    BuiltInStatus("inactive", message("Inactive"), counted=False),
    BuiltInStatus("suspended", message("Suspended"), counted=False),
)
_BUILT_IN = {status.key: status for status in BUILT_IN_STATUSES}
_NOT_COUNTED = {
    "lead": message("not counted: lead"),
    "prospect": message("not counted: prospect"),
    "inactive": message("not counted: inactive"),
    "suspended": message("not counted: suspended"),
}
_SEATS = {
    Role.ADMIN: message("counted: active Admin"),
    Role.MEMBER: message("counted: active Member"),
    Role.BILLING: message("not counted: billing contact"),
}


@dataclass(frozen=True)
class Shortfall:
    """A metric whose usage is above a plan's limit."""

    metric: Metric
    used: int
    limit: int

    @property
    def too_many(self) -> int:
        return self.used - self.limit

    @property
    def sentence(self) -> str:
        """As in "312 of 300 clients: 12 too many"."""
        standing = of_limit(self.metric, self.used, self.limit)
        if self.metric is Metric.STORAGE:
            return _("%(standing)s: %(excess)s too much", standing=standing, excess=self._excess)
        excess = describe.number(self.too_many)
        return _("%(standing)s: %(excess)s too many", standing=standing, excess=excess)

    @property
    def to_remove(self) -> str:
        """What has to go before the plan fits: "12 clients"."""
        if self.metric is Metric.STORAGE:
            return _("%(figures)s of documents", figures=self._excess)
        return amount_of(self.metric, self.too_many)

    @property
    def _excess(self) -> str:
        return describe.storage(self.too_many, round_up=True)


@dataclass(frozen=True)
class Fit:
    """How today's usage goes with a plan's limits; `shortfalls` is empty where it fits."""

    shortfalls: tuple[Shortfall, ...]

    @property
    def fits(self) -> bool:
        return not self.shortfalls

    @property
    def too_many(self) -> str:
        """By how much it is too small: "12 of 5 seats: 7 too many"; "" where it fits."""
        return "; ".join(shortfall.sentence for shortfall in self.shortfalls)

    @property
    def to_remove(self) -> str:
        """What has to go: "3 seats and 40 clients"; "" where it fits."""
        return describe.listing([shortfall.to_remove for shortfall in self.shortfalls] or [""])


def is_counted(built_in_key: str | None) -> bool:
    """Whether clients of a status count; None is a custom status, and those always do.

    An unknown key raises ValueError.
    """
    if built_in_key is None:
        return True
    if built_in_key not in _BUILT_IN:
        raise ValueError(f"{built_in_key!r} is not a built-in status")
    return _BUILT_IN[built_in_key].counted


def status_label(name: str, *, built_in_key: str | None) -> str:
    """What people read for a status: a fixed one's in their language, another's as it was typed."""
    return language.look_up(name) if built_in_key else name


@cache
def built_in_names() -> Mapping[str, frozenset[str]]:
    """What each fixed status is called in the languages of the pages, by its key."""
    names: dict[str, set[str]] = {status.key: set() for status in BUILT_IN_STATUSES}
    for tag in language.OF_PAGES:
        with language.speaking(tag):
            for status in BUILT_IN_STATUSES:
                names[status.key].add(language.look_up(status.name))
    return {key: frozenset(called) for key, called in names.items()}


def count_reason(status_name: str, *, built_in_key: str | None, deleted: bool) -> str:
    """Why a client counts or not: "counted: status Round 3", "not counted: suspended"."""
    if deleted:
        return _("not counted: deleted")
    if is_counted(built_in_key):
        label = status_label(status_name, built_in_key=built_in_key)
        return _("counted: status %(status)s", status=label)
    return language.look_up(_NOT_COUNTED[str(built_in_key)])


def takes_seat(role: Role, active: bool) -> bool:
    """Active Admins and Members take a seat; billing contacts and the deactivated take none."""
    return active and role.takes_seat


def seat_reason(role: Role, active: bool) -> str:
    """Why a user counts or not: "counted: active Admin", "not counted: deactivated"."""
    return _(_SEATS[role]) if active else _("not counted: deactivated")


def storage_reason(*, client_deleted: bool) -> str:
    """Why a document counts or not: "counted: kept with a client"."""
    if client_deleted:
        return _("not counted: its client is deleted")
    return _("counted: kept with a client")


def status_name_key(name: str) -> str:
    """The form in which two status names are the same; "" for a name that shows nothing.

    Case, spaces, accents, invisible characters, Unicode compatibility forms and letters of other
    scripts that look Latin are folded. At most NAME_KEY_LENGTH characters.
    """
    return folded(name)[:NAME_KEY_LENGTH]


def shadows_built_in(name: str) -> bool:
    """Whether a person could take `name` for a built-in status ("cliént", "CIient", "Сlient"), in
    whatever language of the pages they read its name."""
    return skeleton(name) in _built_in_skeletons()


@cache
def _built_in_skeletons() -> frozenset[str]:
    return frozenset(skeleton(name) for names in built_in_names().values() for name in names)


def level(used: int, limit: int | None) -> Level:
    """How a meter stands: NEAR from 80 %, FULL at exactly the limit, OVER above it."""
    if limit is None:
        return Level.OK
    if used >= limit:
        return Level.OVER if used > limit else Level.FULL
    return Level.NEAR if used * 100 >= limit * NEAR_PERCENT else Level.OK


def over_by(used: int, limit: int | None) -> int:
    return 0 if limit is None else max(used - limit, 0)


def left(used: int, limit: int | None) -> int | None:
    """What may still be added, never below zero; None where the metric is unlimited."""
    return None if limit is None else max(limit - used, 0)


def fit(usage: Usage, limits: Limits) -> Fit:
    """How usage goes with a plan's limits; KeyError for a metric missing from either."""
    return Fit(shortfalls(usage, limits))


def shortfalls(usage: Usage, limits: Limits) -> tuple[Shortfall, ...]:
    """Every metric whose usage is above its limit, in the order of Metric.

    A metric missing from either raises KeyError: not counted is not the same as zero.
    """
    found = []
    for metric in Metric:
        used, limit = usage[metric], limits[metric]
        if limit is not None and used > limit:
            found.append(Shortfall(metric, used, limit))
    return tuple(found)


def name_of(metric: Metric) -> str:
    """As a heading: "Seats", "Clients", "Storage"."""
    names = {Metric.SEATS: _("Seats"), Metric.CLIENTS: _("Clients"), Metric.STORAGE: _("Storage")}
    return names[metric]


def amount_of(metric: Metric, count: int, *, round_up: bool = False) -> str:
    """As in "1 seat", "300 clients", "5 GB"; bytes are rounded down, or up."""
    if metric is Metric.STORAGE:
        return describe.storage(count, round_up=round_up)
    if metric is Metric.SEATS:
        return describe.counted(count, "%(num)s seat", "%(num)s seats")
    return describe.counted(count, "%(num)s client", "%(num)s clients")


def in_use(metric: Metric, used: int, limit: int | None) -> str:
    """As in "11", "5.1 GB": where it is over the limit, never shown as just enough."""
    if metric is Metric.STORAGE:
        return describe.storage(used, round_up=over_by(used, limit) > 0)
    return describe.number(used)


def of_limit(metric: Metric, used: int, limit: int) -> str:
    """As in "11 of 10 seats", "5.4 of 5 GB", "1.2 TB of 900 GB"."""
    figure, most = in_use(metric, used, limit), describe.number(limit)
    if metric is Metric.SEATS:
        return ngettext(
            "%(figure)s of %(num)s seat",
            "%(figure)s of %(num)s seats",
            limit,
            num=most,
            figure=figure,
        )
    if metric is Metric.CLIENTS:
        return ngettext(
            "%(figure)s of %(num)s client",
            "%(figure)s of %(num)s clients",
            limit,
            num=most,
            figure=figure,
        )
    most = amount_of(metric, limit)
    bare, _space, unit = figure.rpartition(" ")
    figure = bare if most.endswith(f" {unit}") else figure
    return _("%(figure)s of %(most)s", figure=figure, most=most)


def standing(metric: Metric, used: int, limit: int) -> str:
    """As in "11 of 10 seats", "5.4 of 5 GB of documents"."""
    figures = of_limit(metric, used, limit)
    return _("%(figures)s of documents", figures=figures) if metric is Metric.STORAGE else figures
