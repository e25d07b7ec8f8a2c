"""Locks and leases that are not taken, re-checks that are skipped, numbers that are lost."""

from tests.teeth.sabotage import Sabotage

CHANGE_PLAN = "tests/blueprints/test_change_plan.py"
ENGINE = "tests/faults/test_engine.py"
UNDER_WAY = "tests/billing/test_confirming.py::test_charge_no_plan_change_unpaid_nor_beside_another"
FIRST_THINGS = "tests/scenarios/test_what_comes_first.py"

SABOTAGES = (
    Sabotage(
        name="account-not-locked",
        breaks="two commands on one account run at the same time on PostgreSQL",
        file="portal/billing/accounts.py",
        old="        .with_for_update(key_share=True, of=Account)\n",
        new="",
        tests=(f"{ENGINE}::test_f4_six_workers_renew_one_cycle_once",),
        database="postgresql",
    ),
    Sabotage(
        name="begin-not-immediate",
        breaks="two who write on SQLite read the same state first",
        file="portal/engine.py",
        old='"BEGIN IMMEDIATE" if writes else "BEGIN"',
        new='"BEGIN"',
        tests=(
            "tests/faults/test_sqlite.py::test_f3_no_update_is_lost_on_sqlite",
            f"{ENGINE}::test_f4_six_workers_renew_one_cycle_once",
        ),
    ),
    Sabotage(
        name="lease-ignored",
        breaks="a second worker takes what a first one is carrying",
        file="portal/outbox.py",
        old=("\n        & or_(OutboxItem.lease_until.is_(None), OutboxItem.lease_until < wall)\n"),
        new="\n        & (OutboxItem.id > 0)\n",
        tests=(f"{FIRST_THINGS}::test_an_item_of_the_outbox_is_carried_by_one_at_a_time",),
    ),
    Sabotage(
        name="lost-lease-still-counts",
        breaks="who lost the lease settles the work all the same",
        file="portal/outbox.py",
        old="OutboxItem.id == item_id, OutboxItem.lease_owner == owner)",
        new="OutboxItem.id == item_id)",
        tests=(f"{FIRST_THINGS}::test_who_lost_the_lease_puts_nothing_down",),
    ),
    Sabotage(
        name="fingerprint-not-compared",
        breaks="other figures are charged than those that were confirmed",
        file="portal/billing/intentions.py",
        old=("now > confirmation.valid_until or fresh.fingerprint() != confirmation.quote_sha256:"),
        new="now > confirmation.valid_until:",
        tests=(
            f"{CHANGE_PLAN}::test_a_quote_is_stale_after_a_new_price",
            f"{CHANGE_PLAN}::test_a_quote_is_stale_after_another_admins_change",
        ),
    ),
    Sabotage(
        name="quote-holds-for-ever",
        breaks="a quote can be confirmed after the time it says it holds until",
        file="portal/billing/intentions.py",
        old="now > confirmation.valid_until or fresh.fingerprint()",
        new="fresh.fingerprint()",
        tests=(f"{CHANGE_PLAN}::test_a_quote_is_stale_when_its_time_is_up",),
    ),
    Sabotage(
        name="not-asked-if-done-before",
        breaks="a form that is posted again is not told what came of it the first time",
        file="portal/billing/intentions.py",
        old="        raise UsedForSomethingElse\n    return change",
        new="        raise UsedForSomethingElse\n    return None",
        tests=(
            f"{CHANGE_PLAN}::test_charge_once_for_a_form_posted_twice",
            "tests/scenarios/test_add_ons.py::test_charge_once_the_same_confirmation_buys_once",
        ),
    ),
    Sabotage(
        name="what-waits-not-asked",
        breaks="a plan is changed while an invoice is unpaid or another change waits",
        file="portal/billing/plan_changes.py",
        old="    obstacle = situations.what_waits(session, account)\n",
        new="    obstacle = None\n",
        tests=(UNDER_WAY,),
    ),
    Sabotage(
        name="what-waits-not-asked-of-add-ons",
        breaks="add-ons are bought while an invoice is unpaid or a change waits",
        file="portal/billing/add_ons.py",
        old=("        return done\n    obstacle = what_waits(session, account)\n"),
        new="        return done\n    obstacle = None\n",
        tests=(
            UNDER_WAY,
            "tests/scenarios/test_add_ons.py"
            "::test_charge_add_ons_are_not_sold_while_a_downgrade_waits",
        ),
    ),
    Sabotage(
        name="renewal-beside-pending-change",
        breaks="the old cycle renews although a change that is paid may end it",
        file="portal/billing/renewals.py",
        old="    if PlanChangeState.PENDING in waiting:\n        return None\n",
        new="",
        tests=(f"{FIRST_THINGS}::test_charge_renewal_waits_for_a_change_whose_payment_is_unknown",),
    ),
    Sabotage(
        name="upgrade-does-not-come-first",
        breaks="a renewal overtakes the upgrade that was announced for before it",
        file="portal/billing/renewals.py",
        old=(
            "    if episode_steps.upgrade_comes_first(session, account, subscription, now=now):\n"
            "        return None\n"
        ),
        new="",
        tests=(
            f"{FIRST_THINGS}"
            "::test_over_upgrade_that_was_due_before_the_cycles_end_comes_before_the_renewal",
        ),
    ),
    Sabotage(
        name="renewal-beside-unpaid-cycle",
        breaks="a second cycle is charged while the first is still being collected",
        file="portal/billing/renewals.py",
        old=("    if payments.is_collected_from(session, account.id):\n        return None\n"),
        new="",
        tests=(f"{FIRST_THINGS}::test_charge_renewal_waits_for_the_payment_of_the_cycle_before",),
    ),
    Sabotage(
        name="parked-account-renews",
        breaks="an account that a person has to look at is charged again",
        file="portal/billing/renewals.py",
        old=" or account.parked_at is not None:\n        return None",
        new=":\n        return None",
        tests=(f"{FIRST_THINGS}::test_charge_renewal_waits_while_the_account_is_parked",),
    ),
    Sabotage(
        name="downgrade-fit-not-looked-at-again",
        breaks="a downgrade begins although usage no longer fits it",
        file="portal/billing/next_cycle.py",
        old="    if fitting.fits:\n        return NextCycle(change.to_price, smaller",
        new="    if True:\n        return NextCycle(change.to_price, smaller",
        tests=(
            "tests/scenarios/test_renewals.py"
            "::test_charge_downgrade_that_stopped_fitting_renews_the_old_plan",
        ),
    ),
    Sabotage(
        name="add-on-fit-not-looked-at-again",
        breaks="add-ons go although what they hold is in use again",
        file="portal/billing/next_cycle.py",
        old="    if fitting.fits:\n        return NextCycle(subscription.price, renewing)",
        new="    if True:\n        return NextCycle(subscription.price, renewing)",
        tests=(
            "tests/scenarios/test_add_ons.py"
            "::test_charge_add_ons_that_came_into_use_again_renew_and_the_admins_hear_why",
        ),
    ),
    Sabotage(
        name="downgrade-fit-not-asked",
        breaks="a downgrade that doesn't fit can be scheduled",
        file="portal/billing/plan_changes.py",
        old="    if not fitting.fits:\n        raise DoesNotFit(",
        new="    if False:\n        raise DoesNotFit(",
        tests=(
            "tests/scenarios/test_catalog.py"
            "::test_catalog_fits_a_downgrade_to_what_is_too_small_is_refused",
        ),
    ),
    Sabotage(
        name="hidden-plan-sold",
        breaks="an old form still buys a plan that is no longer sold",
        file="portal/billing/price_list.py",
        old="    if price.tier.hidden or price.tier.family.hidden:\n        return None\n",
        new="",
        tests=(
            "tests/scenarios/test_catalog_forms.py"
            "::test_an_old_form_for_a_plan_hidden_since_buys_nothing",
        ),
    ),
    Sabotage(
        name="number-with-a-gap",
        breaks="a number is taken for good before anybody knows whether it is used",
        file="portal/billing/series.py",
        old="    number = _count_up(session, key)\n    if number is None:\n        _open",
        new=(
            "    _count_up(session, key)\n    number = _count_up(session, key)\n"
            "    if number is None:\n        _open"
        ),
        tests=(f"{ENGINE}::test_f5_a_number_given_back_by_a_rollback_leaves_no_gap",),
    ),
    Sabotage(
        name="one-series-for-ever",
        breaks="numbers don't begin anew with the year",
        file="portal/billing/series.py",
        old='    key = f"{prefix}-{now.year}"\n',
        new='    key = f"{prefix}-2026"\n',
        tests=("tests/scenarios/test_numbers.py::test_invoice_numbering_begins_anew_each_year",),
    ),
)
