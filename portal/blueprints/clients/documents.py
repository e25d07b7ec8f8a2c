"""Documents kept with clients: one client's, and all that are behind the storage meter.

Uploading is a plain form of files; with a script it shows how far it is. The bytes travel in one
request, of which no more is read than fits: a few files of the largest size.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from portal import client_documents, clock
from portal.billing import client_list, documents, foresight, usage
from portal.billing.documents import Counted
from portal.billing.rules import describe
from portal.billing.rules.counting import Metric, storage_reason
from portal.billing.rules.document_files import kind
from portal.blueprints import downloads
from portal.blueprints.clients import bp, uploading
from portal.blueprints.clients.changes import still_there
from portal.blueprints.clients.uploading import Outcome
from portal.blueprints.paging import Paging
from portal.extensions import db
from portal.file_store import FileMissing, StoreFailed
from portal.language import gettext as _
from portal.language import message
from portal.models import Client, Document, Usage
from portal.transaction import transaction
from portal.web import attempts, errors
from portal.web.access import find_principal, lock_own, own, principal, requires
from portal.web.htmx import page_or_fragment, wants_fragment
from portal.web.permissions import Permission

PAGE, LIST = "clients/documents.html", "clients/all_documents.html"
PAGE_LENGTH = 50
# What one request may hold, in files of the largest size, and what its other fields take.
FILES_TOGETHER = 4
FIELDS_BYTES = 100_000
UPLOAD = "clients.add_documents"
GONE = message(
    "%(client)s is deleted, and its documents are put away with it. Undo that first: they are back"
    " then."
)
SHOWN_CHOICES = (
    (Counted.ALL.value, message("All")),
    (Counted.YES.value, message("Counted")),
    (Counted.NO.value, message("Not counted")),
)


@dataclass(frozen=True)
class ListedDocument:
    """A row as the templates print it; `reason` says whether it is counted, and why."""

    row: Any
    kind: str
    reason: str
    is_counted: bool


@bp.url_value_preprocessor
def _take_in_documents(endpoint: str | None, _values: dict[str, Any] | None) -> None:
    """Let whoever may keep documents send them: before the form is read, so before any view."""
    if endpoint != UPLOAD:
        return
    found = find_principal()
    if found is not None and found.may(Permission.WORK_WITH_CLIENTS):
        request.max_content_length = _most_together() + FIELDS_BYTES


@bp.errorhandler(RequestEntityTooLarge)
def _too_much_at_once(error: HTTPException) -> ResponseReturnValue:
    if request.endpoint != UPLOAD:
        return errors.answer(413)
    one, together = describe.storage(client_documents.largest()), describe.storage(_most_together())
    return errors.answer(
        413,
        _(
            "Nothing was kept. One file may have %(one)s, and those sent at once %(together)s"
            " together: send fewer at a time.",
            one=one,
            together=together,
        ),
    )


@bp.get("/clients/documents")
@requires(Permission.WORK_WITH_CLIENTS)
def all_documents() -> ResponseReturnValue:
    """The rows behind the storage meter, the largest first."""
    account_id, counted = principal().account_id, _counted()
    sums = {which: documents.total(db.session(), account_id, counted=which) for which in Counted}
    paging = Paging.asked(sums[counted].documents, PAGE_LENGTH)
    rows = documents.largest(
        db.session(), account_id, counted, offset=paging.offset, limit=PAGE_LENGTH
    )
    return page_or_fragment(
        LIST,
        "document_rows",
        rows=_as_listed(rows),
        counted=counted.value,
        shown_choices=[(value, _(words)) for value, words in SHOWN_CHOICES],
        sums=sums,
        Counted=Counted,
        paging=paging,
        meter=_meter(),
    )


@bp.get("/clients/documents/foresight")
@requires(Permission.WORK_WITH_CLIENTS)
def foresee_documents() -> ResponseReturnValue:
    """What keeping files of so many bytes leads to, as a sentence; nothing where it fits."""
    size = min(request.args.get("bytes", 0, type=int), _most_together())
    return render_template("clients/_documents_foresight.html", foreseen=_foreseen(size))


@bp.get("/clients/<public_id>/documents")
@requires(Permission.WORK_WITH_CLIENTS)
def list_documents(public_id: str) -> ResponseReturnValue:
    return _page(own(Client, public_id))


@bp.post("/clients/<public_id>/documents")
@attempts.documents
@requires(Permission.WORK_WITH_CLIENTS)
def add_documents(public_id: str) -> ResponseReturnValue:
    client = own(Client, public_id)
    if client.deleted_at is not None:
        return errors.answer(404, _(GONE, client=client.name))
    client_id, sent = client.id, [file for file in request.files.getlist("file") if file.filename]
    outcome = uploading.keep(client_id, sent)
    client = own(Client, public_id)
    if outcome.kept:
        flash(outcome.told, "success")
    if outcome.status in (413, 503) and wants_fragment():
        return errors.answer(outcome.status, outcome.problems, title=_("Nothing was added"))
    if outcome.not_kept or wants_fragment():
        return _page(client, outcome)
    return redirect(url_for("clients.list_documents", public_id=public_id), 303)


@bp.get("/clients/<public_id>/documents/<document_id>")
@requires(Permission.WORK_WITH_CLIENTS)
def download_document(public_id: str, document_id: str) -> ResponseReturnValue:
    """The bytes as they were sent, to be saved and never to be shown by a browser."""
    document = _own_document(public_id, document_id)
    if document.client is not None and document.client.deleted_at is not None:
        return errors.answer(404, _(GONE, client=document.client.name))
    try:
        pieces = client_documents.read(document)
    except (FileMissing, StoreFailed):
        current_app.logger.exception("the bytes of document %s can't be read", document.public_id)
        return render_template("clients/document_not_readable.html", document=document), 500
    response = Response(pieces, mimetype=document.media_type, headers=downloads.HEADERS)
    response.content_length = document.size_bytes
    response.headers.set("Content-Disposition", "attachment", **downloads.names(document.name))
    return response


@bp.post("/clients/<public_id>/documents/<document_id>/deletion")
@requires(Permission.WORK_WITH_CLIENTS)
def delete_document(public_id: str, document_id: str) -> ResponseReturnValue:
    document, who, now = _own_document(public_id, document_id), principal(), clock.now()
    name, row_id, actor = document.name, document.id, who.actor
    with transaction() as session:
        account = lock_own(session)
        row = still_there(session, Document, row_id)
        documents.delete(session, account, row, now=now, actor=actor)
    flash(_("%(name)s was deleted.", name=name), "success")
    return redirect(url_for("clients.list_documents", public_id=public_id), 303)


def _most_together() -> int:
    return FILES_TOGETHER * client_documents.largest()


def _counted() -> Counted:
    asked = request.args.get("counted", "")
    return Counted(asked) if asked in tuple(Counted) else Counted.ALL


def _own_document(public_id: str, document_id: str) -> Document:
    """A document that is kept with that client of this account, else 404."""
    client, document = own(Client, public_id), own(Document, document_id)
    if document.deleted_at is not None or document.client_id != client.id:
        abort(404)
    return document


def _page(client: Client, outcome: Outcome | None = None) -> Response:
    session, account_id = db.session(), principal().account_id
    total = documents.total(session, account_id, client_id=client.id)
    paging = Paging.asked(total.documents, PAGE_LENGTH)
    rows = documents.newest(session, account_id, client.id, offset=paging.offset, limit=PAGE_LENGTH)
    deleted_at = client.deleted_at
    return page_or_fragment(
        PAGE,
        "client_documents",
        status=outcome.status if outcome else 200,
        client=client,
        undo_until=client_list.undo_until(deleted_at) if deleted_at else None,
        outcome=outcome,
        rows=_as_listed(rows),
        total=total,
        paging=paging,
        most=client_documents.largest(),
        together=_most_together(),
        foreseen=_foreseen_of_one_more(),
        meter=_meter(),
    )


def _as_listed(rows: Iterable[Any]) -> list[ListedDocument]:
    return [
        ListedDocument(
            row,
            kind(row.media_type, row.name),
            storage_reason(client_deleted=row.client_deleted_at is not None),
            row.client_deleted_at is None,
        )
        for row in rows
    ]


def _meter() -> Usage:
    return usage.of(db.session(), principal().account_id)[Metric.STORAGE]


def _foreseen_of_one_more() -> str | None:
    """What one document of the largest size can lead to, for whoever has no script to ask."""
    return _foreseen(client_documents.largest())


def _foreseen(size_bytes: int) -> str | None:
    who = principal()
    return foresight.foretell(
        db.session(), who.account, Metric.STORAGE, size_bytes, now=clock.now(), reader=who.role
    )
