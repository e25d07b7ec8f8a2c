"""`flask documents`: whether the store of documents and the database belong together."""

import click
from flask.cli import AppGroup

from portal.billing.rules import describe
from portal.cli.output import json_option, show_json
from portal.client_documents import orphans
from portal.client_documents.orphans import Found
from portal.file_store import StoreFailed

documents = AppGroup("documents", help="The store of documents kept with clients.")


@documents.command("sweep")
@click.option("--remove", is_flag=True, help="Remove the files that belong to no document.")
@json_option
def sweep(remove: bool, as_json: bool) -> None:
    """Show files older than a day that belong to no document, and documents without their bytes.

    Nothing is removed without --remove, and documents never are.
    """
    try:
        found = orphans.find()
        removed = orphans.remove(found.files) if remove else 0
    except StoreFailed as failed:
        raise click.ClickException(f"The store can't be swept: {failed}") from failed
    if as_json:
        show_json(_facts(found, removed))
        return
    for key in found.files:
        click.echo(f"{key}  belongs to no document")
    for lacking in found.documents:
        click.echo(f"{lacking.subject}: {lacking.found} instead of {lacking.expected}")
    files = describe.counted(len(found.files), "%(num)s file", "%(num)s files")
    click.echo(f"{files} without a document, {len(found.documents)} without bytes.")
    if removed:
        click.echo(f"{describe.counted(removed, '%(num)s file', '%(num)s files')} removed.")


def _facts(found: Found, removed: int) -> dict[str, object]:
    return {
        "files_without_document": list(found.files),
        "documents_without_bytes": [
            {"document": each.subject, "found": each.found} for each in found.documents
        ],
        "removed": removed,
    }
