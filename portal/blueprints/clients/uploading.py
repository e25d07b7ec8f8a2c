"""Keeping the files of one form, and what is said of each."""

from __future__ import annotations

from dataclasses import dataclass

from flask import current_app
from werkzeug.datastructures import FileStorage

from portal import client_documents
from portal.billing.rules import describe
from portal.billing.rules.document_files import safe_name
from portal.billing.rules.errors import RuleBroken
from portal.client_documents import DiskFull, TooLarge, Upload
from portal.file_store import StoreFailed
from portal.language import gettext as _
from portal.web.access import lock_own, principal

FILES_AT_MOST = 100
STATUSES: dict[type[RuleBroken], int] = {TooLarge: 413, DiskFull: 503}


@dataclass(frozen=True)
class NotKept:
    """A file that was sent and not kept: why, and the status that says so."""

    name: str
    problem: str
    status: int


@dataclass(frozen=True)
class Outcome:
    """What became of the files of one form."""

    kept: tuple[str, ...]
    not_kept: tuple[NotKept, ...]

    @property
    def status(self) -> int:
        """Of all files, what the answer says: one that was kept makes it no failure as a whole."""
        if not self.not_kept:
            return 200
        return 422 if self.kept else max(file.status for file in self.not_kept)

    @property
    def told(self) -> str:
        """What was kept, in a sentence."""
        if len(self.kept) == 1:
            return _("%(name)s was added.", name=self.kept[0])
        return describe.counted(
            len(self.kept), "%(num)s document was added.", "%(num)s documents were added."
        )

    @property
    def problems(self) -> str:
        """What was not kept, and why."""
        return " ".join(f"{file.name}: {file.problem}" for file in self.not_kept)


def keep(client_id: int, sent: list[FileStorage]) -> Outcome:
    """Keep one file after the other; what is wrong with one keeps none of the others out."""
    who = principal()
    account_id, actor = who.account_id, who.actor
    kept: list[str] = []
    not_kept = [] if sent else [NotKept("", _("Choose a file first."), 422)]
    not_kept += [_one_too_many(file) for file in sent[FILES_AT_MOST:]]
    for file in sent[:FILES_AT_MOST]:
        upload = Upload(file.filename or "", file.stream)
        try:
            client_documents.keep(account_id, client_id, upload, lock=lock_own, actor=actor)
            kept.append(upload.name)
        except RuleBroken as refused:
            status = STATUSES.get(type(refused), 422)
            not_kept.append(NotKept(upload.name, str(refused), status))
        except StoreFailed:
            current_app.logger.exception("a document could not be kept")
            not_kept.append(_failed(upload))
    return Outcome(tuple(kept), tuple(not_kept))


def _one_too_many(file: FileStorage) -> NotKept:
    why = _(
        "Only %(most)s files are taken at once. Send it again with the next ones.",
        most=FILES_AT_MOST,
    )
    return NotKept(safe_name(file.filename or ""), why, 422)


def _failed(upload: Upload) -> NotKept:
    why = _("It could not be kept just now, and nothing of it was. Try again in a moment.")
    return NotKept(upload.name, why, 503)
