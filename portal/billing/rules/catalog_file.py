"""Reading a TOML file so that every mistake in it is told at once, with its line and a remedy."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from portal.billing.rules.catalog_lines import Path, line_numbers
from portal.billing.rules.errors import AmountNotUnderstood, RuleBroken
from portal.billing.rules.money import Money, sample

UNLIMITED = "unlimited"
LARGEST_LIMIT = 1_000_000_000

_SYNTAX_LINE = re.compile(r"\s*\(at line (\d+), column \d+\)")
_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?", re.ASCII)
_WORDS = re.compile(r"[^\s\x00-\x1f\x7f]+(?: [^\s\x00-\x1f\x7f]+)*")


@dataclass(frozen=True)
class CatalogProblem:
    """One mistake: `line` counts from 1, or is None; `where` names the table and the key.

    `explanation` is the arithmetic behind it, a line each.
    """

    line: int | None
    where: str
    reason: str
    explanation: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = ": ".join(filter(None, [f"line {self.line}" if self.line else "", self.where]))
        return f"{place}: {self.reason}" if place else self.reason


@dataclass(frozen=True)
class Form:
    """What a text has to be like: at most `longest` characters, of `pattern` where it has one."""

    like: str
    longest: int
    pattern: str = ""


class CatalogErrors(RuleBroken):
    """Everything that is wrong with a catalog file, in the order of its lines."""

    def __init__(self, problems: Iterable[CatalogProblem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line or 0)
        super().__init__("\n".join(map(str, self.problems)))


class _Unquoted(str):
    """A number with a point, kept as it was written: no float is ever made of it."""


@dataclass
class Source:
    """The lines of the file, and what was found wrong so far."""

    lines: Mapping[Path, int]
    problems: list[CatalogProblem] = field(default_factory=list)

    def report(
        self, path: Path, where: str, reason: str, explanation: tuple[str, ...] = ()
    ) -> None:
        self.problems.append(CatalogProblem(self._line_of(path), where, reason, explanation))

    def _line_of(self, path: Path) -> int | None:
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


@dataclass(frozen=True)
class Table:
    """One table of the file. What can't be read is reported, and read as nothing."""

    values: Mapping[str, object]
    path: Path
    where: str
    source: Source

    def report(self, reason: str, key: str = "", explanation: tuple[str, ...] = ()) -> None:
        where = ", ".join(filter(None, [self.where, key]))
        path = (*self.path, key) if key else self.path
        self.source.report(path, where, reason, explanation)

    def only(self, *known: str) -> None:
        """Report every key that means nothing here."""
        for key in self.values:
            if key not in known:
                close = get_close_matches(key, known, n=1)
                hint = f"did you mean “{close[0]}”?" if close else f"known are {', '.join(known)}."
                self.report(f"unknown key; {hint}", key)

    def text(self, key: str, form: Form) -> str:
        if key not in self.values:
            self._missing(key, f'{key} = "{form.like}"')
            return ""
        return self._text(key, self.values[key], form)

    def texts(self, key: str, form: Form) -> tuple[str, ...]:
        """A list of texts; a missing one is empty."""
        values = self.values.get(key, [])
        if not isinstance(values, list):
            self.report(f'must be a list in square brackets: ["{form.like}"].', key)
            return ()
        return tuple(filter(None, (self._text(key, value, form) for value in values)))

    def limit(self, key: str) -> tuple[int | None] | None:
        """A limit in a tuple, None in it for unlimited; None where it can't be read."""
        if key not in self.values:
            self._missing(key, f'{key} = 300, or {key} = "{UNLIMITED}"')
            return None
        value = self.values[key]
        if value == UNLIMITED:
            return (None,)
        if type(value) is int and 0 <= value <= LARGEST_LIMIT:
            return (value,)
        self.report(f'must be a whole number up to {LARGEST_LIMIT:,}, or "{UNLIMITED}".', key)
        return None

    def flag(self, key: str) -> bool:
        """True or false; a missing one is false."""
        value = self.values.get(key, False)
        if type(value) is bool:
            return value
        self.report("must be true or false, without quotes.", key)
        return False

    def percent(self, key: str) -> int | None:
        """A percentage from 0 to 100 in hundredths of one; None where it can't be read."""
        if key not in self.values:
            self._missing(key, f'{key} = "19"')
            return None
        value = self.values[key]
        written = str(value) if type(value) is int else value
        found = _PERCENT.fullmatch(written) if type(written) is str else None
        hundredths = found and int(found[1] + (found[2] or "").ljust(2, "0"))
        if hundredths is not None and hundredths <= 10_000:
            return hundredths
        self.report(
            "must be a percentage in quotes, up to 100 and with at most two digits after the point:"
            ' "19", "8.25".',
            key,
        )
        return None

    def quantity(self, key: str) -> int | None:
        value = self.values[key]
        if type(value) is int and 1 <= value <= LARGEST_LIMIT:
            return value
        self.report(f"must be a whole number from 1 to {LARGEST_LIMIT:,}.", key)
        return None

    def amount(self, currency: str) -> Money | None:
        """The amount written under the currency's code; None where it can't be read."""
        if currency not in self.values:
            self._missing(currency, f'{currency} = "{sample(currency)}"')
            return None
        value = self.values[currency]
        if type(value) is int and value >= 0:
            value = str(value)
        if type(value) is str:
            return self._amount(value, currency)
        self.report(f'must be an amount in quotes: "{_in_quotes(value, currency)}".', currency)
        return None

    def table(self, key: str, like: str) -> Table:
        """The table under `key`; where it can't be read an empty one, which reports nothing."""
        value = self.values.get(key)
        if key not in self.values:
            self._missing(key, like)
        elif not isinstance(value, dict):
            self.report(f"must be a table: {like}.", key)
        where = ", ".join(filter(None, [self.where, key]))
        if not isinstance(value, dict):
            return Table({}, (), where, Source({}))
        return Table(value, (*self.path, key), where, self.source)

    def tables(self, key: str, named_by: str = "key") -> list[Table]:
        """The tables written as [[key]], in order; each is named by its own `named_by`."""
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
            dotted = ".".join(part for part in (*self.path, key) if isinstance(part, str))
            self.report(f"must be written as [[{dotted}]].", key)
            return []
        return [
            self._entry(key, place, value, value.get(named_by))
            for place, value in enumerate(values)
        ]

    def needs(self, key: str, like: str) -> None:
        """Report a key that is missing."""
        if key not in self.values:
            self._missing(key, like)

    def _entry(self, key: str, place: int, value: dict[str, object], own: object) -> Table:
        name = f"“{own}”" if isinstance(own, str) else str(place + 1)
        where = ", ".join(filter(None, [self.where, f"{key} {name}"]))
        return Table(value, (*self.path, key, place), where, self.source)

    def _missing(self, key: str, like: str) -> None:
        self.report(f"“{key}” is missing: add {like}.")

    def _text(self, key: str, value: object, form: Form) -> str:
        if type(value) is not str or not _WORDS.fullmatch(value) or len(value) > form.longest:
            self.report(
                f'must be text in quotes, up to {form.longest} characters: "{form.like}".', key
            )
            return ""
        if form.pattern and not re.fullmatch(form.pattern, value, re.ASCII):
            self.report(f"“{value}” is not of the form “{form.like}”.", key)
            return ""
        return value

    def _amount(self, written: str, currency: str) -> Money | None:
        try:
            return Money.parse(written, currency)
        except AmountNotUnderstood as error:
            self.report(str(error), currency)
            return None


def read(text: str) -> Table:
    """The whole file as a table; CatalogErrors with the line where it is no TOML."""
    text = text.removeprefix("\ufeff")
    try:
        values = tomllib.loads(text, parse_float=_Unquoted)
    except tomllib.TOMLDecodeError as error:
        raise CatalogErrors([_syntax_problem(text, str(error))]) from None
    return Table(values, (), "", Source(line_numbers(text)))


def _syntax_problem(text: str, message: str) -> CatalogProblem:
    found = _SYNTAX_LINE.search(message)
    line = int(found[1]) if found else text.count("\n") + 1
    reason = _SYNTAX_LINE.sub("", message).replace(" (at end of document)", "")
    return CatalogProblem(line, "", f"this is not TOML: {reason}.")


def _in_quotes(value: object, currency: str) -> str:
    plain = isinstance(value, _Unquoted) and re.fullmatch(r"[0-9]+\.[0-9]+", value)
    return str(value) if plain else sample(currency)
