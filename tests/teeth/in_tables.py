"""Constraints and triggers that are not there, and sums that the database lets through."""

from tests.teeth.sabotage import Sabotage

FIRST = "migrations/versions/2026_11_22_first_tables.py"
FROZEN = "migrations/versions/2026_11_22_what_never_changes.py"
IN_FULL = "migrations/versions/2026_11_22_billing_in_full.py"
OVER_LIMIT = "migrations/versions/2026_11_22_over_the_limit.py"
REFUSES = "tests/billing/test_what_the_database_refuses.py"
NEVER_CHANGES = f"{REFUSES}::test_invoice_snapshot_what_was_issued_never_changes"

SABOTAGES = (
    Sabotage(
        name="line-credited-twice",
        breaks="two invoices can give back the same line",
        file=OVER_LIMIT,
        old='        where="after_line_id IS NULL",\n        unique=True,\n',
        new='        where="after_line_id IS NULL",\n',
        tests=(f"{REFUSES}::test_charge_paid_not_list_a_line_is_credited_once",),
    ),
    Sabotage(
        name="cycle-invoiced-twice",
        breaks="a cycle can have two invoices",
        file=FIRST,
        old='["subscription_id", "period_start_at"],\n            unique=True,',
        new='["subscription_id", "period_start_at"],\n            unique=False,',
        tests=(
            f"{REFUSES}::test_charge_renewal_a_cycle_is_invoiced_once",
            "tests/faults/test_engine.py"
            "::test_f4_the_database_alone_refuses_a_second_invoice_for_a_cycle",
        ),
    ),
    Sabotage(
        name="number-given-twice",
        breaks="two invoices can have the same number",
        file=FIRST,
        old='sa.UniqueConstraint("series", "number", name=op.f("uq_invoice_series_number")),\n',
        new="",
        tests=(f"{REFUSES}::test_invoice_numbering_a_number_is_given_once",),
    ),
    Sabotage(
        name="intention-written-twice",
        breaks="one confirmation can become two changes",
        file=FIRST,
        old=(
            '        sa.UniqueConstraint("account_id", "op_id",'
            ' name=op.f("uq_plan_change_account_id_op_id")),\n'
        ),
        new="",
        tests=(f"{REFUSES}::test_charge_once_an_intention_is_written_once",),
    ),
    Sabotage(
        name="two-live-subscriptions",
        breaks="an account can have two running subscriptions, and is charged for both",
        file=FIRST,
        old='"uq_subscription_live",\n            ["account_id"],\n            unique=True,',
        new='"uq_subscription_live",\n            ["account_id"],\n            unique=False,',
        tests=(f"{REFUSES}::test_an_account_has_one_live_subscription",),
    ),
    Sabotage(
        name="two-changes-pending",
        breaks="two plan changes can wait for their payment at once",
        file=FIRST,
        old='"uq_plan_change_pending",\n            ["account_id"],\n            unique=True,',
        new='"uq_plan_change_pending",\n            ["account_id"],\n            unique=False,',
        tests=(f"{REFUSES}::test_of_the_changes_that_wait_there_is_one_of_a_kind",),
    ),
    Sabotage(
        name="two-payments-in-flight",
        breaks="an invoice can be collected twice at once",
        file=FIRST,
        old='invoice_in_flight",\n            ["invoice_id"],\n            unique=True,',
        new='invoice_in_flight",\n            ["invoice_id"],\n            unique=False,',
        tests=(f"{REFUSES}::test_an_invoice_is_collected_by_one_payment_at_a_time",),
    ),
    Sabotage(
        name="paid-twice",
        breaks="an invoice can be paid by two payments",
        file=FIRST,
        old='"uq_payment_invoice_settled",\n            ["invoice_id"],\n            unique=True,',
        new='"uq_payment_invoice_settled",\n            ["invoice_id"],\n            unique=False,',
        tests=(f"{REFUSES}::test_an_invoice_is_paid_by_one_payment",),
    ),
    Sabotage(
        name="work-written-twice",
        breaks="the same payment can be put to work twice",
        file=FIRST,
        old='        sa.UniqueConstraint("dedupe_key", name=op.f("uq_outbox_dedupe_key")),\n',
        new="",
        tests=(f"{REFUSES}::test_work_is_written_once",),
    ),
    Sabotage(
        name="event-booked-twice",
        breaks="the ledger can book one event twice",
        file=FIRST,
        old=(
            "        sa.UniqueConstraint(\n"
            '            "account_id", "event", name=op.f("uq_ledger_transfer_account_id_event")\n'
            "        ),\n"
        ),
        new="",
        tests=(f"{REFUSES}::test_invoice_balance_an_event_is_booked_once",),
    ),
    Sabotage(
        name="line-noted-twice",
        breaks="two credit notes can give back the same line",
        file=IN_FULL,
        old=(
            '        sa.UniqueConstraint("invoice_line_id",'
            ' name=op.f("uq_credit_note_line_invoice_line_id")),\n'
        ),
        new="",
        tests=(
            "tests/billing/test_credit_notes.py::test_the_database_refuses_a_second_note_on_a_line",
        ),
    ),
    Sabotage(
        name="note-refunded-twice",
        breaks="a credit note can lead to two refunds",
        file=IN_FULL,
        old='sa.UniqueConstraint("credit_note_id", name=op.f("uq_refund_credit_note_id")),\n',
        new="",
        tests=(f"{REFUSES}::test_a_credit_note_leads_to_one_refund",),
    ),
    Sabotage(
        name="foreign-invoice-paid",
        breaks="a payment of one account can pay an invoice of another",
        file=FIRST,
        old=(
            '            ["account_id", "invoice_id"],\n'
            '            ["invoice.account_id", "invoice.id"],\n'
            '            name=op.f("fk_payment_account_id_invoice_id_invoice"),\n'
        ),
        new=(
            '            ["invoice_id"],\n'
            '            ["invoice.id"],\n'
            '            name=op.f("fk_payment_account_id_invoice_id_invoice"),\n'
        ),
        tests=(f"{REFUSES}::test_nothing_of_another_account_is_referred_to",),
    ),
    Sabotage(
        name="total-not-checked",
        breaks="an invoice's total need not be the sum of its parts",
        file=IN_FULL,
        old='"total_adds_up": "total_minor = subtotal_minor + tax_minor + surplus_minor",',
        new='"total_adds_up": "total_minor IS NOT NULL",',
        tests=(f"{REFUSES}::test_invoice_total_sums_that_do_not_add_up",),
    ),
    Sabotage(
        name="credited-beyond-due",
        breaks="more can be taken off an invoice than is due on it",
        file=IN_FULL,
        old='"credited_within_due": "credited_minor BETWEEN 0 AND due_minor",',
        new='"credited_within_due": "credited_minor >= 0",',
        tests=(f"{REFUSES}::test_invoice_total_sums_that_do_not_add_up",),
    ),
    Sabotage(
        name="issued-totals-change",
        breaks="the sums of an issued invoice can be changed",
        file=IN_FULL,
        old='" subtotal_minor, tax_minor, total_minor, balance_applied_minor, due_minor,"\n',
        new='""\n',
        tests=(NEVER_CHANGES,),
    ),
    Sabotage(
        name="ledger-changes",
        breaks="what was booked can be changed and deleted",
        file=IN_FULL,
        old='    "ledger_transfer": None,\n    "credit_note": None,\n',
        new='    "credit_note": None,\n',
        tests=(
            NEVER_CHANGES,
            f"{REFUSES}::test_invoice_snapshot_what_was_issued_is_never_deleted",
        ),
    ),
    Sabotage(
        name="trail-changes",
        breaks="the audit trail can be changed and deleted",
        file=FROZEN,
        old='    "audit_entry": None,\n',
        new="",
        tests=(
            NEVER_CHANGES,
            f"{REFUSES}::test_invoice_snapshot_what_was_issued_is_never_deleted",
        ),
    ),
    Sabotage(
        name="lines-change-on-postgresql",
        breaks="the lines of an issued invoice can be changed and deleted on PostgreSQL",
        file=OVER_LIMIT,
        old='        op.execute(_frozen("invoice_line", action, is_postgresql))\n',
        new="        assert action\n",
        tests=(
            NEVER_CHANGES,
            f"{REFUSES}::test_invoice_snapshot_what_was_issued_is_never_deleted",
        ),
        database="postgresql",
    ),
)
