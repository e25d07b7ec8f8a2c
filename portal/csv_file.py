"""A CSV file for spreadsheets, written piece by piece."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

PIECE = 16_384
# Spreadsheets take a file without it for one of another encoding.
MARK_OF_UTF8 = "\ufeff"


def write(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The text, its columns first. Cells that somebody typed went through `safe_cell` before."""
    buffer = io.StringIO()
    buffer.write(MARK_OF_UTF8)
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(row)
        if buffer.tell() > PIECE:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()
