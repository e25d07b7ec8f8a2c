"""A file of clients as spreadsheets write it: any usual encoding, separator and column names.

Nothing is guessed in silence: what can't be read is a problem with its line and reason, and a
file that can't be read at all is refused with what to do instead.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from portal.billing.rules import describe
from portal.billing.rules.client_details import ClientDetails, DetailsRefused, check
from portal.billing.rules.file_text import FileRefused
from portal.billing.rules.text import search_form
from portal.language import gettext as _
from portal.language import message

MOST_LINES = 25_000
LINES_PER_RECORD = 20
LONGEST_RECORD = 10_000

DELIMITERS = {",": message("commas"), ";": message("semicolons"), "\t": message("tabs")}
_FORMULA_STARTS = "=+-@\t\r＝＋－＠"

# What people call the columns, in the languages of the pages and as letters only, in the spelling
# of `search_form`; the first that is in a file is taken.
_COLUMNS = {
    "name": ("name", "fullname", "clientname", "client", "customername", "customer", "company",
             "companyname", "organisation", "organization", "displayname", "contact",
             "kundenname", "kunde", "firma", "firmenname", "unternehmen", "kontakt"),
    "first": ("firstname", "givenname", "forename", "vorname"),
    "last": ("lastname", "surname", "familyname", "nachname", "familienname"),
    "email": ("email", "emailaddress", "mail", "mailaddress", "clientemail", "customeremail",
              "emailadresse", "mailadresse"),
    "phone": ("phone", "phonenumber", "telephone", "tel", "mobile", "mobilephone", "cell",
              "telefon", "telefonnummer", "rufnummer", "mobiltelefon", "handy", "mobil"),
    "status": ("status", "clientstatus", "stage", "kundenstatus"),
    "note": ("note", "notes", "comment", "comments", "remark", "remarks", "notiz", "notizen",
             "bemerkung", "bemerkungen", "anmerkung", "anmerkungen", "kommentar"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that can't become a client, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class FileClient:
    """A client as a line of the file describes it; `status` is the name written there, or ""."""

    line: int
    details: ClientDetails
    status: str


@dataclass(frozen=True)
class ClientFile:
    """A file that was read. `columns` maps each kind of ours to the heading it was found under;
    `delimiter` is a message."""

    encoding: str
    delimiter: str
    columns: dict[str, str]
    ignored: tuple[str, ...]
    clients: tuple[FileClient, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Record:
    at: int
    cells: list[str]
    problem: str = ""


def read(text: str, encoding: str = "UTF-8") -> ClientFile:
    """The clients in `text`, and every line that holds none. Raises FileRefused."""
    delimiter, text, first_line = _delimiter_of(text)
    lines = list(io.StringIO(text, newline=None))
    heading, below = _heading(lines, delimiter)
    columns = _columns_of(heading.cells)
    # Elsewhere a cell may go over several lines; here it would be a quote left open.
    one_line = frozenset(at for kind, at in columns.items() if kind != "note")
    clients: list[FileClient] = []
    problems: list[Problem] = []
    for record in _records(lines, below, delimiter, one_line):
        taken = _taken(record, first_line + record.at, columns, len(heading.cells))
        if isinstance(taken, FileClient):
            clients.append(taken)
        elif taken is not None:
            problems.append(taken)
    if not clients and not problems:
        raise FileRefused(_("There are column names in this file but no clients below them."))
    found = {kind: heading.cells[at].strip() for kind, at in columns.items()}
    left_out = (cell.strip() for at, cell in enumerate(heading.cells) if at not in columns.values())
    return ClientFile(
        encoding,
        DELIMITERS[delimiter],
        found,
        tuple(cell for cell in left_out if cell),
        tuple(clients),
        tuple(problems),
    )


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula; `read` takes the mark off again."""
    return f"'{text}" if text.lstrip(" ")[:1] in tuple(_FORMULA_STARTS) else text


def _delimiter_of(text: str) -> tuple[str, str, int]:
    """The separator, the text from its headings on, and the line these are on."""
    text = text.removeprefix("\ufeff")
    first, _, rest = text.partition("\n")
    declared = first.strip().lower().strip('"')
    if declared.startswith("sep=") and declared[4:] in (",", ";"):
        return declared[4:], rest, 2
    head = next((line for line in io.StringIO(text, newline=None) if line.strip()), "")
    bare = "".join(head.split('"')[::2])
    return max(DELIMITERS, key=bare.count), text, 1


