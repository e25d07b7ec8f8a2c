"""Ways to more than was paid for, or to nothing being asked for ever, opened again."""

from tests.teeth.sabotage import Sabotage

SEATS = "tests/security/test_seats_for_nothing.py"
MAIL = "tests/faults/test_mail_put_off.py"
DOCUMENTS = "tests/billing/test_documents.py"
PAGES = "tests/blueprints/test_documents.py"

SABOTAGES = (
    Sabotage(
        name="hard-cap-while-over",
        breaks="whoever is over their seats keeps them all by choosing never to go beyond them",
        file="portal/billing/seat_consents.py",
        old="    if obstacle is not None:\n        raise obstacle\n",
        new="",
        tests=(f"{SEATS}::test_over_upgrade_is_not_escaped_by_a_hard_cap",),
    ),
    Sabotage(
        name="too-small-to-begin",
        breaks="a plan for ten is begun by two hundred people, and cancelled at once",
        file="portal/billing/plan_changes.py",
        old="        _refuse_too_small(session, account, terms.basket)\n",
        new="        pass\n",
        tests=(f"{SEATS}::test_charge_initial_is_for_a_plan_that_is_large_enough",),
    ),
    Sabotage(
        name="more-while-charging-is-stopped",
        breaks="an account that nothing is charged takes as many people as it likes",
        file="portal/billing/overages.py",
        old="    if account.parked_at is not None:\n",
        new="    if account.parked_at is not None and subscription is None:\n",
        tests=(
            f"{SEATS}::test_a_parked_account_takes_nobody_beyond_its_seats",
            f"{SEATS}::test_over_upgrade_is_not_escaped_by_a_charge_that_is_stopped",
        ),
    ),
    Sabotage(
        name="put-off-for-ever",
        breaks="one Admin whose mail is never taken is never upgraded, nor told why",
        file="portal/billing/rules/delivery.py",
        old="    return now if now >= min(taken) + PUT_OFF_AT_MOST else None\n",
        new="    return None\n",
        tests=(
            f"{MAIL}::test_over_never_unwarned_one_admin_put_off_for_ever_delays_each_warning_by_a_day",
        ),
    ),
    Sabotage(
        name="put-off-not-at-all",
        breaks="a warning counts though another Admin's mail server may take it in a minute",
        file="portal/billing/rules/delivery.py",
        old="    return now if now >= min(taken) + PUT_OFF_AT_MOST else None\n",
        new="    return now\n",
        tests=(
            f"{MAIL}::test_over_never_unwarned_one_admin_put_off_for_ever_delays_each_warning_by_a_day",
        ),
    ),
    Sabotage(
        name="given-up-in-silence",
        breaks="a warning that is given up waits for ever, and nobody hears of it",
        file="portal/jobs/outbox_items.py",
        old="        mailer.record(session, notice, given_up, now=clock.now())\n",
        new="        del given_up\n",
        tests=(f"{MAIL}::test_a_warning_that_is_given_up_is_refused_and_the_vendor_is_told",),
    ),
    Sabotage(
        name="former-admins-warned",
        breaks="a warning waits for somebody who is no Admin any more",
        file="portal/billing/episode_warnings.py",
        old="not _is_for_an_admin(session, account, notice)",
        new="notice.user_id is None",
        tests=(f"{MAIL}::test_whoever_is_no_admin_any_more_is_not_waited_for",),
    ),
    Sabotage(
        name="simulation-without-end",
        breaks="whoever asks for a long story keeps everybody else out",
        file="portal/simulation/passing.py",
        old="if clock.seconds() > ends_by:",
        new="if ends_by < 0:",
        tests=(
            "tests/simulation/test_too_much.py"
            "::test_time_simulate_ends_when_its_seconds_are_over_and_keeps_nothing",
        ),
    ),
    Sabotage(
        name="deleted-clients-documents-free",
        breaks="who deletes clients and adds documents again fills the disk",
        file="portal/billing/documents.py",
        old="int(kept_bytes) + size_bytes > limit * ceiling",
        new="size_bytes > limit * ceiling",
        tests=(
            f"{DOCUMENTS}::test_documents_of_deleted_clients_are_kept_too_and_so_within_the_most",
        ),
    ),
    Sabotage(
        name="most-not-asked-under-the-lock",
        breaks="uploads at once go beyond what the vendor keeps",
        file="portal/billing/documents.py",
        old="    refuse_beyond(session, account.id, file.size_bytes, ceiling=ceiling)\n",
        new="",
        tests=(f"{DOCUMENTS}::test_two_uploads_at_once_stay_within_the_most",),
    ),
    Sabotage(
        name="deleted-client-s-documents-had",
        breaks="documents are kept uncounted with clients that stay deleted, and used",
        file="portal/blueprints/clients/documents.py",
        old="if document.client is not None and document.client.deleted_at is not None:",
        new="if document.client is None:",
        tests=(f"{PAGES}::test_a_deleted_client_s_documents_are_seen_and_not_added_to",),
    ),
)
