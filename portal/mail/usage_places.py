"""Where the rows behind each count are listed, each with its reason, and where to make room."""

from typing import NamedTuple

from portal.billing.rules.counting import Metric
from portal.language import message

# Paths, because emails and open pages are drawn where nobody asks for anything.
COUNTED_AT: dict[Metric, str] = {
    Metric.SEATS: "/users?counted=yes",
    Metric.CLIENTS: "/clients?counted=yes",
    Metric.STORAGE: "/clients/documents?counted=yes",
}
NOT_COUNTED_AT: dict[Metric, str] = {
    Metric.SEATS: "/users?counted=no",
    Metric.CLIENTS: "/clients?counted=no",
    Metric.STORAGE: "/clients/documents?counted=no",
}


class Place(NamedTuple):
    """Where something is done, and what the button that leads there says: a message to look up."""

    path: str
    label: str


# Where a metric is brought back within its limit.
MAKE_ROOM: dict[Metric, Place] = {
    Metric.SEATS: Place("/users", message("Remove users")),
    Metric.CLIENTS: Place("/clients?counted=yes", message("Go to the client list")),
    Metric.STORAGE: Place("/clients/documents?counted=yes", message("Go to the documents")),
}
