"""Bytes in the store that no document names, and documents that have no bytes.

Crashes leave a few files, which are removed. More than a hundred are most likely another
database's, or of a time after the backup that was put back: those are left to the operator, who is
told each week. Where nobody has seen to it after four, a hundred go a night: the sweep does not
stand still for ever because of a bad day long ago.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from flask import current_app

from portal import clock, file_store
from portal.billing import documents
from portal.billing.rules import describe
from portal.billing.verification.client_documents import stored_documents
from portal.billing.verification.wrong import Wrong
from portal.extensions import db
from portal.file_store import StoreFailed
from portal.mail import notices
from portal.transaction import assert_outside, is_simulated, transaction

AFTER = timedelta(days=1)
REMOVED_AT_MOST = 100
LOOKED_UP_AT_ONCE = 500
NAMED_AT_MOST = 20
TOLD_AGAIN_AFTER = timedelta(days=7)
# At the beginning and after each of four weeks.
TOLD_BEFORE_REMOVAL, TOLD_WITHIN = 5, timedelta(days=36)
UNNAMED = "The store holds files that belong to no document"
LACKING = "Documents of clients have no bytes in the store"


@dataclass(frozen=True)
class Found:
    """Keys of files older than a day that no document names, and documents without their bytes."""

    files: Sequence[str]
    documents: Sequence[Wrong]


def sweep() -> int:
    """The night's look: remove files that no document names, a hundred at most, and tell the
    vendor of more for four weeks first, and of every document without its bytes; returns how many
    were removed.

    A store that doesn't answer is asked again the next day.
    """
    if is_simulated():
        return 0
    try:
        found = find(at_most=REMOVED_AT_MOST + 1)
        if found.documents:
            _tell(LACKING, _of_lacking(found.documents))
        if len(found.files) > REMOVED_AT_MOST and not _was_told_for_weeks():
            _tell(UNNAMED, _of_unnamed())
            return 0
        return remove(found.files[:REMOVED_AT_MOST])
    except StoreFailed:
        current_app.logger.exception("the store of documents could not be swept")
        return 0


def find(*, at_most: int | None = None) -> Found:
    """What doesn't belong together, `at_most` so many of each. Raises StoreFailed."""
    files, seen = list[str](), 0
    last_id, kept = documents.kept_now(db.session())
    before = clock.wall_now() - AFTER
    listing = file_store.client_documents().listing()
    while batch := list(islice(listing, LOOKED_UP_AT_ONCE)):
        old = [each.key for each in batch if each.stored_at < before]
        files += sorted(documents.unknown_keys(db.session(), old))
        seen += documents.kept_among(db.session(), [each.key for each in batch], last_id)
        assert_outside()
        if at_most is not None and len(files) >= at_most:
            return Found(files[:at_most], ())
    return Found(files, _lacking()[:at_most] if seen < kept else ())


def remove(keys: Sequence[str]) -> int:
    """Remove files that still no document names; returns how many. Raises StoreFailed."""
    removed = 0
    for some in _in_batches(keys):
        unknown = documents.unknown_keys(db.session(), some)
        assert_outside()
        for key in sorted(unknown):
            file_store.client_documents().remove(key)
            removed += 1
    return removed


def _lacking() -> list[Wrong]:
    """Looked for twice: a document that was added between list and rows is found once."""
    first = set(stored_documents(db.session()))
    db.session.rollback()
    found = [each for each in stored_documents(db.session()) if each in first] if first else []
    db.session.rollback()
    return found


def _in_batches(keys: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(keys)
    while batch := list(islice(rest, LOOKED_UP_AT_ONCE)):
        yield batch


def _tell(subject: str, text: str) -> None:
    """To the log each time, to the vendor once a week."""
    current_app.logger.error("%s; see: flask documents sweep", subject)
    with transaction() as session:
        now = clock.now()
        if not notices.vendor_heard(session, subject, since=now - TOLD_AGAIN_AFTER):
            notices.vendor_told(session, None, subject=subject, text=text, now=now)


def _was_told_for_weeks() -> bool:
    session, since = db.session(), clock.now() - TOLD_WITHIN
    times = notices.vendor_heard(session, UNNAMED, since=since)
    session.rollback()
    return times >= TOLD_BEFORE_REMOVAL


def _of_unnamed() -> str:
    return (
        f"More than {REMOVED_AT_MOST} files, all older than a day, have no document in the"
        " database. A crash leaves one now and then; so many belong to another database, or to a"
        " time after the backup that was put back. None was removed.\n\n"
        "See whether database and store belong together. The files are listed with: flask"
        " documents sweep. If nobody needs them, they are removed with: flask documents sweep"
        " --remove\n\n"
        f"Where it stays so, this is said each week, and after four {REMOVED_AT_MOST} of them are"
        " removed a night."
    )


def _of_lacking(lacking: Sequence[Wrong]) -> str:
    more = "" if len(lacking) <= NAMED_AT_MOST else ", and more"
    named = describe.listing([each.subject for each in lacking[:NAMED_AT_MOST]])
    return (
        f"Their rows are there, their bytes are not, or not as many: {named}{more}. Nothing was"
        " changed.\n\nPut the bytes back from a backup of the store. All of them are listed with:"
        " flask documents sweep"
    )
