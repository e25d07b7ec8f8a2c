"""Where the rows behind each count are listed, each with its reason."""

from portal.billing.rules.counting import Metric

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
