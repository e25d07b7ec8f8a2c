"""Invoices that go to who has not agreed, or has left; links and invitations that outlive who made
them."""

from tests.teeth.sabotage import Sabotage

ASKED = "tests/blueprints/test_invoice_addresses.py"
LEFT = "tests/notices/test_who_left.py"
LINKS = "tests/blueprints/test_invoice_links_of_account.py"
INVITED = "tests/billing/test_people_invited.py"
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
        old="return session.execute(statement).scalar_one() >= OF_ONE_BY_ALL_A_DAY\n",
        new="return False\n",
        tests=(f"{ASKED}::test_an_address_is_asked_ten_times_a_day_whoever_asks",),
    ),
    Sabotage(
        name="asked-again-by-many-accounts",
        breaks="a stranger is asked once more by each of as many accounts as somebody makes",
        file="portal/billing/invoice_addresses.py",
        old="    if _is_asked_often_by_all(session, email, now):\n"
        "        raise _asked_enough(email)\n",
        new="",
        tests=(f"{ASKED}::test_an_address_is_asked_ten_times_a_day_whoever_asks",),
    ),
    Sabotage(
        name="asked-for-nothing",
        breaks="accounts that were never charged have as many strangers asked as customers",
        file="portal/billing/invoice_addresses.py",
        old="if is_charged else ASKED_A_DAY_UNCHARGED\n",
        new="if is_charged else ASKED_A_DAY\n",
        tests=(f"{ASKED}::test_an_account_that_was_charged_nothing_asks_twice_a_day",),
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
        name="invitations-outlive-their-maker",
        breaks="who was removed comes back by an invitation of his own to another address",
        file="portal/billing/people.py",
        old="    _end_links(session, membership, now=now, actor=actor)\n"
        "    _withdraw_invitations(session, membership, now=now, actor=actor)\n",
        new="    _end_links(session, membership, now=now, actor=actor)\n",
        tests=(f"{INVITED}::test_who_leaves_has_invited_nobody",),
    ),
    Sabotage(
        name="invitations-of-former-admins",
        breaks="who is made Member is Admin again by an invitation of his own to another address",
        file="portal/billing/people.py",
        old="    if before is Role.ADMIN:\n"
        "        _withdraw_invitations(session, membership, now=now, actor=actor)\n",
        new="",
        tests=(f"{INVITED}::test_who_is_no_admin_any_more_has_invited_nobody",),
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
