"""The settings of documents kept with clients: where their bytes are, and how large one may be."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

STORES = ("disk", "s3")
LARGEST_BYTES = 1_000_000_000
HIGHEST_CEILING = 1000
# People are told 30 days before their documents go, and have some days with nothing to do before.
FEWEST_DAYS_KEPT, MOST_DAYS_KEPT = 60, 36500
NEEDED_FOR_S3 = {
    "S3_BUCKET": "the bucket's name",
    "S3_ACCESS_KEY": "the key that the bucket is opened with",
    "S3_SECRET_KEY": "the secret of that key",
}


@dataclass(frozen=True)
class DocumentSettings:
    """`reserve_bytes` of the disk are left to everything else. `ceiling` is how many times its
    plan's storage an account can keep at most, 0 for no end. `kept_days` is for how many days after
    a plan ended its account's documents are kept, 0 for ever. `endpoint` is empty for Amazon's own;
    `prefix` is where in the bucket the portal keeps."""

    store: str = "disk"
    max_bytes: int = 25_000_000
    reserve_bytes: int = 1_000_000_000
    ceiling: int = 4
    kept_days: int = 365
    endpoint: str = ""
    bucket: str = ""
    prefix: str = ""
    region: str = "us-east-1"
    access_key: str = ""
    secret_key: str = field(default="", repr=False)

    def kept_until(self, ended_at: datetime) -> datetime | None:
        """Until when documents are kept at the least, where a plan ended then; None for ever."""
        return ended_at + timedelta(days=self.kept_days) if self.kept_days else None


def unfit(settings: DocumentSettings, *, is_sandbox: bool) -> list[str]:
    """What can't be started with, each naming its setting."""
    problems = []
    if not 0 < settings.max_bytes <= LARGEST_BYTES:
        problems.append(f"DOCUMENT_MAX_BYTES must be from 1 to {LARGEST_BYTES}.")
    if settings.ceiling > HIGHEST_CEILING:
        problems.append(f"DOCUMENTS_CEILING must be from 0 (none) to {HIGHEST_CEILING}.")
    if settings.kept_days and not FEWEST_DAYS_KEPT <= settings.kept_days <= MOST_DAYS_KEPT:
        problems.append(
            f"DOCUMENTS_KEPT_DAYS must be 0 (for ever) or from {FEWEST_DAYS_KEPT} to"
            f" {MOST_DAYS_KEPT}."
        )
    if settings.store == "s3":
        problems += _unfit_bucket(settings, is_sandbox)
    return problems


def _unfit_bucket(settings: DocumentSettings, is_sandbox: bool) -> list[str]:
    given = (settings.bucket, settings.access_key, settings.secret_key)
    problems = [
        f"{name} is not set: DOCUMENTS_STORE=s3 needs {what}."
        for (name, what), value in zip(NEEDED_FOR_S3.items(), given, strict=True)
        if not value
    ]
    address = urlsplit(settings.endpoint)
    if settings.endpoint and (address.scheme not in ("http", "https") or not address.hostname):
        problems.append(f"S3_ENDPOINT must be an http or https address, not {settings.endpoint!r}.")
    elif address.scheme == "http" and not is_sandbox:
        problems.append("S3_ENDPOINT must be an https address: documents are not sent in the open.")
    return problems
