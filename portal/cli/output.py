"""How commands answer: aligned columns for people, JSON for programs."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

import click

GAP = "  "

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Answer in JSON."
)


def show_json(value: Any) -> None:
    """Print a value as JSON; instants as ISO 8601 in UTC, rows as objects."""
    click.echo(json.dumps(value, default=_plain, ensure_ascii=False, indent=2))


def show_table(
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    indent: int = 0,
    to_stderr: bool = False,
) -> None:
    """Print rows in columns as wide as their widest text; numbers and amounts stand right."""
    texts = [[_text(cell) for cell in row] for row in rows]
    heads = [heading.lstrip(">") for heading in headings]
    widths = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    right = [heading.startswith(">") for heading in headings]
    for line in (heads, *texts):
        cells = [
            cell.rjust(width) if is_right else cell.ljust(width)
            for cell, width, is_right in zip(line, widths, right, strict=True)
        ]
        click.echo(" " * indent + GAP.join(cells).rstrip(), err=to_stderr)


def show_facts(facts: Mapping[str, object], *, indent: int = 0) -> None:
    """Print names and values, one a line."""
    width = max(map(len, facts), default=0)
    for name, value in facts.items():
        click.echo(f"{' ' * indent}{name.ljust(width)}{GAP}{_text(value)}".rstrip())


def instant(at: datetime | None) -> str:
    """As in "22 Nov 2026, 06:00:03 UTC"; operators compare instants to the second."""
    return "" if at is None else f"{at:%-d %b %Y, %H:%M:%S} UTC"


def day(at: datetime | None) -> str:
    """As in "22 Nov 2026", the day it is in UTC."""
    return "" if at is None else f"{at:%-d %b %Y}"


def _text(cell: object) -> str:
    if cell is None:
        return ""
    return instant(cell) if isinstance(cell, datetime) else str(cell)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
