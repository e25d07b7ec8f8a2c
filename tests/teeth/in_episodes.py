"""Announced upgrades that are made dearer unsaid, put off for ever, or made without being one."""

from tests.teeth.sabotage import Sabotage

DEARER = "tests/scenarios/test_over_dearer.py"
ON_HOLD = "tests/scenarios/test_over_mail_on_hold.py"
FULL = "tests/blueprints/test_full_while_parked.py"

SABOTAGES = (
    Sabotage(
        name="dearer-unannounced",
        breaks="an upgrade costs more than its last email said",
        file="portal/billing/rules/overage.py",
        old="return _tell_again(facts, now) if facts.amount_rose else Upgrade()",
        new="return Upgrade()",
        tests=(f"{DEARER}::test_over_never_unwarned_an_amount_that_rose_is_told_a_day_before",),
    ),
    Sabotage(
        name="dearer-begins-anew",
        breaks="whoever makes an announced upgrade dearer gets five days more, again and again",
        file="portal/billing/episode_facts.py",
        old="    return told is None, told is not None and terms.due_now.amount > told\n",
        new="    return told is None or terms.due_now.amount > told, False\n",
        tests=(f"{DEARER}::test_over_never_unwarned_an_amount_that_rose_is_told_a_day_before",),
    ),
    Sabotage(
        name="told-again-for-ever",
        breaks="an upgrade is put off for ever by what makes it dearer every day",
        file="portal/billing/rules/overage.py",
        old="    if facts.times_retold > MOST_RETOLD:\n",
        new="    if facts.times_retold < 0:\n",
        tests=(
            f"{DEARER}::test_over_upgrade_that_becomes_dearer_by_the_vendor_s_doing"
            "_is_told_once_more_then_stopped",
        ),
    ),
    Sabotage(
        name="dearer-by-add-ons-bought",
        breaks="who buys a little each day has an announced upgrade left to the vendor",
        file="portal/billing/add_ons.py",
        old="        episodes.refuse_dearer(session, account, terms.basket.limits)\n",
        new="",
        tests=(f"{DEARER}::test_over_upgrade_is_not_put_off_for_ever_by_what_makes_it_dearer",),
    ),
    Sabotage(
        name="dearer-by-add-ons-kept",
        breaks="who keeps an add-on more each day, for nothing, is never upgraded",
        file="portal/billing/add_ons.py",
        old="    if renewing > row.renewing:\n        episodes.refuse_dearer(session, account)\n",
        new="",
        tests=(
            f"{DEARER}"
            "::test_over_upgrade_is_not_put_off_for_ever_by_add_ons_that_are_kept_after_all",
        ),
    ),
    Sabotage(
        name="dearer-by-another-tax",
        breaks="who moves to another country each day is never upgraded",
        file="portal/billing/billing_details.py",
        old="        episodes.refuse_dearer(session, account)\n",
        new="",
        tests=(f"{DEARER}::test_over_upgrade_is_not_put_off_for_ever_by_another_tax",),
    ),
    Sabotage(
        name="way-out-refused",
        breaks="a seat that would settle an episode isn't sold because its upgrade was told often",
        file="portal/billing/episodes.py",
        old="limit = limits[episode.metric] if limits else _usage(session",
        new="limit = _usage(session",
        tests=(f"{DEARER}::test_over_fixed_in_time_by_a_seat_however_often_it_was_told",),
    ),
    Sabotage(
        name="told-again-not-in-evidence",
        breaks="an invoice doesn't show by which email its amount was told last",
        file="portal/billing/episodes.py",
        old="[_retold(copies) for copies in episode_mail.moves_taken(session, episode)]",
        new="[]",
        tests=(f"{DEARER}::test_over_never_unwarned_an_amount_that_rose_is_told_a_day_before",),
    ),
    Sabotage(
        name="tries-begin-anew",
        breaks="each new episode of an account that never pays is tried four times more",
        file="portal/billing/episode_facts.py",
        old="            PlanChange.requested_at >= since,\n",
        new="            PlanChange.requested_at >= max(since, episode.opened_at),\n",
        tests=(
            f"{DEARER}"
            "::test_over_payment_fails_counts_over_episodes_of_an_account_that_stayed_over",
        ),
    ),
    Sabotage(
        name="more-while-nothing-follows",
        breaks="people are added without end while the upgrade for them can't be paid",
        file="portal/billing/overages.py",
        old="        if episode.parked_reason in overage.FULL_WHILE_PARKED:\n",
        new="        if episode.parked_reason in ():\n",
        tests=(
            f"{FULL}::test_over_before_the_act_giving_access_back_is_refused_with_the_ways_out",
            f"{FULL}::test_over_before_the_act_an_import_brings_in_leads_only",
        ),
    ),
    Sabotage(
        name="announced-while-held",
        breaks="a warning that waited announces an upgrade that the operator holds",
        file="portal/billing/episode_warnings.py",
        old="    if episode.held_at is not None:\n        raise OnHold\n",
        new="",
        tests=(
            f"{ON_HOLD}"
            "::test_over_held_a_warning_that_waits_is_sent_when_it_is_released_and_true_then",
        ),
    ),
    Sabotage(
        name="anything-by-itself",
        breaks="any change of plan could be made by itself",
        file="portal/billing/plan_changes.py",
        old="    _must_be_upgrade(session, terms, of=episode.price)\n",
        new="",
        tests=(
            "tests/security/test_upgrades_by_themselves.py"
            "::test_over_upgrade_leads_to_a_larger_tier_of_the_same_kind_only",
        ),
    ),
)
