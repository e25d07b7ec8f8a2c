"""Choosing how many of which add-on: the number fields of a form, and what was typed into them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from portal.billing.rules import describe
from portal.billing.rules.money import Money
from portal.language import gettext as _
from portal.models import AddOnPrice

MOST = 1000
FIELD = "add_on_"


@dataclass(frozen=True)
class Choice:
    """An add-on on offer, and how many of it are chosen: `text` is what the field holds."""

    price: AddOnPrice
    text: str
    error: str | None = None

    @property
    def field(self) -> str:
        return field_of(self.price.id)

    @property
    def each(self) -> Money:
        return self.price.money

    @property
    def quantity(self) -> int:
        """How many; what can't be read counts as none."""
        return 0 if self.error else int(self.text or 0)


def choices(
    sold: Iterable[AddOnPrice],
    values: MultiDict[str, str],
    preset: Mapping[int, int] | None = None,
) -> list[Choice]:
    """The fields as they were sent; one that wasn't sent holds what `preset` says, or nothing."""
    preset = preset or {}
    return [read(price, values.get(field_of(price.id)), preset.get(price.id, 0)) for price in sold]


def is_sent(values: MultiDict[str, str]) -> bool:
    """Whether a form with such fields was sent at all."""
    return any(name.startswith(FIELD) for name in values)


def wanted(chosen: Iterable[Choice]) -> dict[int, int]:
    """How many of which add-on price; those of which none are wanted are left out."""
    return {choice.price.id: choice.quantity for choice in chosen if choice.quantity}


def not_a_number() -> str:
    """What is said of a field that can't be read."""
    return _("Write a whole number from 0 to %(most)s.", most=describe.number(MOST))


def field_of(price_id: int) -> str:
    return f"{FIELD}{price_id}"


def read(price: AddOnPrice, sent: str | None, preset: int = 0) -> Choice:
    """The field of one add-on as it was sent; `preset` where it wasn't."""
    if sent is None:
        return Choice(price, str(preset))
    text = sent.strip()
    is_number = not text or (text.isascii() and text.isdigit() and len(text) <= len(str(MOST)))
    if not is_number or int(text or 0) > MOST:
        return Choice(price, text[:20], not_a_number())
    return Choice(price, text)
