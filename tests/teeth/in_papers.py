"""PDFs that reach what they should not, claim what is not so, or aren't the ones that were kept."""

from tests.teeth.sabotage import Sabotage

CONFINED = "tests/security/test_confined_rendering.py"
ARCHIVAL = "tests/test_invoice_pdf_archival.py"
KILLS = "tests/faults/test_pdf_kills.py"
RENEWALS = "tests/scenarios/test_papers_of_renewals.py"

SABOTAGES = (
    Sabotage(
        name="page-not-fenced",
        breaks="whoever finds a hole in the renderer has the machine",
        file="portal/papers/rendering.py",
        old="    confinement.confine(_readable(typesetting.font_folder(SHEET)), pages=pages)",
        new="    assert pages",
        tests=(f"{CONFINED}::test_python_refuses", f"{CONFINED}::test_too_much_work_ends_it"),
    ),
    Sabotage(
        name="page-fenced-by-python-only",
        breaks="what doesn't ask Python goes anywhere",
        file="portal/papers/confinement.py",
        old="        _fence_by_kernel(folders)\n",
        new="        list(folders)\n",
        tests=(f"{CONFINED}::test_the_kernel_refuses_what_does_not_ask_python",),
    ),
    Sabotage(
        name="page-has-the-worker-s-connections",
        breaks="a page speaks to the database over the worker's connection",
        file="portal/papers/compositor.py",
        old="        os.closerange(channel.fileno() + 1, HIGHEST_OPEN_FILE)\n",
        new="",
        tests=(f"{CONFINED}::test_nothing_that_was_open_is_reached",),
    ),
    Sabotage(
        name="page-for-ever",
        breaks="a page that never ends holds a worker",
        file="portal/papers/compositor.py",
        old="if left <= 0 or not select.select([reader], [], [], left)[0]:",
        new="if not select.select([reader], [], [])[0]:",
        tests=(f"{CONFINED}::test_who_sleeps_is_woken_for_good",),
    ),
    Sabotage(
        name="footer-read-on-each-page",
        breaks="what repeats on each page is neither read nor marked as not to be",
        file="portal/papers/archival.py",
        old="    _keep_margins_unread(pdf, root, read)\n",
        new="",
        tests=(f"{ARCHIVAL}::test_what_repeats_on_each_page_is_not_read",),
    ),
    Sabotage(
        name="headers-of-nothing",
        breaks="a screen reader doesn't know what a column's header heads",
        file="portal/papers/archival.py",
        old='element["A"]["Scope"] =',
        new='element["A"]["Head"] =',
        tests=(f"{ARCHIVAL}::test_tags_are_nested_as_they_should_be",),
    ),
    Sabotage(
        name="electronic-invoice-listed-twice",
        breaks="PDF/A wants each embedded file listed once",
        file="portal/papers/archival.py",
        old="    _name_files_once(pdf)\n",
        new="",
        tests=(f"{ARCHIVAL}::test_the_electronic_invoice_is_inside_once",),
    ),
    Sabotage(
        name="one-name-for-a-file-being-written",
        breaks="what a killed writer left keeps everybody from writing the same",
        file="portal/file_store/disk.py",
        old='f"{key}.{secrets.token_hex(4)}"',
        new="key",
        tests=(
            f"{KILLS}::test_what_a_killed_writer_left_behind_keeps_nobody_from_writing_the_same",
        ),
    ),
    Sabotage(
        name="pdf-given-up-in-silence",
        breaks="nobody is told of a PDF that is never made",
        file="portal/jobs/outbox_items.py",
        old="        paper_notices.if_given_up(session, held, now=clock.now())\n",
        new="",
        tests=(f"{KILLS}::test_a_child_that_is_killed_is_an_attempt_that_failed",),
    ),
    Sabotage(
        name="told-of-each-document",
        breaks="the vendor gets an email for each document without an electronic invoice",
        file="portal/papers/paper_notices.py",
        old="    if notices.vendor_heard(session, subject, since=now - TOLD_AGAIN_AFTER):\n"
        "        return None\n",
        new="",
        tests=(f"{KILLS}::test_the_vendor_is_told_once_why_there_is_no_electronic_invoice",),
    ),
    Sabotage(
        name="files-of-a-renewal-not-woken",
        breaks="the PDF of a renewal that was paid at once comes two hours later",
        file="portal/billing/settlements.py",
        old="    invoices.answered(session, invoice, now=now)\n",
        new="",
        tests=(f"{RENEWALS}::test_paid_at_once_they_say_so_at_once",),
    ),
    Sabotage(
        name="later-payments-in-the-file",
        breaks="a PDF says what depends on when it was made",
        file="portal/papers/invoice_display.py",
        old="        Payment.on_session.is_(False),\n",
        new="",
        tests=(f"{RENEWALS}::test_declined_they_show_what_is_due_whatever_comes_later",),
    ),
    Sabotage(
        name="paid-whatever-was-paid",
        breaks="a PDF says that all was paid though the charge had become less",
        file="portal/papers/invoice_display.py",
        old="        Payment.amount_minor == invoice.due_minor,\n",
        new="",
        tests=(f"{RENEWALS}::test_less_than_what_was_due_is_no_payment_of_it",),
    ),
)
