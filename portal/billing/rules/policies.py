"""What follows when a metric goes over its limit."""

from __future__ import annotations

from enum import StrEnum


class Policy(StrEnum):
    AUTO_UPGRADE = "auto_upgrade"
    WARN = "warn"
