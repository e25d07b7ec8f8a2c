"""Documents that count wrongly, in the wrong hands, too large, shown, or never gone."""

from tests.teeth.sabotage import Sabotage

STORIES = "tests/billing/test_documents.py"
PAGES = "tests/blueprints/test_documents.py"
FAULTS = "tests/faults/test_documents.py"
SWEEP = "tests/billing/test_documents_sweep.py"
ENDED = "tests/scenarios/test_documents_after_the_end.py"
LEAVING = "portal/billing/document_removal.py"

SABOTAGES = (
    Sabotage(
        name="documents-of-deleted-clients-count",
        breaks="storage stays in use by clients that are deleted",
        file="portal/billing/clients.py",
        old="storage_change=-stored)",
        new="storage_change=0)",
        tests=(f"{STORIES}::test_count_storage_leaves_out_deleted_clients",),
    ),
    Sabotage(
        name="document-of-another-client",
        breaks="a document is had by the address of any client",
        file="portal/blueprints/clients/documents.py",
        old="document.deleted_at is not None or document.client_id != client.id",
        new="document.deleted_at is not None",
        tests=(f"{PAGES}::test_documents_of_another_account_do_not_exist",),
    ),
    Sabotage(
        name="document-shown",
        breaks="a browser opens what somebody sent",
        file="portal/blueprints/clients/documents.py",
        old='"Content-Disposition", "attachment"',
        new='"Content-Disposition", "inline"',
        tests=(f"{PAGES}::test_a_download_is_saved_and_never_shown",),
    ),
    Sabotage(
        name="document-of-any-size",
        breaks="a file may be as large as all of a request",
        file="portal/client_documents/__init__.py",
        old="if size > largest():",
        new="if size < 0:",
        tests=(f"{PAGES}::test_a_file_that_is_too_large_is_refused_and_nothing_is_lost",),
    ),
    Sabotage(
        name="form-of-anybody-s-size",
        breaks="whoever isn't signed in fills the disk",
        file="portal/blueprints/clients/documents.py",
        old="    if endpoint != UPLOAD:\n        return\n",
        new="    request.max_content_length = 10**9\n    if endpoint != UPLOAD:\n        return\n",
        tests=(f"{PAGES}::test_only_whoever_may_keep_documents_can_send_so_much",),
    ),
    Sabotage(
        name="other-bytes-sent",
        breaks="a damaged file is sent as if it were the one that was kept",
        file="portal/file_store/whole.py",
        old="if digest.hexdigest() != sha256:",
        new="if not sha256:",
        tests=(f"{FAULTS}::test_bytes_of_the_same_length_that_are_others_break_the_download_off",),
    ),
    Sabotage(
        name="bytes-stay",
        breaks="a deleted document's bytes are kept for ever",
        file="portal/client_documents/__init__.py",
        old="    file_store.client_documents().remove(key)\n    with transaction",
        new="    with transaction",
        tests=(f"{STORIES}::test_a_deleted_document_goes_with_its_bytes",),
    ),
    Sabotage(
        name="sweep-without-bound",
        breaks="a store that belongs to another database is emptied in a night",
        file="portal/client_documents/orphans.py",
        old="if len(found.files) > REMOVED_AT_MOST and not _was_told_for_weeks():",
        new="if not found:",
        tests=(f"{SWEEP}::test_many_bytes_without_rows_are_left_for_a_person",),
    ),
    Sabotage(
        name="sweep-told-every-night",
        breaks="the vendor gets the same email every night",
        file="portal/client_documents/orphans.py",
        old="if not notices.vendor_heard(session, subject, since=now - TOLD_AGAIN_AFTER):",
        new="if subject:",
        tests=(f"{SWEEP}::test_many_bytes_without_rows_are_left_for_a_person",),
    ),
    Sabotage(
        name="documents-leave-untold",
        breaks="documents are removed although no mail server took the email that says so",
        file=LEAVING,
        old="        Notice.state == NoticeState.ACCEPTED,\n",
        new="",
        tests=(f"{ENDED}::test_never_before_a_mail_server_has_accepted_the_email",),
    ),
    Sabotage(
        name="documents-leave-at-once",
        breaks="documents are removed sooner than 30 days after the email that says so",
        file=LEAVING,
        old="if now < max(until, accepted_at + TOLD_BEFORE):",
        new="if now < until:",
        tests=(f"{ENDED}::test_never_before_a_mail_server_has_accepted_the_email",),
    ),
    Sabotage(
        name="documents-leave-a-running-plan",
        breaks="documents are removed of an account whose plan runs again",
        file=LEAVING,
        old="    if subscriptions.live(session, account_id) is not None:\n        return None\n",
        new="",
        tests=(f"{ENDED}::test_a_plan_that_runs_again_keeps_them",),
    ),
    Sabotage(
        name="documents-leave-counted",
        breaks="documents that are gone still count",
        file=LEAVING,
        old="    if counted:\n        change",
        new="    if not counted:\n        change",
        tests=(f"{ENDED}::test_they_are_kept_for_a_year_and_told_of_and_removed",),
    ),
)
