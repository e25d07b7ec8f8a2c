"""Many invoices and credit notes as files in a folder of this machine: what the ZIP of them holds.

It can be stopped at any time and begun again: each file is there whole or not at all, and those
that are there already stay as they are. Nothing of anybody else's is written over.
"""

import csv
import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from portal import csv_file, document_store
from portal.document_store import DocumentDamaged, DocumentMissing
from portal.file_store import StoreFailed
from portal.papers import archive
from portal.papers.archive import INDEX, Filed

NUMBER_COLUMN = archive.INDEX_COLUMNS.index("Number")


class ForeignFiles(Exception):
    """The folder has other files under names that are needed; `names` says which."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = tuple(names)


@dataclass(frozen=True)
class Outcome:
    """How many files were written, and were there already; `unreadable` are the names of those
    that the store of documents didn't give, and why."""

    written: int
    kept: int
    unreadable: tuple[tuple[str, str], ...]


def write(folder: Path, papers: Sequence[Filed]) -> Outcome:
    """Have the files of all papers and their index in the folder.

    Raises ForeignFiles before anything is written, OSError where the disk refuses.
    """
    needed = [file for paper in papers for file in paper.files]
    missing = _missing(folder, papers)
    unreadable = []
    for name, sha256 in missing:
        try:
            content = document_store.read(sha256)
        except (DocumentMissing, DocumentDamaged, StoreFailed) as problem:
            unreadable.append((name, f"{type(problem).__name__}: {problem}"))
        else:
            _put(folder / name, content)
    _put(folder / INDEX, archive.index(papers).encode())
    written = len(missing) - len(unreadable)
    return Outcome(written, len(needed) - len(missing), tuple(unreadable))


def _missing(folder: Path, papers: Sequence[Filed]) -> list[tuple[str, str]]:
    """The names and hashes of the files that are not there yet. Raises ForeignFiles."""
    missing, foreign = [], list(_foreign_index(folder / INDEX, papers))
    for paper in papers:
        for name, sha256 in paper.files:
            place = folder / name
            if not os.path.lexists(place):
                missing.append((name, sha256))
            elif not place.is_file() or _hash_of(place) != sha256:
                foreign.append(name)
    if foreign:
        raise ForeignFiles(foreign)
    return missing


def _foreign_index(place: Path, papers: Sequence[Filed]) -> Iterator[str]:
    """An index that is none of ours, or has a line for what is not among these."""
    if not os.path.lexists(place):
        return
    ours = {paper.row[NUMBER_COLUMN] for paper in papers}
    try:
        text = place.read_text(encoding="utf-8").removeprefix(csv_file.MARK_OF_UTF8)
        columns, *rows = csv.reader(io.StringIO(text))
        is_ours = tuple(columns) == archive.INDEX_COLUMNS
        is_ours = is_ours and {row[NUMBER_COLUMN] for row in rows} <= ours
    except (OSError, ValueError, IndexError, csv.Error):
        is_ours = False
    if not is_ours:
        yield place.name


def _hash_of(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _put(place: Path, content: bytes) -> None:
    """A file under its name, whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(place)
    except OSError:
        part.unlink(missing_ok=True)
        raise
