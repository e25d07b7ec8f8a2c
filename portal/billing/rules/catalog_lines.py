"""Where in a TOML text each table and key stands: the standard library's reader doesn't say."""

from __future__ import annotations

import re
from collections.abc import Iterable

Path = tuple[str | int, ...]

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=")


def line_numbers(text: str) -> dict[Path, int]:
    """The line, from 1, of every table and key of a TOML text.

    A path goes down by keys, and by places in lists of tables: ("family", 0, "tier", 2, "name").
    """
    lines: dict[Path, int] = {}
    lengths: dict[Path, int] = {}
    table: Path = ()
    for number, line in _outside_strings(text):
        if header := _HEADER.match(line):
            table = _open(header[2], header[1] == "[[", lengths)
            lines.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            lines.setdefault(table + tuple(_parts(assignment[1])), number)
    return lines


def _outside_strings(text: str) -> Iterable[tuple[int, str]]:
    inside = False
    for number, line in enumerate(text.split("\n"), start=1):
        if not inside:
            yield number, line
        inside ^= (line.count('"""') + line.count("'''")) % 2 == 1


def _open(dotted: str, in_list: bool, lengths: dict[Path, int]) -> Path:
    *above, own = _parts(dotted)
    path: Path = ()
    for part in above:
        path = (*path, part)
        path = (*path, lengths[path] - 1) if path in lengths else path
    path = (*path, own)
    if in_list:
        lengths[path] = lengths.get(path, 0) + 1
        path = (*path, lengths[path] - 1)
    return path


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, dotted)]
