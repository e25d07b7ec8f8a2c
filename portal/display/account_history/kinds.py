"""What the billing history is made of: kinds of events, and how each action is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Details = Mapping[str, Any]
# Title, a sentence or more, and the tone it is shown in.
Words = tuple[str, str, str]


class Kind(StrEnum):
    """What a part of the history is about; `label` is what people choose it by."""

    PLAN = "plan"
    MONEY = "money"
    LIMITS = "limits"
    PEOPLE = "people"
    DETAILS = "details"

    @property
    def label(self) -> str:
        return KIND_LABELS[self]


KIND_LABELS = {
    Kind.PLAN: "Plan and add-ons",
    Kind.MONEY: "Invoices and payments",
    Kind.LIMITS: "Over the limit",
    Kind.PEOPLE: "Users",
    Kind.DETAILS: "Billing details",
}


@dataclass(frozen=True)
class Told:
    """How an action is told. `amount` names the detail with what was charged, paid or given back
    (then `sign` is −1); `is_brief` says that it is among the latest on My Account."""

    kind: Kind
    words: Callable[[Details], Words]
    amount: str = ""
    sign: int = 1
    is_brief: bool = True


def sentence(text: str | None) -> str:
    """A reason as it was kept, begun and ended like a sentence; "" where there is none."""
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "." if text else ""
