"""A bucket that speaks as much of the S3 protocol as the portal needs, in this process.

Signatures are noted and not checked. Whatever isn't known is answered with 501, so that a new
kind of request can't pass unseen.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from portal.document_settings import DocumentSettings

BUCKET = "portal"
PAGE = 3


@dataclass
class Bucket:
    """What is in it; `refuses` is the status that every request is answered with instead."""

    port: int = 0
    objects: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    refuses: int | None = None
    signed_by: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    @property
    def settings(self) -> DocumentSettings:
        return DocumentSettings(
            store="s3",
            endpoint=f"http://127.0.0.1:{self.port}",
            bucket=BUCKET,
            prefix="of/this/portal",
            access_key="a-key",
            secret_key="a secret",
        )

    def put(self, key: str, content: bytes, at: datetime | None = None) -> None:
        self.objects[key] = content, at or datetime.now(UTC)


@contextmanager
def running() -> Iterator[Bucket]:
    bucket = Bucket()
    handler = type("Handler", (_Handler,), {"bucket": bucket})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    bucket.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    bucket: Bucket
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        key, query, content = self._asked()
        if self.bucket.refuses:
            return self._answer(self.bucket.refuses)
        if "uploadId" in query:
            self.bucket.uploads[query["uploadId"]][int(query["partNumber"])] = content
        else:
            self.bucket.put(key, content)
        return self._answer(200, ETag=_tag(content))

    def do_POST(self) -> None:
        key, query, _content = self._asked()
        if self.bucket.refuses:
            return self._answer(self.bucket.refuses)
        if "uploads" in query:
            upload = f"upload-{len(self.bucket.uploads)}"
            self.bucket.uploads[upload] = {}
            return self._xml("InitiateMultipartUploadResult", f"<UploadId>{upload}</UploadId>")
        if "uploadId" in query:
            parts = self.bucket.uploads.pop(query["uploadId"])
            content = b"".join(parts[number] for number in sorted(parts))
            self.bucket.put(key, content)
            return self._xml("CompleteMultipartUploadResult", f"<ETag>{_tag(content)}</ETag>")
        return self._answer(501)

    def do_GET(self) -> None:
        key, query, _content = self._asked()
        if self.bucket.refuses:
            return self._answer(self.bucket.refuses)
        if query.get("list-type") == "2":
            return self._list(query)
        if key not in self.bucket.objects:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        content, at = self.bucket.objects[key]
        return self._answer(200, content, **{"ETag": _tag(content), "Last-Modified": _http(at)})

    def do_DELETE(self) -> None:
        key, query, _content = self._asked()
        if self.bucket.refuses:
            return self._answer(self.bucket.refuses)
        if "uploadId" in query:
            self.bucket.uploads.pop(query["uploadId"], None)
        else:
            self.bucket.objects.pop(key, None)
        return self._answer(204)

    def log_message(self, *_arguments: Any) -> None:
        """Tests are silent."""

    def _asked(self) -> tuple[str, dict[str, str], bytes]:
        address = urlsplit(self.path)
        bucket, _, key = unquote(address.path).lstrip("/").partition("/")
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.bucket.asked.append(f"{self.command} {self.path}")
        signature = self.headers.get("Authorization", "")
        self.bucket.signed_by.add(signature.partition("Credential=")[2].partition("/")[0])
        assert bucket == BUCKET
        query = {name: values[0] for name, values in parse_qs(address.query, True).items()}
        return key, query, content

    def _list(self, query: dict[str, str]) -> None:
        """A page of the keys in their order, so that more than a few take several requests."""
        after = query.get("continuation-token") or query.get("start-after", "")
        keys = sorted(k for k in self.bucket.objects if k.startswith(query.get("prefix", "")))
        rest = [key for key in keys if key > after]
        listed = "".join(self._entry(key) for key in rest[:PAGE])
        more = "<IsTruncated>false</IsTruncated>"
        if len(rest) > PAGE:
            token = f"<NextContinuationToken>{escape(rest[PAGE - 1])}</NextContinuationToken>"
            more = f"<IsTruncated>true</IsTruncated>{token}"
        self._xml("ListBucketResult", f"{more}{listed}")

    def _entry(self, key: str) -> str:
        content, at = self.bucket.objects[key]
        return (
            f"<Contents><Key>{escape(key)}</Key><Size>{len(content)}</Size>"
            f"<LastModified>{at:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
            f"<ETag>{_tag(content)}</ETag></Contents>"
        )

    def _xml(self, root: str, inside: str) -> None:
        self._answer(200, f"<?xml version='1.0'?><{root}>{inside}</{root}>".encode())

    def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _tag(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _http(at: datetime) -> str:
    return f"{at:%a, %d %b %Y %H:%M:%S GMT}"
