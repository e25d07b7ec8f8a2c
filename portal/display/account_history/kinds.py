"""What the billing history is made of: kinds of events, and how each action is told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from portal.billing.rules import describe, kept_words
from portal.billing.rules.errors import AmountNotUnderstood
from portal.language import gettext as _
from portal.language import message

Details = Mapping[str, Any]
# Title, a sentence or more, and the tone it is shown in.
Words = tuple[str, str, str]
# What is kept as an amount in words.
AMOUNTS = ("due", "paid", "total", "amount", "told", "off_invoice", "to_method", "to_balance")


class Kind(StrEnum):
    """What a part of the history is about; `label` is what people choose it by."""

    PLAN = "plan"
    MONEY = "money"
    LIMITS = "limits"
    PEOPLE = "people"
    DETAILS = "details"

    @property
    def label(self) -> str:
        return _(KIND_LABELS[self])


KIND_LABELS = {
    Kind.PLAN: message("Plan and add-ons"),
    Kind.MONEY: message("Invoices and payments"),
    Kind.LIMITS: message("Over the limit"),
    Kind.PEOPLE: message("Users"),
    Kind.DETAILS: message("Billing details"),
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


def spoken(details: Details, currency: str) -> Details:
    """Details with their amounts in the language spoken now; the trail keeps them in English."""
    written = {key: _amount(details[key], currency) for key in AMOUNTS if details.get(key)}
    return {**details, **written}


def sentence(text: str | None) -> str:
    """A reason as it was kept, in the language spoken now where a catalog has it, begun and ended
    like a sentence; "" where there is none."""
    told = kept_words.translated(text) if text else ""
    return f"{told[:1].upper()}{told[1:]}".rstrip(".") + "." if told else ""


def _amount(written: str, currency: str) -> str:
    try:
        return describe.money(describe.money_in(written, currency))
    except AmountNotUnderstood:
        return written
