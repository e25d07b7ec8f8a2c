"""Where bytes are kept that are no rows: on disk, or in an S3-compatible bucket, by setting.

A store knows nothing of what it keeps. Whoever puts something chooses a key that is never used
for other bytes, keeps the bytes before the row that names them, and removes them before it is
forgotten: so a row never lacks its bytes, and what a crash leaves behind is bytes that no row
names.
"""

import os
import shutil
from functools import lru_cache

from flask import current_app

from portal.config import Settings
from portal.document_settings import DocumentSettings
from portal.file_store.disk import DiskStore
from portal.file_store.protocol import FileMissing, FileStore, Stored, StoreFailed
from portal.file_store.whole import unchanged

__all__ = [
    "FileMissing",
    "FileStore",
    "StoreFailed",
    "Stored",
    "client_documents",
    "files_of_invoices",
    "has_room",
    "issued_documents",
    "unchanged",
]

CLIENT_DOCUMENTS = "client-documents"
ISSUED_DOCUMENTS = "documents"
FILES_OF_INVOICES = "files-of-invoices"


def client_documents() -> FileStore:
    """The store of the documents kept with clients, by the settings of the running app."""
    return _room(CLIENT_DOCUMENTS)


def issued_documents() -> FileStore:
    """The store of the files of invoices and credit notes; their keys are their hashes."""
    return _room(ISSUED_DOCUMENTS)


def files_of_invoices() -> FileStore:
    """The store of archives and statements that somebody asked for."""
    return _room(FILES_OF_INVOICES)


def has_room(size_bytes: int) -> bool:
    """Whether so much more leaves the disk, where the database may be too, its reserve. A bucket
    has no end."""
    settings: Settings = current_app.config["PORTAL"]
    if settings.client_documents.store == "s3":
        return True
    free = shutil.disk_usage(settings.data).free
    return free - size_bytes >= settings.client_documents.reserve_bytes


def _room(name: str) -> FileStore:
    settings: Settings = current_app.config["PORTAL"]
    if settings.client_documents.store == "s3":
        return _bucket(settings.client_documents, name, os.getpid())
    return DiskStore(settings.data / name)


@lru_cache(maxsize=8)
def _bucket(settings: DocumentSettings, room: str, _process_id: int) -> FileStore:
    """One for each process: its connections don't survive a fork."""
    # Imported here: 15 MB of machine code that nobody needs who keeps files on disk.
    from portal.file_store.s3 import S3Store

    return S3Store(settings, room)
