"""Rows as nobody but a fault or a hand in the database can leave them, one for each check."""

# ruff: noqa: S608 - the SQL is all written here

from dataclasses import dataclass

ACME = "(SELECT id FROM account WHERE name = 'Acme')"
HOUR = 3600 * 10**6


@dataclass(frozen=True)
class Breakage:
    """A row changed by hand, the check that must see it, and what its finding must name."""

    check: str
    names: str
    sql: str


BREAKAGES = (
    Breakage(
        "counts", "seats of Acme",
        f"UPDATE usage SET used = used + 1 WHERE metric = 'seats' AND account_id = {ACME}",
    ),
    Breakage(
        "counts", "clients of Acme",
        f"DELETE FROM usage WHERE metric = 'clients' AND account_id = {ACME}",
    ),
    Breakage(
        "limits", "limit of clients of Acme",
        f"UPDATE usage SET limit_value = NULL WHERE metric = 'clients' AND account_id = {ACME}",
    ),
    Breakage(
        "receivables", "receivable of Acme",
        "UPDATE ledger_transfer SET amount_minor = amount_minor + 1"
        f" WHERE account_id = {ACME} AND credit = 'revenue'",
    ),
    Breakage(
        "credit-balances", "credit balance of Saver",
        "UPDATE invoice SET surplus_minor = surplus_minor + 1 WHERE surplus_minor > 0",
    ),
    Breakage(
        "credit-not-negative", "credit balance of Acme",
        "INSERT INTO ledger_transfer"
        " (account_id, event, debit, credit, amount_minor, currency, occurred_at)"
        f" VALUES ({ACME}, 'x', 'customer_credit', 'revenue', 1, 'USD', 0)",
    ),
    Breakage(
        "bookings-of-invoices", "invoice INV-2026-000001",
        "UPDATE ledger_transfer SET amount_minor = amount_minor + 1 WHERE event = (SELECT"
        " 'invoice:' || id || ':charged' FROM invoice WHERE number_text = 'INV-2026-000001')",
    ),
    Breakage(
        "bookings-of-payments", "payment-",
        "UPDATE payment SET amount_minor = amount_minor + 1 WHERE state = 'succeeded'",
    ),
    Breakage("currencies", "payment 1", "UPDATE payment SET currency = 'EUR' WHERE id = 1"),
    Breakage(
        "number-gaps", "series INV-2026",
        "UPDATE invoice SET number = 999 WHERE number_text = 'INV-2026-000002'",
    ),
    Breakage(
        "last-numbers", "series INV-2026", "UPDATE invoice_series SET last_number = last_number + 1"
    ),
    Breakage(
        "number-order", "invoice INV-2026-000001",
        "UPDATE invoice SET number = 0 WHERE number = 2; UPDATE invoice SET number = 2 WHERE"
        " number_text = 'INV-2026-000001'; UPDATE invoice SET number = 1 WHERE number = 0",
    ),
    Breakage(
        "number-texts", "invoice 1 of series INV-2026",
        "UPDATE invoice SET number_text = 'INV-2026-1' WHERE number = 1",
    ),
    Breakage(
        "invoice-sums", "invoice INV-2026-000001",
        "UPDATE invoice_line SET amount_minor = amount_minor + 1",
    ),
    Breakage(
        "invoice-amounts", "invoice INV-2026-000001",
        "UPDATE invoice SET balance_applied_minor = -1, due_minor = total_minor + 1"
        " WHERE number = 1",
    ),
    Breakage(
        "invoice-status", "invoice INV-2026-000001",
        "UPDATE invoice SET status = 'open', paid_at = NULL WHERE number = 1",
    ),
    Breakage(
        "invoice-status", "invoice INV-2026-000001",
        "UPDATE payment SET amount_minor = 1 WHERE invoice_id ="
        " (SELECT id FROM invoice WHERE number = 1)",
    ),
    Breakage(
        "plan-lines", "invoice INV-2026-000001",
        "UPDATE invoice_line SET period_end_at = period_end_at + 1",
    ),
    Breakage(
        "credit-lines", "credit on invoice",
        "UPDATE invoice_line SET amount_minor = -1000000 WHERE kind = 'unused_time'",
    ),
    Breakage(
        "credit-lines", "credit on invoice",
        "UPDATE invoice_line SET source_line_id = NULL WHERE kind = 'unused_time'",
    ),
    Breakage(
        "documents", "invoice INV-2026-000001",
        f"UPDATE invoice_document SET sha256 = '{'0' * 64}'",
    ),
    Breakage("documents-made", "invoice INV-2026-000001", "DELETE FROM invoice_document"),
    Breakage(
        "one-subscription", "subscriptions of Acme",
        "DROP INDEX uq_subscription_live; INSERT INTO subscription (account_id, status, price_id,"
        " cycle_start_at, cycle_end_at, started_at) SELECT account_id, status, price_id,"
        f" cycle_start_at, cycle_end_at, started_at FROM subscription WHERE account_id = {ACME}",
    ),
    Breakage(
        "cycles", "cycle of invoice",
        "UPDATE invoice SET period_start_at = period_start_at + 1 WHERE reason = 'renewal'",
    ),
    Breakage(
        "cycles", "first invoice INV-2026-000001 of Acme",
        "UPDATE subscription SET started_at = started_at + 1",
    ),
    Breakage(
        "cycles", "running cycle of Acme",
        "UPDATE subscription SET cycle_start_at = cycle_start_at + 1,"
        " cycle_end_at = cycle_end_at + 1",
    ),
    Breakage(
        "one-episode", "open episodes of seats of Crowded",
        "DROP INDEX uq_episode_open; INSERT INTO episode (account_id, subscription_id, metric,"
        " state, price_id, used_at_opening, limit_at_opening, opened_at, next_step_at) SELECT"
        " account_id, subscription_id, metric, state, price_id, used_at_opening, limit_at_opening,"
        " opened_at, next_step_at FROM episode WHERE state = 'open'",
    ),
    Breakage(
        "warned-before-upgrade", "auto-upgrade episode-",
        f"UPDATE episode_warning SET accepted_at = accepted_at - {HOUR} WHERE number = 2",
    ),
    Breakage(
        "warned-before-upgrade", "auto-upgrade episode-",
        "UPDATE episode_warning SET accepted_at = NULL WHERE number = 3",
    ),
    Breakage(
        "warned-before-upgrade", "auto-upgrade episode-",
        f"UPDATE plan_change SET requested_at = requested_at - {HOUR}"
        " WHERE reason = 'auto_upgrade'",
    ),
    Breakage(
        "acceptances", "warning 1 of episode",
        "UPDATE episode_warning SET accepted_at = accepted_at + 1 WHERE number = 1",
    ),
    Breakage(
        "acceptances", "warning 1 of episode",
        "UPDATE notice SET state = 'refused' WHERE warning_id IS NOT NULL",
    ),
    Breakage(
        "upgraded-episodes", "episode ",
        "UPDATE episode SET state = 'resolved' WHERE state = 'upgraded'",
    ),
    Breakage(
        "open-episodes", "of Crowded",
        "UPDATE usage SET used = limit_value WHERE metric = 'seats'",
    ),
    Breakage(
        "open-episodes", "of Crowded",
        "UPDATE episode SET price_id = (SELECT max(id) FROM price) WHERE state = 'open'",
    ),
    Breakage(
        "open-episodes", "of Crowded", "UPDATE subscription SET status = 'ended', ended_at = 0"
    ),
    Breakage(
        "changes-invoiced", "plan change ",
        "UPDATE plan_change SET invoice_id = NULL WHERE state = 'applied'",
    ),
    Breakage(
        "changes-invoiced", "plan change ",
        "UPDATE plan_change SET state = 'failed' WHERE state = 'applied'",
    ),
    Breakage(
        "invoices-changed", "invoice INV-2026-000001",
        "UPDATE plan_change SET due_minor = due_minor + 1",
    ),
    Breakage(
        "changes-paid", "plan change ",
        "UPDATE plan_change SET state = 'failed' WHERE state = 'applied'",
    ),
    Breakage(
        "changes-paid", "plan change ",
        "UPDATE payment SET state = 'declined', settled_at = 0 WHERE state = 'unknown'",
    ),
    Breakage(
        "charged-prices", "price ", "UPDATE price SET amount_minor = amount_minor + 1"
    ),
    Breakage(
        "payment-outcomes", "payment-",
        "UPDATE payment SET settled_at = NULL WHERE state = 'succeeded'",
    ),
    Breakage(
        "payments-carried", "payment-",
        "UPDATE outbox SET state = 'done' WHERE work = 'payment' AND state = 'waiting'",
    ),
    Breakage(
        "invoices-collected", "invoice INV-2026-",
        "UPDATE payment SET state = 'declined', settled_at = 0 WHERE state = 'created'",
    ),
    Breakage(
        "sandbox-charges", "payment-", "UPDATE sandbox_charge SET succeeded = NOT succeeded"
    ),
    Breakage(
        "audit-chain", "audit entry 2 of Acme",
        f"UPDATE audit_entry SET action = 'nothing.happened' WHERE position = 2"
        f" AND account_id = {ACME}",
    ),
    Breakage(
        "audit-chain", "audit trail of Acme",
        f"DELETE FROM audit_entry WHERE account_id = {ACME} AND position ="
        f" (SELECT audit_length FROM account WHERE id = {ACME})",
    ),
    Breakage("outbox-alive", "notice", "UPDATE outbox SET state = 'dead' WHERE work = 'notice'"),
    Breakage(
        "notices-carried", "email 1", "UPDATE notice SET state = 'waiting', settled_at = NULL"
    ),
    Breakage(
        "price-versions", "price 1", "UPDATE price SET version = 2 WHERE id = 1"
    ),
)  # fmt: skip
