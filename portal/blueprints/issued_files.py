"""Whether a file is one that was issued: by its hash, worked out here or in the browser."""

from __future__ import annotations

import hashlib

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from portal.billing import issued_files
from portal.extensions import db
from portal.language import gettext as _
from portal.language import message
from portal.web import attempts
from portal.web.access import principal, requires
from portal.web.htmx import page_or_fragment
from portal.web.permissions import Permission

bp = Blueprint("issued_files", __name__)

LONGEST_HASH = 200
NO_HASH = message("A SHA-256 has 64 digits, 0 to 9 and a to f. Paste all of them.")
NO_FILE = message("Choose a file first.")
TOO_LARGE = message(
    "That file is larger than the portal takes here, and larger than any invoice it issued. To be"
    " sure, work out its SHA-256 yourself and enter that."
)


@bp.get("/invoices/check")
@requires(Permission.SEE_INVOICES)
def show() -> ResponseReturnValue:
    """The forms, and what became of the hash in the address."""
    written = request.args.get("sha256", "").strip()[:LONGEST_HASH]
    sha256 = issued_files.read_hash(written)
    problem = _(NO_HASH) if written and sha256 is None else ""
    found = issued_files.find(db.session(), principal().account_id, sha256) if sha256 else None
    return page_or_fragment(
        "issued_files/show.html",
        "issued_file",
        status=422 if problem else 200,
        written=written,
        sha256=sha256,
        found=found,
        problem=problem,
        file_problem="",
    )


@bp.post("/invoices/check")
@attempts.bulk_files
@requires(Permission.SEE_INVOICES)
def check() -> ResponseReturnValue:
    """The hash of a file that was sent; the file itself is not kept."""
    sent = request.files.get("file")
    if sent is None or not sent.filename:
        return _not_taken(_(NO_FILE), 422)
    return redirect(url_for("issued_files.show", sha256=_hash(sent)), 303)


@bp.errorhandler(RequestEntityTooLarge)
def _too_large(_error: HTTPException) -> ResponseReturnValue:
    return _not_taken(_(TOO_LARGE), 413)


def _not_taken(problem: str, status: int) -> ResponseReturnValue:
    return page_or_fragment(
        "issued_files/show.html",
        "issued_file",
        status=status,
        written="",
        sha256=None,
        found=None,
        problem="",
        file_problem=problem,
    )


def _hash(sent: FileStorage) -> str:
    return hashlib.file_digest(sent.stream, "sha256").hexdigest()  # type: ignore[arg-type]
