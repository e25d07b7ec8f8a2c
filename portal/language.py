"""The language spoken now: its words, its figures and its dates.

One is spoken per context: a page's by the request, a document's and an email's by whoever makes
it, with `speaking`. Words are looked up when a sentence is made, so a text that is kept (a line
of an invoice, an entry of the trail) stays in the language it was made in.

English is in the code and the templates; every other language is a gettext catalog in
`portal/translations/`. A message that a catalog lacks is said in English.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

ENGLISH = "en"
# What documents and emails are written in, each language under its own name.
LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
    "pt": "Português",
    "nl": "Nederlands",
}
# What pages are complete in.
OF_PAGES = ("en", "de")
# Whose figures and dates: Portuguese as in Portugal, where the electronic invoice is European.
LOCALES = {**{language: language for language in LANGUAGES}, "pt": "pt_PT"}
CATALOGS = Path(__file__).parent / "translations"

_spoken: ContextVar[str] = ContextVar("portal.language", default=ENGLISH)


def spoken() -> str:
    """The tag of the language spoken now: a key of LANGUAGES."""
    return _spoken.get()


def locale() -> Locale:
    """Whose figures and dates are written now."""
    return _locale(spoken())


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language until the block ends. Raises KeyError for one that isn't in LANGUAGES."""
    before = _spoken.set(_known(language))
    try:
        yield
    finally:
        _spoken.reset(before)


def speak(language: str) -> None:
    """Speak a language from now on, in this context. Raises KeyError as `speaking` does."""
    _spoken.set(_known(language))


def gettext(message: str, **values: object) -> str:
    """The message in the language spoken now, with %(name)s replaced; %% is a percent sign."""
    return look_up(message) % values


def look_up(text: str) -> str:
    """A text as it is kept in a row, in the language spoken now if a catalog has it as a message;
    nothing is put into it."""
    # A catalog has its own header under the empty message.
    return catalog().gettext(text) if text else text


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """As `gettext`, in the form that goes with a count, which is %(num)s if not given otherwise."""
    return catalog().ngettext(one, many, count) % {"num": count, **values}


def pgettext(context: str, message: str, **values: object) -> str:
    """As `gettext`, for a message that means something else elsewhere."""
    return catalog().pgettext(context, message) % values


def message(text: str) -> str:
    """Mark a text to be looked up later, by `gettext`: for constants."""
    return text


def catalog() -> NullTranslations:
    """What the language spoken now makes of messages, before anything is put into them."""
    return _catalog(spoken())


def _known(language: str) -> str:
    if language not in LANGUAGES:
        raise KeyError(language)
    return language


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(LOCALES[language])


@cache
def _catalog(language: str) -> NullTranslations:
    if language == ENGLISH:
        return NullTranslations()
    with (CATALOGS / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalog = read_po(file, locale=LOCALES[language])
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return GNUTranslations(compiled)
