"""Where documents are kept is read once, and refused at the start where something is missing."""

from pathlib import Path

import pytest

from portal.config import ConfigError, Settings
from tests.test_config import FIT

BUCKET = {
    "DOCUMENTS_STORE": "s3",
    "S3_BUCKET": "portal",
    "S3_ACCESS_KEY": "key",
    "S3_SECRET_KEY": "secret",
}


def problems(**settings: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        Settings.from_env(settings)
    return refused.value.problems


def test_documents_are_on_disk_and_of_25_mb_unless_said_otherwise() -> None:
    kept = Settings.from_env({}).client_documents
    assert (kept.store, kept.max_bytes) == ("disk", 25_000_000)
    assert (kept.reserve_bytes, kept.ceiling) == (1_000_000_000, 4)
    assert Settings.from_env({"DOCUMENTS_CEILING": "0"}).client_documents.ceiling == 0
    assert kept.kept_days == 365
    assert Settings.from_env({"DOCUMENTS_KEPT_DAYS": "0"}).client_documents.kept_days == 0
    assert Settings.from_env({"DOCUMENT_MAX_BYTES": "1000"}).client_documents.max_bytes == 1000


def test_a_bucket_is_named_in_full(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    given = BUCKET | {"S3_SECRET_KEY": "", "S3_SECRET_KEY_FILE": str(tmp_path / "secret")}
    given |= {"S3_ENDPOINT": "https://s3.example.com/", "S3_PREFIX": "/a/b/", "S3_REGION": "eu"}
    kept = Settings.from_env(given).client_documents
    assert kept.secret_key == "from a file"
    assert (kept.endpoint, kept.prefix, kept.region) == ("https://s3.example.com", "a/b", "eu")
    assert "from a file" not in repr(kept)


@pytest.mark.parametrize("name", ["S3_BUCKET", "S3_ACCESS_KEY", "S3_SECRET_KEY"])
def test_a_bucket_that_lacks_something_is_refused(name: str) -> None:
    (problem,) = problems(**(BUCKET | {name: ""}))
    assert problem.startswith(f"{name} is not set")


def test_other_nonsense_is_refused() -> None:
    assert problems(DOCUMENTS_STORE="ftp")[0].startswith("DOCUMENTS_STORE")
    assert problems(DOCUMENT_MAX_BYTES="0")[0].startswith("DOCUMENT_MAX_BYTES")
    assert problems(DOCUMENTS_KEPT_DAYS="59")[0].startswith("DOCUMENTS_KEPT_DAYS must be 0")
    assert problems(DOCUMENT_MAX_BYTES="2000000000")[0].startswith("DOCUMENT_MAX_BYTES")
    assert problems(DOCUMENTS_CEILING="1001")[0].startswith("DOCUMENTS_CEILING")
    assert problems(DOCUMENTS_CEILING="-1")[0].startswith("DOCUMENTS_CEILING")
    assert problems(DOCUMENTS_RESERVE_BYTES="1 GB")[0].startswith("DOCUMENTS_RESERVE_BYTES")
    assert problems(**BUCKET, S3_ENDPOINT="bucket.example.com")[0].startswith("S3_ENDPOINT")


def test_production_sends_documents_encrypted_only() -> None:
    (problem,) = problems(**FIT, **BUCKET, S3_ENDPOINT="http://s3.example.com")
    assert problem.startswith("S3_ENDPOINT must be an https address")
    assert Settings.from_env(FIT | BUCKET | {"S3_ENDPOINT": "https://s3.example.com"})
