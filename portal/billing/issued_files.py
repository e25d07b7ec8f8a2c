"""Which issued file has a hash: the proof that a PDF or an XML is the one that was issued."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import literal, select, union_all
from sqlalchemy.orm import Session

from portal.models import CreditNote, CreditNoteDocument, Invoice, InvoiceDocument

SHA256 = re.compile(r"[0-9a-f]{64}")
KINDS: tuple[tuple[bool, type[Any], type[Any], str], ...] = (
    (False, Invoice, InvoiceDocument, "invoice_id"),
    (True, CreditNote, CreditNoteDocument, "credit_note_id"),
)


class Format(StrEnum):
    PDF = "PDF"
    XML = "XML"


@dataclass(frozen=True)
class IssuedFile:
    """A file of an invoice or a credit note, by the paper's number."""

    number: str
    is_credit_note: bool
    format: Format


def read_hash(written: str) -> str | None:
    """A SHA-256 as people paste it, in small letters; None where it is none."""
    bare = re.sub(r"[\s:]", "", written).lower()
    return bare if SHA256.fullmatch(bare) else None


def find(session: Session, account_id: int, sha256: str) -> IssuedFile | None:
    """The account's issued file with this hash; None where none was issued to it."""
    statement = union_all(
        *(
            select(
                model.number_text,
                literal(int(is_note)).label("is_note"),
                literal(form.value).label("form"),
            )
            .join(document, getattr(document, key) == model.id)
            .where(model.account_id == account_id, column == sha256)
            for is_note, model, document, key in KINDS
            for form, column in (
                (Format.PDF, document.sha256),
                (Format.XML, document.ubl_sha256),
            )
        )
    ).limit(1)
    row = session.execute(statement).one_or_none()
    return IssuedFile(row.number_text, bool(row.is_note), Format(row.form)) if row else None
