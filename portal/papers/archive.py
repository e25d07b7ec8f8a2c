"""Many invoices and credit notes in one ZIP: the files as they were issued, and an index of them.

2026/INV-2026-000123.pdf    2026/INV-2026-000123.xml    index.csv

One whose PDF could not be made is only in the index, which says so: the others are not held up.
"""

import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import IO
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from portal import csv_file, document_store
from portal.billing.invoice_lists import Paper
from portal.models import Invoice, Payment, PaymentMethod, PaymentState
from portal.papers import missing_files, spreadsheets

INDEX = "index.csv"
FILE_COLUMNS = ("PDF", "SHA-256 of the PDF", "XML", "SHA-256 of the XML", "File")
LEFT_OUT = "left out: its PDF could not be made, and the vendor was told"
INDEX_COLUMNS = spreadsheets.PAPER_COLUMNS + FILE_COLUMNS
# A ZIP tells years from 1980 on.
EARLIEST = (1980, 1, 1, 0, 0, 0)


class NotMadeYet(Exception):
    """A paper has no PDF so far, and gets one; `str()` names it."""


@dataclass(frozen=True)
class Filed:
    """A paper as it is put into a ZIP, detached from its row: its files by their names and hashes,
    none where it is left out, and its row of the index. `at` is when it was issued, as the clocks
    of its account show."""

    number: str
    at: datetime
    files: tuple[tuple[str, str], ...]
    size_bytes: int
    row: tuple[str, ...]


def filed(session: Session, papers: Sequence[Paper], zone: str) -> list[Filed]:
    """What goes into the ZIP for each paper. Raises NotMadeYet."""
    methods = _paid_with(session, papers)
    return [_filed(session, paper, zone, methods.get(paper.number_text, "")) for paper in papers]


def left_out(papers: Iterable[Filed]) -> tuple[str, ...]:
    """The numbers of those that are only in the index."""
    return tuple(paper.number for paper in papers if not paper.files)


def write(target: IO[bytes], papers: Sequence[Filed], told: Callable[[int], None]) -> None:
    """Write the ZIP, saying after each paper how many are in it.

    Raises DocumentMissing or DocumentDamaged where a file is not the one that was issued.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for done, paper in enumerate(papers, start=1):
            for name, sha256 in paper.files:
                is_packed = name.endswith(".pdf")
                method = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
                content = document_store.read(sha256)
                archive.writestr(_entry(name, paper.at), content, compress_type=method)
            told(done)
        latest = max(paper.at for paper in papers)
        archive.writestr(_entry(INDEX, latest), index(papers), compress_type=zipfile.ZIP_DEFLATED)


def index(papers: Iterable[Filed]) -> str:
    """A line for each paper: what it is, its files and their hashes."""
    return "".join(csv_file.write(INDEX_COLUMNS, (paper.row for paper in papers)))


def _paid_with(session: Session, papers: Iterable[Paper]) -> dict[str, str]:
    """What collected the invoices among them, by their numbers."""
    ids = [paper.id for paper in papers if isinstance(paper, Invoice)]
    collected = (
        select(Invoice.number_text, PaymentMethod.label)
        .join(Payment, Payment.invoice_id == Invoice.id)
        .join(PaymentMethod, PaymentMethod.id == Payment.payment_method_id)
        .where(Invoice.id.in_(ids), Payment.state == PaymentState.SUCCEEDED)
    )
    methods: dict[str, str] = dict(session.execute(collected).all())
    return methods


def _filed(session: Session, paper: Paper, zone: str, paid_with: str) -> Filed:
    document, at = paper.document, paper.issued_at.astimezone(ZoneInfo(zone))
    number, row = paper.number_text, spreadsheets.paper_row(paper, zone, paid_with)
    if document is None:
        if not missing_files.are_given_up(session, paper):
            raise NotMadeYet(number)
        return Filed(number, at, (), 0, (*row, "", "", "", "", LEFT_OUT))
    place = f"{at.year}/{number}"
    pdf, xml = (f"{place}.pdf", document.sha256), (f"{place}.xml", document.ubl_sha256)
    files = tuple((name, sha256) for name, sha256 in (pdf, xml) if sha256)
    named = (*pdf, *((xml[0], document.ubl_sha256) if document.ubl_sha256 else ("", "")))
    size = document.size_bytes + (document.ubl_size_bytes or 0)
    return Filed(number, at, files, size, (*row, *named, ""))


def _entry(name: str, at: datetime) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, max(at.timetuple()[:6], EARLIEST))
    entry.external_attr = 0o644 << 16
    return entry
