"""Automatic upgrades that are taken back too late, too easily, twice, or not whole."""

from tests.teeth.sabotage import Sabotage

RULES = "portal/billing/rules/taking_back.py"
OFFERS, DOES = "portal/billing/taking_back_offers.py", "portal/billing/takings_back.py"
TERMS = "portal/billing/taking_back_terms.py"
TABLE, STORY = "tests/rules/test_taking_back.py", "tests/scenarios/test_taking_back.py"
REFUSES = "tests/billing/test_what_the_database_refuses.py"
LIMITS = "migrations/versions/2026_11_22_over_the_limit.py"

SABOTAGES = (
    Sabotage(
        name="taken-back-a-day-late",
        breaks="an upgrade can be taken back for 31 days",
        file=RULES,
        old="TIME = 30 * DAY",
        new="TIME = 31 * DAY",
        tests=(f"{TABLE}::test_over_revert_within_30_days",),
    ),
    Sabotage(
        name="taken-back-counted-from-the-told-day",
        breaks="the 30 days begin on the day that was told, however late the upgrade was made",
        file="portal/models/subscriptions.py",
        old="return self.settled_at or self.effective_at",
        new="return self.effective_at",
        tests=(f"{STORY}::test_over_revert_counts_from_the_day_it_was_carried_out",),
    ),
    Sabotage(
        name="taken-back-without-its-renewal",
        breaks="what renewed an upgrade stays paid when it is taken back",
        file=OFFERS,
        old="charged = [invoice, *upgrade_cycles.renewals(session, change)]",
        new="charged = [invoice]",
        tests=(f"{STORY}::test_over_revert_counts_from_the_day_it_was_carried_out",),
    ),
    Sabotage(
        name="taken-back-unheard-of",
        breaks="the vendor doesn't hear how often an account takes upgrades back",
        file="portal/mail/credit_notices.py",
        old='if times >= OFTEN else ""',
        new='if times > OFTEN else ""',
        tests=(f"{STORY}::test_the_vendor_hears_of_each_and_of_the_third_in_a_year",),
    ),
    Sabotage(
        name="taken-back-without-room",
        breaks="an upgrade is taken back although the former plan is too small",
        file=RULES,
        old="return None if facts.fitting.fits else TooMuchInUse(former_plan, facts.fitting)",
        new="return None",
        tests=(f"{STORY}::test_over_revert_waits_until_the_usage_fits",),
    ),
    Sabotage(
        name="taken-back-after-a-purchase",
        breaks="an upgrade is taken back although more was bought since",
        file=OFFERS,
        old="is_straight = not later and not",
        new="is_straight = not",
        tests=(f"{STORY}::test_over_revert_where_something_stands_against_it",),
    ),
    Sabotage(
        name="taken-back-on-stale-figures",
        breaks="what was confirmed is done although the figures have moved",
        file=DOES,
        old="if now > confirmation.valid_until or fresh.terms.fingerprint()",
        new="if False and fresh.terms.fingerprint()",
        tests=(f"{STORY}::test_what_moved_since_it_was_seen_is_shown_and_nothing_done",),
    ),
    Sabotage(
        name="taken-back-line-worth-nothing",
        breaks="what the former cycle was charged stays worth nothing",
        file="portal/billing/cycle_lines.py",
        old="in_force = and_(of_line, credit.amount_minor < 0, ~_is_noted(credit))",
        new="in_force = and_(of_line, credit.amount_minor < 0)",
        tests=(
            f"{STORY}::test_charge_paid_not_list_whatever_was_taken_back",
            f"{STORY}::test_over_revert_with_tax",
        ),
    ),
    Sabotage(
        name="taken-back-add-ons-all-renew",
        breaks="add-ons that were to go are kept when an upgrade is taken back",
        file=DOES,
        old="        _, row.renewing = former.add_ons[row.add_on_price_id]",
        new="        row.renewing, _ = former.add_ons[row.add_on_price_id]",
        tests=(f"{STORY}::test_over_revert_puts_add_ons_back",),
    ),
    Sabotage(
        name="taken-back-downgrade-forgotten",
        breaks="the downgrade that the upgrade withdrew stays withdrawn",
        file=DOES,
        old="    if former.scheduled is not None:\n        former.scheduled.state",
        new="    if former.scheduled is None:\n        former.scheduled.state",
        tests=(f"{STORY}::test_over_revert_puts_the_scheduled_downgrade_back",),
    ),
    Sabotage(
        name="taken-back-renewal-not-foretold",
        breaks="the renewal that fell due meanwhile isn't told beforehand",
        file="portal/billing/rules/renewals_due.py",
        old="    while not found or found[-1].at <= now:",
        new="    while not found:",
        tests=(
            f"{TABLE}::test_a_renewal_that_fell_due_is_charged",
            f"{STORY}::test_over_revert_after_the_former_cycle_ended",
        ),
    ),
    Sabotage(
        name="taken-back-to-the-card-first",
        breaks="the money is back on the card before the cycle that is due is paid, or never is",
        file=TERMS,
        old="    parts = crediting.keep(paid, due)\n",
        new="    parts = crediting.keep(paid, due - due)\n",
        tests=(
            f"{STORY}::test_over_revert_gives_nothing_to_the_card_that_is_owed_for_a_cycle",
            f"{STORY}::test_over_revert_after_the_former_cycle_ended",
        ),
    ),
    Sabotage(
        name="taken-back-keeps-too-much",
        breaks="more is kept from the card than the credit balance leaves to pay",
        file=TERMS,
        old="sum((each.draft.due for each in following[:-1])",
        new="sum((each.draft.total for each in following[:-1])",
        tests=(f"{STORY}::test_over_revert_keeps_no_more_than_the_credit_balance_leaves_to_pay",),
    ),
    Sabotage(
        name="taken-back-otherwise-than-offered",
        breaks="what was offered as credit balance goes to the card",
        file=DOES,
        old="taking_back_terms.wish(change, invoice, part.to_method)",
        new="taking_back_terms.wish(change, invoice)",
        tests=(f"{STORY}::test_over_revert_after_the_former_cycle_ended",),
    ),
    Sabotage(
        name="taken-back-kept-unseen",
        breaks="what is kept for what is charged at once can change after it was confirmed",
        file=RULES,
        old="self.total.currency, self.kept.amount, self.method]",
        new="self.total.currency, self.method]",
        tests=(f"{TABLE}::test_whatever_is_shown_is_in_the_fingerprint",),
    ),
    Sabotage(
        name="credited-twice-after-one-credit",
        breaks="two credits can follow the same former credit of a line",
        file=LIMITS,
        old=(
            '        batch.create_unique_constraint(batch.f("uq_invoice_line_after_line_id"),'
            ' ["after_line_id"])\n'
        ),
        new="",
        tests=(f"{REFUSES}::test_charge_paid_not_list_a_credit_is_followed_by_one",),
    ),
)
