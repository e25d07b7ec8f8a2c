"""Both stores of bytes keep, give back, list and remove; and say so when they can't."""

import errno
import io
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from portal import file_store
from portal.config import Settings
from portal.file_store import FileMissing, FileStore, StoreFailed
from portal.file_store.disk import DiskStore
from portal.file_store.s3 import S3Store
from tests import s3_server
from tests.s3_server import Bucket

KEYS = [f"{number:02x}" * 16 for number in range(7)]
LARGE = os.urandom(1024) * 12 * 1024


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with s3_server.running() as found:
        yield found


@pytest.fixture(params=["disk", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> FileStore:
    if request.param == "disk":
        return DiskStore(tmp_path / "kept")
    return S3Store(request.getfixturevalue("bucket").settings, "room")


def content_of(store: FileStore, key: str) -> bytes:
    return b"".join(store.read(key))


def test_what_was_put_is_read_listed_and_removed(store: FileStore) -> None:
    for number, key in enumerate(KEYS):
        store.put(key, io.BytesIO(b"x" * number))

    assert content_of(store, KEYS[3]) == b"xxx"
    assert content_of(store, KEYS[0]) == b""
    found = {kept.key: kept.size_bytes for kept in store.listing()}
    assert found == {key: number for number, key in enumerate(KEYS)}
    for kept in store.listing():
        assert datetime.now(UTC) - kept.stored_at < timedelta(minutes=5)

    store.remove(KEYS[3])
    store.remove(KEYS[3])
    assert KEYS[3] not in {kept.key for kept in store.listing()}
    with pytest.raises(FileMissing):
        store.read(KEYS[3])


def test_a_file_of_many_parts_is_one_file(store: FileStore) -> None:
    source = io.BytesIO(b"not this" + LARGE)
    source.seek(8)
    store.put(KEYS[0], source)
    assert content_of(store, KEYS[0]) == LARGE


def test_a_store_with_nothing_in_it_lists_nothing(store: FileStore) -> None:
    assert list(store.listing()) == []


class Broken(io.BytesIO):
    """A source that breaks off half-way."""

    def read(self, *_size: int | None) -> bytes:
        raise OSError(errno.EIO, "the disk says no")


def test_a_source_that_breaks_off_leaves_nothing(store: FileStore) -> None:
    with pytest.raises(StoreFailed):
        store.put(KEYS[0], Broken(b"abc"))
    assert list(store.listing()) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = DiskStore(tmp_path)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFailed, match="No space left"):
        store.put(KEYS[0], io.BytesIO(b"abc"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_killed_writer_left_is_no_file_and_goes_after_a_day(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    store.put(KEYS[0], io.BytesIO(b"abc"))
    left = tmp_path / "unfinished" / KEYS[1]
    left.write_bytes(b"half of")
    assert [kept.key for kept in store.listing()] == [KEYS[0]]

    store.put(KEYS[2], io.BytesIO(b"abc"))
    assert left.exists()
    yesterday = left.stat().st_mtime - 25 * 3600
    os.utime(left, (yesterday, yesterday))
    store.put(KEYS[3], io.BytesIO(b"abc"))
    assert not left.exists()


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "ab/" + "c" * 20, "X" * 32, "0" * 65])
def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    for act in (DiskStore(tmp_path).read, DiskStore(tmp_path).remove):
        with pytest.raises(ValueError, match="no key"):
            act(key)


def test_objects_are_under_the_prefix_and_requests_signed(bucket: Bucket) -> None:
    bucket.put("of/another/portal/room/" + KEYS[1], b"theirs")
    store = S3Store(bucket.settings, "room")
    store.put(KEYS[0], io.BytesIO(b"ours"))

    assert bucket.objects[f"of/this/portal/room/{KEYS[0]}"][0] == b"ours"
    assert [kept.key for kept in store.listing()] == [KEYS[0]]
    assert bucket.signed_by == {"a-key"}
    assert "a secret" not in repr(bucket.settings)


@pytest.mark.parametrize("status", [403, 503])
def test_a_bucket_that_refuses_is_a_failure_and_not_a_missing_file(
    bucket: Bucket, status: int
) -> None:
    store = S3Store(bucket.settings, "room")
    store.put(KEYS[0], io.BytesIO(b"abc"))
    bucket.refuses = status
    acts: list[Callable[[], Any]] = [
        lambda: store.put(KEYS[1], io.BytesIO(b"abc")),
        lambda: store.read(KEYS[0]),
        lambda: store.remove(KEYS[0]),
        lambda: list(store.listing()),
    ]
    for act in acts:
        with pytest.raises(StoreFailed):
            act()
    bucket.refuses = None
    assert content_of(store, KEYS[0]) == b"abc"


def test_a_bucket_that_is_not_there_is_a_failure(bucket: Bucket) -> None:
    nowhere = S3Store(Bucket(port=9).settings, "room")
    with pytest.raises(StoreFailed):
        nowhere.put(KEYS[0], io.BytesIO(b"abc"))


def test_a_process_that_was_forked_has_a_bucket_of_its_own(app: Flask, bucket: Bucket) -> None:
    app.config["PORTAL"] = Settings(client_documents=bucket.settings)
    file_store.client_documents().put(KEYS[0], io.BytesIO(b"of the parent"))
    assert file_store.client_documents() is file_store.client_documents()
    assert file_store._bucket(bucket.settings, "client-documents", -1) is not (
        file_store.client_documents()
    )


def test_the_setting_chooses_the_store(app: Flask, bucket: Bucket) -> None:
    assert isinstance(file_store.client_documents(), DiskStore)
    app.config["PORTAL"] = Settings(client_documents=bucket.settings)
    assert isinstance(file_store.client_documents(), S3Store)
