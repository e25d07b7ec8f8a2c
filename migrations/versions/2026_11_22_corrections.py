"""corrections

An unpaid invoice can be voided, and one with wrong details issued again. Everything issued so far
is a first edition, and every credit note one that credits.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_corrections"
down_revision = "2026_11_22_paper"
branch_labels = None
depends_on = None

THAWED = ("invoice", "credit_note")
FROZEN = {
    "credit_note": "UPDATE",
    "invoice": (
        "UPDATE OF id, account_id, subscription_id, series, number, number_text, reason, currency,"
        " subtotal_minor, tax_minor, total_minor, balance_applied_minor, due_minor,"
        " surplus_minor, tax_note, period_start_at, period_end_at, issued_at, vendor, customer,"
        " evidence, language, original_id, edition"
    ),
}


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table in THAWED:
        for action in ("update", "delete"):
            on = f" ON {table}" if is_postgresql else ""
            op.execute(f"DROP TRIGGER {table}_no_{action}{on}")
    _count_editions()
    _say_what_notes_are_for()
    for table, update in FROZEN.items():
        for action in (update, "DELETE"):
            op.execute(_frozen(table, action, is_postgresql))


def _count_editions() -> None:
    op.drop_index("uq_invoice_recurring", "invoice")
    with op.batch_alter_table("invoice") as batch:
        batch.add_column(sa.Column("original_id", sa.Integer()))
        batch.add_column(
            sa.Column("edition", sa.Integer(), nullable=False, server_default=sa.text("1"))
        )
        batch.create_foreign_key(
            batch.f("fk_invoice_account_id_original_id_invoice"),
            "invoice",
            ["account_id", "original_id"],
            ["account_id", "id"],
        )
        batch.create_unique_constraint(
            batch.f("uq_invoice_original_id_edition"), ["original_id", "edition"]
        )
        batch.create_check_constraint(
            batch.f("ck_invoice_editions_counted"),
            "edition >= 1 AND (edition = 1) = (original_id IS NULL)",
        )
        batch.drop_constraint(batch.f("ck_invoice_status_known"), type_="check")
        batch.create_check_constraint(
            batch.f("ck_invoice_status_known"),
            "status IN ('open', 'paid', 'credited', 'void', 'replaced')",
        )
    _unique_where(
        "uq_invoice_recurring",
        "invoice",
        ["subscription_id", "period_start_at"],
        "reason IN ('initial', 'renewal') AND original_id IS NULL",
    )


def _say_what_notes_are_for() -> None:
    with op.batch_alter_table("credit_note") as batch:
        batch.add_column(
            sa.Column("purpose", sa.String(length=32), nullable=False, server_default="credit")
        )
        batch.create_check_constraint(
            batch.f("ck_credit_note_purpose_known"), "purpose IN ('credit', 'void', 'reissue')"
        )
    _unique_where("uq_credit_note_ending", "credit_note", ["invoice_id"], "purpose <> 'credit'")


def _unique_where(name: str, table: str, columns: list[str], where: str) -> None:
    rows = sa.text(where)
    op.create_index(name, table, columns, unique=True, sqlite_where=rows, postgresql_where=rows)


def _frozen(table: str, action: str, is_postgresql: bool) -> str:
    name = f"{table}_no_{action.split()[0].lower()}"
    head = f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW"
    if is_postgresql:
        return f"{head} EXECUTE FUNCTION refuse_change()"
    return f"{head} BEGIN SELECT RAISE(ABORT, '{table} never changes'); END"
