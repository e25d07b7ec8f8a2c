"""Bytes as objects of a bucket that speaks the S3 protocol, under a prefix of the portal's own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import IO, TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store as Bucket

from portal.document_settings import DocumentSettings
from portal.file_store.protocol import FileMissing, Stored, StoreFailed

if TYPE_CHECKING:
    from obstore import GetResult

PIECE_BYTES = 1024 * 1024
LISTED_AT_ONCE = 500
# A request of one part of a file. Whoever waits is a person or a lease of the outbox.
REQUEST_SECONDS = 20
RETRY_SECONDS = 40


class S3Store:
    """Objects named `prefix/room/key`. Make one for each process: threads serve it, forks don't."""

    def __init__(self, settings: DocumentSettings, room: str) -> None:
        self._bucket = Bucket(
            settings.bucket,
            prefix="/".join(filter(None, (settings.prefix, room))),
            endpoint=settings.endpoint,
            region=settings.region,
            access_key_id=settings.access_key,
            secret_access_key=settings.secret_key,
            virtual_hosted_style_request=False,
            # Not every server that speaks S3 can delete many objects by one request.
            disable_bulk_delete=True,
            client_options={
                "allow_http": settings.endpoint.startswith("http://"),
                "timeout": timedelta(seconds=REQUEST_SECONDS),
            },
            retry_config={"max_retries": 3, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
        )

    def put(self, key: str, source: IO[bytes]) -> None:
        try:
            obstore.put(self._bucket, key, source)
        except (BaseError, OSError) as error:
            raise StoreFailed(f"the bucket did not take {key}: {_reason(error)}") from error

    def read(self, key: str) -> Iterator[bytes]:
        try:
            found = obstore.get(self._bucket, key)
        except FileNotFoundError:
            raise FileMissing(key) from None
        except BaseError as error:
            raise StoreFailed(f"the bucket did not give {key}: {_reason(error)}") from error
        return _pieces(found)

    def remove(self, key: str) -> None:
        try:
            obstore.delete(self._bucket, key)
        except FileNotFoundError:
            return
        except BaseError as error:
            raise StoreFailed(f"the bucket did not remove {key}: {_reason(error)}") from error

    def listing(self) -> Iterator[Stored]:
        try:
            for objects in obstore.list(self._bucket, chunk_size=LISTED_AT_ONCE):
                for found in objects:
                    yield Stored(found["path"], found["size"], found["last_modified"])
        except BaseError as error:
            raise StoreFailed(f"the bucket could not be listed: {_reason(error)}") from error


def _pieces(found: GetResult) -> Iterator[bytes]:
    try:
        for piece in found.stream(min_chunk_size=PIECE_BYTES):
            yield bytes(piece)
    except BaseError as error:
        raise StoreFailed(f"the bucket broke off: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """Its first line; what follows is for whoever debugs the library."""
    return str(error).partition("\n")[0]
