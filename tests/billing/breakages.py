"""Rows as nobody but a fault or a hand in the database can leave them, one for each check."""

# ruff: noqa: S608 - the SQL is all written here

from dataclasses import dataclass

ACME = "(SELECT id FROM account WHERE name = 'Acme')"
TAXED = "(SELECT id FROM account WHERE name = 'Taxed')"
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
        "counts-by-day", "clients of Acme",
        f"UPDATE usage_day SET used = used + 1 WHERE metric = 'clients' AND account_id = {ACME}",
    ),
    Breakage(
        "counts-by-day", "seats of Taxed",
        f"DELETE FROM usage_day WHERE metric = 'seats' AND account_id = {TAXED}",
    ),
    Breakage(
        "climbs-told", "climb of clients of Acme",
        "INSERT INTO climb_alert (account_id, metric, level, used, limit_value, written_at)"
        f" VALUES ({ACME}, 'clients', 'near', 480, 600, 0)",
    ),
    Breakage(
        "counts", "storage of Acme",
        f"UPDATE usage SET used = used + 1 WHERE metric = 'storage' AND account_id = {ACME}",
    ),
    Breakage(
        "stored-documents", "(Agreement.txt) of Acme",
        "UPDATE document SET size_bytes = size_bytes + 1 WHERE deleted_at IS NULL",
    ),
    Breakage(
        "documents-leaving", "(Draft.txt) of Acme",
        "DELETE FROM outbox WHERE work = 'document_removal'",
    ),
    Breakage(
        "limits", "limit of clients of Acme",
        f"UPDATE usage SET limit_value = NULL WHERE metric = 'clients' AND account_id = {ACME}",
    ),
    Breakage(
        "limits", "limit of seats of Taxed",
        "UPDATE subscription_add_on SET quantity = quantity + 1, renewing = renewing + 1",
    ),
    Breakage(
        "receivables", "receivable of Acme",
        "UPDATE ledger_transfer SET amount_minor = amount_minor + 1"
        f" WHERE account_id = {ACME} AND credit = 'revenue'",
    ),
    Breakage(
        "credit-balances", "credit balance of Saver",
        "UPDATE invoice SET surplus_minor = surplus_minor + 1, subtotal_minor = subtotal_minor - 1"
        " WHERE surplus_minor > 0",
    ),
    Breakage(
        "credit-balances", "credit balance of Taxed",
        "UPDATE credit_note SET to_balance_minor = to_balance_minor - 1,"
        " to_method_minor = to_method_minor + 1 WHERE to_balance_minor > 0",
    ),
    Breakage(
        "invoices-balance", "invoiced less credited of Other",
        "UPDATE invoice SET credited_minor = 1 WHERE status = 'open'",
    ),
    Breakage(
        "invoices-balance", "invoiced less credited of Fifteen",
        "UPDATE refund SET amount_minor = amount_minor - 1 WHERE state = 'succeeded'",
    ),
    Breakage(
        "invoices-balance", "invoiced less credited of Lost",
        "UPDATE refund SET amount_minor = amount_minor - 1 WHERE state = 'created'",
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
    Breakage(
        "bookings-of-credit-notes", "credit note CN-2026-000001",
        "UPDATE ledger_transfer SET amount_minor = amount_minor + 1"
        " WHERE credit_note_id IS NOT NULL AND debit = 'revenue'",
    ),
    Breakage(
        "bookings-of-credit-notes", "credit note CN-2026-",
        "DELETE FROM ledger_transfer WHERE credit_note_id IS NOT NULL AND debit = 'tax'",
    ),
    Breakage(
        "bookings-of-refunds", "refund-",
        "DELETE FROM ledger_transfer WHERE refund_id IS NOT NULL",
    ),
    Breakage(
        "bookings-of-refunds", "refund-",
        "UPDATE refund SET state = 'declined' WHERE state = 'succeeded'",
    ),
    Breakage(
        "bookings-of-nothing", "ledger transfer ",
        "UPDATE ledger_transfer SET refund_id = NULL WHERE refund_id IS NOT NULL",
    ),
    Breakage(
        "currencies", "subscription ",
        "UPDATE price SET currency = 'XXX' WHERE currency = 'USD'",
    ),
    Breakage("currencies", "credit note 1", "UPDATE credit_note SET currency = 'EUR' WHERE id = 1"),
    Breakage("currencies", "payment 1", "UPDATE payment SET currency = 'EUR' WHERE id = 1"),
    Breakage(
        "number-gaps", "series INV-2026",
        "UPDATE invoice SET number = 999 WHERE number_text = 'INV-2026-000002'",
    ),
    Breakage(
        "number-gaps", "series CN-2026",
        "UPDATE credit_note SET number = 999 WHERE number = 2",
    ),
    Breakage(
        "last-numbers", "series INV-2026", "UPDATE invoice_series SET last_number = last_number + 1"
    ),
    Breakage(
        "last-numbers", "series CN-2026", "UPDATE invoice_series SET last_number = last_number + 1"
    ),
    Breakage(
        "number-order", "credit note CN-2026-000001",
        "UPDATE credit_note SET number = 0 WHERE number = 2; UPDATE credit_note SET number = 2"
        " WHERE number_text = 'CN-2026-000001'; UPDATE credit_note SET number = 1 WHERE number = 0",
    ),
    Breakage(
        "number-texts", "credit note 1 of series CN-2026",
        "UPDATE credit_note SET number_text = 'INV-2026-0' WHERE number = 1",
    ),
    Breakage(
        "number-texts", "credit note 1 of series CN-2026",
        "UPDATE credit_note SET issued_at = 0 WHERE number = 1",
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
    Breakage("invoice-sums", "invoice INV-2026-", "UPDATE invoice SET tax_minor = tax_minor + 1,"
        " total_minor = total_minor + 1, due_minor = due_minor + 1 WHERE tax_minor > 0",
    ),
    Breakage(
        "invoice-amounts", "invoice INV-2026-000001",
        "UPDATE invoice SET balance_applied_minor = -1, due_minor = total_minor + 1"
        " WHERE number = 1",
    ),
    Breakage(
        "invoice-amounts", "invoice INV-2026-000001",
        "UPDATE invoice SET total_minor = 0, due_minor = 0, surplus_minor = -subtotal_minor"
        " WHERE number = 1",
    ),
    Breakage(
        "invoice-status", "invoice INV-2026-",
        "UPDATE invoice SET status = 'paid', paid_at = issued_at WHERE status = 'credited'",
    ),
    Breakage(
        "invoice-status", "invoice INV-2026-000001",
        "UPDATE invoice SET status = 'credited', paid_at = NULL WHERE number = 1",
    ),
    Breakage(
        "invoice-status", "invoice INV-2026-000001",
        "UPDATE invoice SET credited_minor = 1 WHERE number = 1",
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
        "line-arithmetic", "unused_time on invoice",
        "UPDATE invoice_line SET amount_minor = amount_minor + 1 WHERE kind = 'unused_time'",
    ),
    Breakage(
        "line-arithmetic", "add_on on invoice",
        "UPDATE invoice_line SET quantity = quantity + 1 WHERE kind = 'add_on'",
    ),
    Breakage(
        "line-arithmetic", "plan on invoice INV-2026-000001",
        "UPDATE invoice_line SET days = 15, base_minor = 2 * base_minor WHERE kind = 'plan'",
    ),
    Breakage(
        "line-arithmetic", "plan on invoice INV-2026-000001",
        "UPDATE invoice_line SET days_in_cycle = 0",
    ),
    Breakage(
        "line-taxes", "tax of plan on invoice",
        "UPDATE invoice_line SET tax_minor = tax_minor + 1 WHERE tax_minor > 0",
    ),
    Breakage(
        "line-taxes", "tax of plan on invoice INV-2026-000001",
        "UPDATE invoice_line SET tax_basis_points = 1900 WHERE tax_basis_points = 0",
    ),
    Breakage(
        "plan-lines", "invoice INV-2026-000001",
        "UPDATE invoice_line SET period_end_at = period_end_at + 1",
    ),
    Breakage(
        "plan-lines", "plan line of invoice",
        "UPDATE invoice_line SET kind = 'plan' WHERE kind = 'add_on'",
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
        "credit-lines", "credit on invoice",
        "UPDATE invoice_line SET tax_basis_points = 700 WHERE kind = 'unused_time'"
        " AND tax_basis_points > 0",
    ),
    Breakage(
        "credit-lines", "credit on invoice",
        "UPDATE invoice_line SET tax_name = 'Sales tax' WHERE kind = 'plan'",
    ),
    Breakage(
        "credit-lines", "credit on invoice",
        "UPDATE invoice_line SET source_line_id = (SELECT min(own.id) FROM invoice_line AS own"
        " WHERE own.invoice_id = invoice_line.invoice_id) WHERE kind = 'unused_time'"
        f" AND account_id = {ACME}",
    ),
    Breakage(
        "credit-lines", "credit on invoice", "DELETE FROM credit_note_line WHERE amount_minor < 0",
    ),
    Breakage(
        "cycles-credited", "plan on invoice",
        "UPDATE invoice_line SET source_line_id = NULL, after_line_id = NULL"
        " WHERE after_line_id IS NOT NULL",
    ),
    Breakage(
        "cycles-credited", "plan on invoice",
        "UPDATE invoice_line SET source_line_id = NULL WHERE kind = 'unused_time'",
    ),
    Breakage(
        "cycles-credited", "add_on on invoice",
        f"UPDATE invoice_line SET source_line_id = NULL WHERE account_id = {TAXED}",
    ),
    Breakage("renewed-prices", "price on renewal",
        "UPDATE invoice_line SET base_minor = base_minor + 1 WHERE invoice_id IN"
        " (SELECT id FROM invoice WHERE reason = 'renewal')",
    ),
    Breakage(
        "add-on-prices", "add-on on invoice",
        "UPDATE add_on_price SET amount_minor = amount_minor - 1",
    ),
    Breakage(
        "add-on-prices", "add-on on invoice",
        "UPDATE invoice_line SET add_on_price_id = NULL WHERE kind = 'add_on'",
    ),
    Breakage(
        "add-on-prices", "add-on on invoice INV-2026-000001",
        "UPDATE invoice_line SET add_on_price_id = (SELECT min(id) FROM add_on_price)"
        " WHERE kind = 'plan'",
    ),
    Breakage(
        "running-plans", "running plan of Acme",
        f"UPDATE subscription SET price_id = (SELECT max(id) FROM price) WHERE account_id = {ACME}",
    ),
    Breakage(
        "running-add-ons", "add-ons of Taxed",
        "UPDATE subscription_add_on SET quantity = quantity + 1",
    ),
    Breakage("running-add-ons", "add-ons of Taxed", "DELETE FROM subscription_add_on"),
    Breakage(
        "credit-note-sums", "credit note CN-2026-000001",
        "UPDATE credit_note_line SET amount_minor = amount_minor - 1",
    ),
    Breakage(
        "credit-note-sums", "credit note CN-2026-000001",
        "DELETE FROM credit_note_line",
    ),
    Breakage(
        "credit-note-lines", "of credit note CN-2026-000001",
        "UPDATE credit_note_line SET amount_minor = amount_minor + 1",
    ),
    Breakage(
        "credit-note-lines", "of credit note CN-2026-",
        "UPDATE credit_note_line SET tax_minor = 0 WHERE tax_minor > 0",
    ),
    Breakage(
        "credit-note-lines", "of credit note CN-2026-",
        "UPDATE credit_note_line SET tax_basis_points = 700 WHERE tax_basis_points > 0",
    ),
    Breakage(
        "credit-note-lines", "of credit note CN-2026-000001",
        "UPDATE credit_note SET invoice_id = (SELECT min(id) FROM invoice"
        " WHERE account_id = credit_note.account_id) WHERE purpose = 'credit'",
    ),
    Breakage(
        "credited-invoices", "credited on invoice",
        "UPDATE credit_note SET off_invoice_minor = off_invoice_minor - 1,"
        " to_balance_minor = to_balance_minor + 1 WHERE off_invoice_minor > 0",
    ),
    Breakage(
        "ended-invoices", "end of invoice INV-2026-",
        "UPDATE invoice SET status = 'credited' WHERE status = 'void'",
    ),
    Breakage(
        "ended-invoices", "end of invoice INV-2026-",
        "UPDATE credit_note SET purpose = 'credit' WHERE purpose = 'void'",
    ),
    Breakage(
        "ended-invoices", "end of invoice INV-2026-",
        "UPDATE credit_note SET purpose = 'credit' WHERE purpose = 'reissue'",
    ),
    Breakage(
        "ended-invoices", "end of invoice INV-2026-",
        "UPDATE credit_note SET total_minor = total_minor - 1, subtotal_minor = subtotal_minor - 1,"
        " off_invoice_minor = off_invoice_minor - 1 WHERE purpose = 'reissue'",
    ),
    Breakage(
        "ended-invoices", "end of invoice INV-2026-",
        "UPDATE invoice SET status = 'credited' WHERE status = 'replaced'",
    ),
    Breakage(
        "editions", "issued again",
        "UPDATE invoice SET subtotal_minor = subtotal_minor - 1, tax_minor = tax_minor + 1"
        " WHERE edition > 1",
    ),
    Breakage(
        "editions", "issued again",
        "UPDATE invoice_line SET explanation = 'x' WHERE invoice_id IN"
        " (SELECT id FROM invoice WHERE edition = 2)",
    ),
    Breakage("editions", "issued again", "UPDATE invoice SET edition = 4 WHERE edition = 3"),
    Breakage(
        "documents", "invoice INV-2026-000001",
        f"UPDATE invoice_document SET sha256 = '{'0' * 64}'",
    ),
    Breakage(
        "documents", "credit note CN-2026-000001",
        "UPDATE credit_note_document SET size_bytes = size_bytes + 1",
    ),
    Breakage("documents-made", "invoice INV-2026-000001", "DELETE FROM invoice_document"),
    Breakage(
        "documents-made", "credit note CN-2026-000001", "DELETE FROM credit_note_document"
    ),
    Breakage(
        "documents-sent", "PDF with email",
        f"UPDATE notice SET enclosed_sha256 = '{'0' * 64}' WHERE enclosed_sha256 IS NOT NULL",
    ),
    Breakage(
        "documents-sent", "PDF with email",
        "UPDATE notice SET invoice_id = (SELECT max(invoice_id) FROM invoice_document)"
        " WHERE enclosed_sha256 IS NOT NULL AND invoice_id IS NOT NULL",
    ),
    Breakage(
        "documents-sent", "(upgrade_taken_back)",
        "DELETE FROM credit_note_document",
    ),
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
        "cycles", "cycle of invoice INV-2026-",
        "UPDATE invoice SET period_start_at = period_start_at + 1 WHERE reason = 'add_ons'",
    ),
    Breakage(
        "cycles", "cycle of invoice INV-2026-",
        "UPDATE invoice SET period_end_at = period_end_at + 1 WHERE reason = 'add_ons'",
    ),
    Breakage(
        "endings", "of Leaver", "UPDATE subscription SET ended_at = ended_at + 1",
    ),
    Breakage(
        "endings", "of Leaver",
        "UPDATE subscription SET cancelled_at = NULL WHERE end_reason = 'cancelled'",
    ),
    Breakage(
        "endings", "of Leaver", "UPDATE subscription SET end_reason = NULL WHERE status = 'ended'"
    ),
    Breakage(
        "endings", "of Other",
        "UPDATE subscription SET cancelled_at = cycle_start_at - 1 WHERE status = 'past_due'",
    ),
    Breakage(
        "one-episode", "open episodes of seats of Crowded",
        "DROP INDEX uq_episode_open; INSERT INTO episode (public_id, account_id, subscription_id,"
        " metric, state, price_id, used_at_opening, limit_at_opening, opened_at, next_step_at,"
        " times_retold) SELECT 'another', account_id, subscription_id, metric, state, price_id,"
        " used_at_opening, limit_at_opening, opened_at, next_step_at, times_retold FROM episode"
        " WHERE state = 'open'",
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
        "upgrades-taken-back", "upgrade episode-",
        "UPDATE taken_back SET taken_back_at = taken_back_at + 1",
    ),
    Breakage(
        "upgrades-taken-back", "upgrade episode-",
        "UPDATE plan_change SET settled_at = settled_at - 30 * 86400000000"
        " WHERE reason = 'auto_upgrade'",
    ),
    Breakage(
        "upgrades-taken-back", "upgrade episode-",
        "UPDATE plan_change SET replaced = NULL WHERE reason = 'auto_upgrade'",
    ),
    Breakage(
        "upgrades-taken-back", "upgrade episode-",
        "UPDATE plan_change SET reason = 'manual' WHERE reason = 'auto_upgrade'",
    ),
    Breakage(
        "upgrades-taken-back", "upgrade episode-",
        "UPDATE credit_note SET subtotal_minor = subtotal_minor - 1, total_minor = total_minor - 1,"
        " to_method_minor = to_method_minor - 1 WHERE to_method_minor > 0",
    ),
    Breakage(
        "credits-made-again", "credit made again on invoice",
        "DELETE FROM credit_note_line WHERE amount_minor < 0",
    ),
    Breakage(
        "credits-made-again", "credit made again on invoice",
        "UPDATE invoice_line SET after_line_id = source_line_id WHERE after_line_id IS NOT NULL",
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
        "changes-invoiced", "plan change more clients",
        "UPDATE plan_change SET effective_at = effective_at + 31 * 86400000000"
        " WHERE reason = 'add_ons'",
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
        "attempts", "payment-",
        "UPDATE payment SET retry = retry + 1 WHERE retry > 0 AND state = 'created'",
    ),
    Breakage(
        "attempts", "payment-",
        "UPDATE payment SET retry = 3 WHERE retry = 0 AND state = 'declined'",
    ),
    Breakage(
        "sandbox-charges", "payment-",
        "UPDATE sandbox_charge SET state = 'declined' WHERE state = 'paid'",
    ),
    Breakage(
        "refunds-of-payments", "refunds of payment-",
        "UPDATE refund SET amount_minor = 1000000 WHERE state = 'created'",
    ),
    Breakage(
        "refunds-of-payments", "refunds of payment-",
        "UPDATE payment SET state = 'declined' WHERE id IN (SELECT payment_id FROM refund)",
    ),
    Breakage(
        "refunds-of-notes", "refund of credit note CN-2026-",
        "UPDATE refund SET amount_minor = amount_minor - 1",
    ),
    Breakage(
        "refunds-of-notes", "refund of credit note CN-2026-000001",
        "DELETE FROM ledger_transfer WHERE refund_id IS NOT NULL; DELETE FROM refund",
    ),
    Breakage(
        "refunds-carried", "refund-",
        "UPDATE outbox SET state = 'done' WHERE work = 'refund' AND state = 'waiting'",
    ),
    Breakage(
        "refunds-carried", "refund-",
        "UPDATE refund SET settled_at = NULL WHERE state = 'succeeded'",
    ),
    Breakage("sandbox-refunds", "refund-", "DELETE FROM sandbox_refund"),
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
        "events-applied", "stripe event event-1", "UPDATE gateway_event SET applied_at = NULL"
    ),
    Breakage(
        "billing-details", "billing details of Acme",
        f"DELETE FROM billing_details WHERE account_id = {ACME}",
    ),
    Breakage(
        "one-charging-stop", "stops of automatic charging",
        "DROP INDEX uq_charging_stop_running; UPDATE charging_stop SET released_at = NULL;"
        " INSERT INTO charging_stop (is_running, stopped_at, reason) VALUES (1, 0, 'x')",
    ),
    Breakage(
        "price-versions", "price 1", "UPDATE price SET version = 2 WHERE id = 1"
    ),
)  # fmt: skip
