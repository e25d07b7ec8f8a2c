"""Invoices that go to who has not agreed, or has left, and links that outlive who made them."""

from tests.teeth.sabotage import Sabotage

ASKED = "tests/blueprints/test_invoice_addresses.py"
LEFT = "tests/notices/test_who_left.py"
LINKS = "tests/blueprints/test_invoice_links_of_account.py"
LEFT_OUT = "tests/papers/test_left_out.py"

SABOTAGES = (
    Sabotage(
        name="invoices-to-who-was-not-asked",
        breaks="whoever signs up has the vendor's mail server write to anybody",
        file="portal/mail/readers.py",
        old="        if email.lower() in known or email.lower() in confirmed\n",
        new="",
        tests=(f"{ASKED}::test_nothing_is_sent_to_an_address_before_its_reader_agrees",),
    ),
    Sabotage(
        name="asked-without-end",
        breaks="an account asks a stranger as often as it likes",
        file="portal/billing/invoice_addresses.py",
        old="    _refuse_often(session, account, email, now)\n",
        new="",
        tests=(
            f"{ASKED}::test_an_address_is_asked_three_times_a_day",
            f"{ASKED}::test_an_account_asks_fifteen_times_a_day",
        ),
    ),
    Sabotage(
        name="asked-by-many-accounts",
        breaks="whoever makes accounts enough has a stranger asked without end",
        file="portal/billing/invoice_addresses.py",
        old=" or _asked_by_all(session, email, now) >= OF_ONE_BY_ALL_A_DAY:\n",
        new=":\n",
        tests=(f"{ASKED}::test_an_address_is_asked_ten_times_a_day_whoever_asks",),
    ),
    Sabotage(
        name="invoice-to-who-left",
        breaks="who was removed while an invoice waited gets it",
        file="portal/jobs/outbox_items.py",
        old="    if not _may_still_be_had(notice_id):\n        return None\n",
        new="",
        tests=(f"{LEFT}::test_who_sees_no_invoices_any_more_is_sent_none",),
    ),
    Sabotage(
        name="links-outlive-their-maker",
        breaks="who was removed reads invoices by a link made before",
        file="portal/billing/people.py",
        old='"user.deactivated", seats, now=now, actor=actor)\n'
        "    _end_links(session, membership, now=now, actor=actor)\n",
        new='"user.deactivated", seats, now=now, actor=actor)\n',
        tests=(f"{LINKS}::test_they_end_with_the_access_of_who_made_them",),
    ),
    Sabotage(
        name="one-pdf-holds-up-a-year",
        breaks="a PDF that was given up keeps a year's ZIP from being made",
        file="portal/papers/archive.py",
        old="        if not missing_files.are_given_up(session, paper):\n",
        new="        if session:\n",
        tests=(f"{LEFT_OUT}::test_a_year_is_made_without_it",),
    ),
)
