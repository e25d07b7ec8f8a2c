"""what never changes once written

The database refuses it, whatever the code does: issued invoices and their lines and files, the
ledger, the audit trail, and prices that were sold.
"""

from alembic import op

revision = "2026_11_22_frozen"
down_revision = "2026_11_22_first"
branch_labels = None
depends_on = None

FROZEN = {
    "invoice_line": None,
    "invoice_document": None,
    "ledger_transfer": None,
    "audit_entry": None,
    "invoice": (
        "id, account_id, subscription_id, series, number, number_text, reason, currency,"
        " subtotal_minor, tax_minor, total_minor, balance_applied_minor, due_minor,"
        " surplus_minor, period_start_at, period_end_at, issued_at, vendor, customer, evidence"
    ),
    "price": "id, tier_id, interval, currency, amount_minor, version, offered_at",
    "add_on_price": "id, add_on_id, interval, currency, amount_minor, version, offered_at",
}


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    if is_postgresql:
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$"
            " BEGIN RAISE EXCEPTION '% never changes', TG_TABLE_NAME; END $$"
        )
    for table, columns in FROZEN.items():
        for action in (f"UPDATE OF {columns}" if columns else "UPDATE", "DELETE"):
            op.execute(_trigger(table, action, is_postgresql))


def _trigger(table: str, action: str, is_postgresql: bool) -> str:
    name = f"{table}_no_{action.split()[0].lower()}"
    head = f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW"
    if is_postgresql:
        return f"{head} EXECUTE FUNCTION refuse_change()"
    return f"{head} BEGIN SELECT RAISE(ABORT, '{table} never changes'); END"
