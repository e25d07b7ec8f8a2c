"""Clients out of a CSV file and into one.

Between the dry run and its confirmation the file travels in the form itself, signed and packed:
nothing is left lying on the server, and what is confirmed is exactly what was shown.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import Any

from flask import (
    abort,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from itsdangerous import BadData, URLSafeTimedSerializer

from portal import clock, csv_file
from portal.billing import client_import, client_list, foresight, overages, statuses
from portal.billing.client_import import Beyond, OtherImport
from portal.billing.clients import GoesOver
from portal.billing.rules import client_file
from portal.billing.rules.client_file import ClientFile, safe_cell
from portal.billing.rules.counting import Metric
from portal.billing.rules.file_text import LARGEST_BYTES, FileRefused, decode
from portal.blueprints import downloads
from portal.blueprints.clients import bp
from portal.blueprints.clients.changes import accepted_count, instant_in_form
from portal.blueprints.clients.listing import Asked
from portal.blueprints.clients.rows import StatusLook, looks_of
from portal.extensions import db
from portal.language import gettext as _
from portal.language import look_up, message
from portal.models import ClientStatus
from portal.transaction import transaction
from portal.web import attempts
from portal.web.access import lock_own, principal, requires
from portal.web.permissions import Permission
from portal.web.signing import timed_signer

UPLOAD = "clients/import.html"
DRY_RUN = "clients/import_check.html"
CONFIRM_WITHIN_SECONDS = 24 * 3600
# What a form may carry besides files, less room for the other fields.
PACKED_AT_MOST = 1_000_000
TOLD_AT_MOST = 200
# Found again under any of their names when the file is brought in.
COLUMNS = (
    *(message("Name"), message("Email"), message("Phone"), message("Status"), message("Note")),
    *(message("Counted"), message("Added"), message("Changed")),
)


@bp.get("/clients/import")
@requires(Permission.WORK_WITH_CLIENTS)
def import_clients() -> ResponseReturnValue:
    return _upload_page()


@bp.post("/clients/import")
@attempts.bulk_files
@requires(Permission.WORK_WITH_CLIENTS)
def check_import() -> ResponseReturnValue:
    """The dry run: what the file would do. Nothing is written."""
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        return _refused(_("Choose a CSV file first."))
    try:
        text, encoding = decode(upload.stream.read())
        file = client_file.read(text, encoding)
        packed = _pack(secrets.token_hex(16), text, encoding)
    except FileRefused as refused:
        return _refused(str(refused))
    return _dry_run(file, packed)


@bp.post("/clients/imports")
@attempts.bulk_files
@requires(Permission.WORK_WITH_CLIENTS)
def confirm_import() -> ResponseReturnValue:
    op_id, file, packed = _unpack(request.form.get("packed", ""))
    beyond = request.form.get("beyond", Beyond.AS_WRITTEN.value)
    if beyond not in tuple(Beyond):
        abort(422)
    who, now = principal(), clock.now()
    actor = who.actor
    try:
        with transaction() as session:
            account = lock_own(session)
            client_import.carry_out(
                session,
                account,
                file,
                Beyond(beyond),
                op_id=op_id,
                accepted=accepted_count(),
                now=now,
                actor=actor,
            )
    except GoesOver as over:
        return _dry_run(file, packed, asked_again=not over.is_refused), over.status
    except OtherImport as refused:
        return _refused(str(refused))
    return redirect(url_for("clients.imported", op_id=op_id), 303)


@bp.get("/clients/imports/<op_id>")
@requires(Permission.WORK_WITH_CLIENTS)
def imported(op_id: str) -> ResponseReturnValue:
    done = client_import.find(db.session(), principal().account_id, op_id)
    if done is None:
        abort(404)
    changed_at = instant_in_form(done.done_at)
    return render_template("clients/imported.html", result=done.result, changed_at=changed_at)


@bp.get("/clients/export.csv")
@attempts.bulk_files
@requires(Permission.WORK_WITH_CLIENTS)
def export() -> ResponseReturnValue:
    account_id = principal().account_id
    known = statuses.of(db.session(), account_id)
    asked = Asked.of(request.args).narrowed(known)
    rows = client_list.export(db.session(), account_id, asked, known)
    return downloads.csv("clients", _csv(rows, known))


def _refused(problem: str) -> ResponseReturnValue:
    return _upload_page(problem), 422


def _upload_page(problem: str | None = None) -> str:
    return render_template(UPLOAD, problem=problem, most=LARGEST_BYTES)


def _dry_run(file: ClientFile, packed: str, asked_again: bool = False) -> str:
    account, session, now = principal().account, db.session(), clock.now()
    planned = client_import.plan(session, account.id, file)
    foreseen = foresight.foretell(
        session, account, Metric.CLIENTS, planned.counted, now=now, reader=principal().role
    )
    return render_template(
        DRY_RUN,
        file=file,
        planned=planned,
        packed=packed,
        foresight=foreseen if planned.goes_over else None,
        is_refused=overages.refusal(session, account, Metric.CLIENTS) is not None,
        asked_again=asked_again,
        told_at_most=TOLD_AT_MOST,
    )


def _pack(op_id: str, text: str, encoding: str) -> str:
    """The file for the form's way to the browser and back. Raises FileRefused if it won't fit."""
    packed = _serializer().dumps([op_id, encoding, text])
    if len(packed) > PACKED_AT_MOST:
        raise FileRefused(_("This file is too large for one import. Split it in two."))
    return str(packed)


def _unpack(packed: str) -> tuple[str, ClientFile, str]:
    try:
        op_id, encoding, text = _serializer().loads(packed, max_age=CONFIRM_WITHIN_SECONDS)
    except BadData:
        abort(422)
    return op_id, client_file.read(text, encoding), packed


def _serializer() -> URLSafeTimedSerializer:
    return timed_signer(f"client import {principal().account.public_id}")


def _csv(rows: Iterator[Any], known: Sequence[ClientStatus]) -> Iterator[str]:
    looks = looks_of(known)
    cells = (_cells(row, looks[row.status_id]) for row in rows)
    return csv_file.write(
        tuple(map(look_up, COLUMNS)), (tuple(map(safe_cell, each)) for each in cells)
    )


def _cells(row: Any, look: StatusLook) -> tuple[str, ...]:
    return (
        row.name,
        row.email,
        row.phone,
        look.name,
        row.note,
        look.reason_deleted if row.deleted_at else look.reason,
        row.created_at.strftime("%Y-%m-%d"),
        row.updated_at.strftime("%Y-%m-%d"),
    )