def _heading(lines: Sequence[str], delimiter: str) -> tuple[_Record, int]:
    """The record that names the columns, and where the next one begins. Raises FileRefused."""
    if len(lines) > MOST_LINES:
        raise FileRefused(
            _(
                "The file has more than %(most)s lines. Split it and bring in one part after the"
                " other.",
                most=describe.number(MOST_LINES),
            )
        )
    at = next((at for at, line in enumerate(lines) if line.strip()), None)
    if at is None:
        raise FileRefused(_("The file is empty: its first line names the columns."))
    heading, length = _record_at(lines, at, delimiter, frozenset())
    if heading.problem:
        raise FileRefused(
            _("The first line names the columns, but: %(problem)s", problem=heading.problem)
        )
    return heading, at + length


def _records(
    lines: Sequence[str], at: int, delimiter: str, one_line: frozenset[int]
) -> Iterator[_Record]:
    while at < len(lines):
        record, length = _record_at(lines, at, delimiter, one_line)
        yield record
        at += length


def _record_at(
    lines: Sequence[str], at: int, delimiter: str, one_line: frozenset[int]
) -> tuple[_Record, int]:
    """A record and how many lines it spans. A quote left open costs its own line, not the rest."""
    length = _record_length(lines, at, delimiter)
    record = _parsed("".join(lines[at : at + length]), at, delimiter)
    broken = any("\n" in cell for at, cell in enumerate(record.cells) if at in one_line)
    if length == 0 or (length > 1 and (record.problem or broken)):
        return _Record(at, [], _('A quote (") is opened here and not closed.')), 1
    return record, length


def _record_length(lines: Sequence[str], at: int, delimiter: str) -> int:
    """How many lines the record at `at` spans; 0 where its quote is never closed."""
    is_open = False
    for length, line in enumerate(lines[at : at + LINES_PER_RECORD], 1):
        is_open = _open_after(line, delimiter, is_open)
        if not is_open:
            return length
    return 0


def _open_after(line: str, delimiter: str, is_open: bool) -> bool:
    """Whether a quoted cell goes on after `line`."""
    if '"' not in line:
        return is_open
    at_start, closed = not is_open, False
    for character in line:
        if character == '"':
            # Inside quotes a doubled one closes and opens again: no change in the end.
            if is_open or at_start or closed:
                is_open = not is_open
            closed = not is_open
            at_start = False
        else:
            at_start = not is_open and character == delimiter
            closed = False
    return is_open


def _parsed(text: str, at: int, delimiter: str) -> _Record:
    text = text.removesuffix("\n")
    if len(text) > LONGEST_RECORD:
        return _Record(at, [], _("This line is far too long to be one client."))
    if not text.strip():
        return _Record(at, [])
    try:
        return _Record(at, next(csv.reader([text], delimiter=delimiter, strict=True)))
    except csv.Error:
        return _Record(at, [], _("The quotes (\") on this line don't match."))


def _columns_of(headings: Sequence[str]) -> dict[str, int]:
    """Where each kind of column is. Raises FileRefused where none holds names."""
    plain = ["".join(filter(str.isalpha, search_form(heading))) for heading in headings]
    columns: dict[str, int] = {}
    for kind, names in _COLUMNS.items():
        found = next((plain.index(name) for name in names if name in plain), None)
        if found is not None:
            columns[kind] = found
    if "name" in columns:
        return {kind: at for kind, at in columns.items() if kind not in ("first", "last")}
    if "first" in columns or "last" in columns:
        return columns
    shown = ", ".join(heading.strip()[:40] for heading in headings[:8] if heading.strip())
    raise FileRefused(
        _(
            "There is no column with names. The first line must name the columns, one of them"
            " “Name”. This file begins with: %(shown)s.",
            shown=shown,
        )
    )


def _taken(
    record: _Record, line: int, columns: dict[str, int], width: int
) -> FileClient | Problem | None:
    """What a record is: a client, a problem, or nothing where all its cells are empty."""
    if record.problem:
        return Problem(line, record.problem)
    if not any(cell.strip() for cell in record.cells):
        return None
    if any(cell.strip() for cell in record.cells[width:]):
        too_many = _(
            "This line has %(cells)s cells and the first line %(columns)s. Is a quote missing?",
            cells=len(record.cells),
            columns=width,
        )
        return Problem(line, too_many)
    entered = {kind: _cell(record.cells, at) for kind, at in columns.items()}
    if "name" not in entered:
        entered["name"] = f"{entered.get('first', '')} {entered.get('last', '')}"
    try:
        return FileClient(line, check(entered), entered.get("status", "").strip())
    except DetailsRefused as refused:
        return Problem(line, str(refused))


def _cell(cells: Sequence[str], at: int) -> str:
    """A cell as it was meant: without the mark that keeps spreadsheets from calculating it."""
    if at >= len(cells):
        return ""
    cell = cells[at].strip()
    marked = cell.startswith("'") and cell[1:].lstrip(" ")[:1] in tuple(_FORMULA_STARTS)
    return cell[1:] if marked and len(cell) > 1 else cell
