"""The bytes of issued documents, by their own hash: on disk or in a bucket, as `file_store` says.

What is read back is checked against the name before anyone gets it.
"""

import hashlib
import io
from pathlib import Path

from flask import current_app

from portal import file_store
from portal.file_store import FileMissing


class DocumentMissing(Exception):
    """No file of that hash is there."""


class DocumentDamaged(Exception):
    """The file's bytes are not the ones that were stored."""


def put(content: bytes) -> str:
    """Keep `content` durably; returns its sha256 in hex. Putting it again changes nothing.

    Raises StoreFailed.
    """
    sha256 = hashlib.sha256(content).hexdigest()
    file_store.issued_documents().put(sha256, io.BytesIO(content))
    return sha256


def read(sha256: str) -> bytes:
    """The bytes stored under a hash; raises DocumentMissing, DocumentDamaged or StoreFailed."""
    try:
        content = b"".join(file_store.issued_documents().read(sha256))
    except FileMissing:
        content = _read_from_former_place(sha256)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DocumentDamaged(sha256)
    return content


def _read_from_former_place(sha256: str) -> bytes:
    """Before there was a choice of stores, every PDF was a file of one folder."""
    folder: Path = current_app.config["PORTAL"].documents
    try:
        return (folder / f"{sha256}.pdf").read_bytes()
    except FileNotFoundError:
        raise DocumentMissing(sha256) from None
