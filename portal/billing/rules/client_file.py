"""A file of clients as spreadsheets write it: any usual encoding, separator and column names.

Nothing is guessed in silence: what can't be read is a problem with its line and reason, and a
file that can't be read at all is refused with what to do instead.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from portal.billing.rules.client_details import ClientDetails, DetailsRefused, check
from portal.billing.rules.errors import RuleBroken
from portal.billing.rules.text import search_form

LARGEST_BYTES = 1_500_000
MOST_LINES = 25_000
LINES_PER_RECORD = 20
LONGEST_RECORD = 10_000

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_BYTE_ORDER_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)
_FORMULA_STARTS = "=+-@\t\r＝＋－＠"

# What people call the columns, as letters only; the first that is in a file is taken.
_COLUMNS = {
    "name": ("name", "fullname", "clientname", "client", "customername", "customer", "company",
             "companyname", "organisation", "organization", "displayname", "contact"),
    "first": ("firstname", "givenname", "forename"),
    "last": ("lastname", "surname", "familyname"),
    "email": ("email", "emailaddress", "mail", "mailaddress", "clientemail", "customeremail"),
    "phone": ("phone", "phonenumber", "telephone", "tel", "mobile", "mobilephone", "cell"),
    "status": ("status", "clientstatus", "stage"),
    "note": ("note", "notes", "comment", "comments", "remark", "remarks"),
}  # fmt: skip


class FileRefused(RuleBroken):
    """The whole file can't be read; `str()` says what to do instead."""


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
    """A file that was read. `columns` maps each kind of ours to the heading it was found under."""

    encoding: str
    delimiter: str
    columns: dict[str, str]
    ignored: tuple[str, ...]
    clients: tuple[FileClient, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class _Record:
    line: int
    cells: list[str]
    problem: str = ""


def decode(data: bytes) -> tuple[str, str]:
    """The text in `data` and the name of its encoding. Raises FileRefused."""
    if len(data) > LARGEST_BYTES:
        raise FileRefused(
            f"This file has {len(data) / 1e6:.1f} MB; {LARGEST_BYTES / 1e6:.1f} MB is the most."
            " Split it and bring in one part after the other."
        )
    if data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise FileRefused(
            "This is a workbook, not a CSV file. In your spreadsheet choose “Save as” or"
            " “Download” and the type CSV."
        )
    text, name = _decoded(data)
    if "\x00" in text:
        raise FileRefused("This is not a text file. Export your clients as CSV and send that.")
    return text, name


def read(text: str, encoding: str = "UTF-8") -> ClientFile:
    """The clients in `text`, and every line that holds none. Raises FileRefused."""
    delimiter, text, first_line = _delimiter_of(text)
    records = _records(text, delimiter, first_line)
    heading = next((record for record in records if any(record.cells)), None)
    if heading is None or heading.problem:
        raise FileRefused("The file is empty: its first line names the columns.")
    columns = _columns_of(heading.cells)
    clients: list[FileClient] = []
    problems: list[Problem] = []
    for record in records:
        _take(record, columns, len(heading.cells), clients, problems)
        if len(clients) + len(problems) > MOST_LINES:
            raise FileRefused(
                f"The file has more than {MOST_LINES:,} lines. Split it and bring in one part"
                " after the other."
            )
    if not clients and not problems:
        raise FileRefused("There are column names in this file but no clients below them.")
    found = {kind: heading.cells[index].strip() for kind, index in columns.items()}
    ignored = tuple(
        cell.strip()
        for index, cell in enumerate(heading.cells)
        if cell.strip() and index not in columns.values()
    )
    return ClientFile(
        encoding, DELIMITERS[delimiter], found, ignored, tuple(clients), tuple(problems)
    )


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula; `read` takes the mark off again."""
    return f"'{text}" if text.lstrip(" ")[:1] in tuple(_FORMULA_STARTS) else text


def _decoded(data: bytes) -> tuple[str, str]:
    for mark, encoding, name in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _strictly(data, encoding, name)
    if guess := _utf_16_without_mark(data):
        return _strictly(data, guess, "UTF-16")
    try:
        return data.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        return _strictly(data, "cp1252", "Windows-1252")


def _strictly(data: bytes, encoding: str, name: str) -> tuple[str, str]:
    try:
        return data.decode(encoding), name
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"The letters in this file can't be read as {name}. Save it as CSV UTF-8."
        ) from error


def _utf_16_without_mark(data: bytes) -> str | None:
    """Text in UTF-16 has a zero in every other byte where its letters are Latin."""
    sample = data[:400]
    if len(sample) < 4 or b"\x00" not in sample:
        return None
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    half = len(sample) // 4
    if odd > half > even:
        return "utf-16-le"
    return "utf-16-be" if even > half > odd else None


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


def _records(text: str, delimiter: str, first_line: int) -> Iterator[_Record]:
    """Records with the line they begin on. A quote left open costs its own line, not the rest."""
    lines = list(io.StringIO(text, newline=None))
    at = 0
    while at < len(lines):
        length = _record_length(lines, at, delimiter)
        record = "".join(lines[at : at + max(length, 1)]).removesuffix("\n")
        yield _record(record, first_line + at, delimiter, closed=length > 0)
        at += max(length, 1)


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


def _record(text: str, line: int, delimiter: str, closed: bool) -> _Record:
    if not closed:
        return _Record(line, [text[:40]], 'A quote (") is opened here and never closed.')
    if len(text) > LONGEST_RECORD:
        return _Record(line, [text[:40]], "This line is far too long to be one client.")
    if not text.strip():
        return _Record(line, [])
    try:
        return _Record(line, next(csv.reader([text], delimiter=delimiter, strict=True)))
    except csv.Error:
        return _Record(line, [text[:40]], "The quotes (\") on this line don't match.")


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
        "There is no column with names. The first line must name the columns, one of them"
        f" “Name”. This file begins with: {shown}."
    )


def _take(
    record: _Record,
    columns: dict[str, int],
    width: int,
    clients: list[FileClient],
    problems: list[Problem],
) -> None:
    if record.problem:
        problems.append(Problem(record.line, record.problem))
        return
    if not any(cell.strip() for cell in record.cells):
        return
    if any(cell.strip() for cell in record.cells[width:]):
        reason = f"This line has {len(record.cells)} cells and the first line {width}."
        problems.append(Problem(record.line, f"{reason} Is a quote missing?"))
        return
    entered = {kind: _cell(record.cells, at) for kind, at in columns.items()}
    if "name" not in entered:
        entered["name"] = f"{entered.get('first', '')} {entered.get('last', '')}"
    try:
        clients.append(FileClient(record.line, check(entered), entered.get("status", "").strip()))
    except DetailsRefused as refused:
        problems.append(Problem(record.line, str(refused)))


def _cell(cells: Sequence[str], at: int) -> str:
    """A cell as it was meant: without the mark that keeps spreadsheets from calculating it."""
    if at >= len(cells):
        return ""
    cell = cells[at].strip()
    marked = cell.startswith("'") and cell[1:].lstrip(" ")[:1] in tuple(_FORMULA_STARTS)
    return cell[1:] if marked and len(cell) > 1 else cell
