"""billing in full

Add-ons, billing details, tax, credit notes, refunds and what the gateways need. The former version
of the portal can't run on the result, so the portal is stopped while this runs.

The order: new tables, new columns, their contents from the old ones, then the constraints that the
contents satisfy, and last the triggers that freeze what was issued.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_billing"
down_revision = "2026_11_22_frozen"
branch_labels = None
depends_on = None

# Frozen before, and given new columns or contents here.
THAWED = ("invoice", "invoice_line", "ledger_transfer")
FROZEN = {
    "invoice_line": None,
    "ledger_transfer": None,
    "credit_note": None,
    "credit_note_line": None,
    "credit_note_document": None,
    "invoice": (
        "id, account_id, subscription_id, series, number, number_text, reason, currency,"
        " subtotal_minor, tax_minor, total_minor, balance_applied_minor, due_minor,"
        " surplus_minor, tax_note, period_start_at, period_end_at, issued_at, vendor, customer,"
        " evidence"
    ),
}

# Checks that are let go, and those that hold once the contents are in place.
REPLACED = {
    "invoice": ("total_adds_up", "status_known", "reason_known"),
    "outbox": ("work_known",),
    "plan_change": ("reason_known",),
}
ADDED = {
    "invoice": {
        "total_adds_up": "total_minor = subtotal_minor + tax_minor + surplus_minor",
        "surplus_of_nothing_due": "surplus_minor = 0 OR total_minor = 0",
        "credited_within_due": "credited_minor BETWEEN 0 AND due_minor",
        "status_known": "status IN ('open', 'paid', 'credited')",
        "reason_known": "reason IN ('initial', 'renewal', 'plan_change', 'add_ons', 'auto_upgrade')",
    },
    "outbox": {
        "work_known": (
            "work IN ('notice', 'invoice_pdf', 'credit_note_pdf', 'payment', 'refund',"
            " 'gateway_event')"
        )
    },
    "payment": {"retry_known": "retry BETWEEN 0 AND 3"},
    "plan_change": {
        "reason_known": "reason IN ('initial', 'manual', 'add_ons', 'auto_upgrade')",
    },
    "sandbox_charge": {"state_known": "state IN ('waiting', 'paid', 'declined')"},
    "subscription": {
        "end_reason_known": "end_reason IN ('cancelled', 'unpaid')",
        "end_is_told": "(status = 'ended') = (ended_at IS NOT NULL)",
    },
}
# Columns that are never empty: made with a value or filled below, and then held to it.
FILLED = {
    "invoice": ("credited_minor", "tax_note"),
    "invoice_line": (
        *("base_minor", "quantity", "days", "days_in_cycle"),
        *("tax_name", "tax_basis_points", "tax_minor"),
    ),
    "payment": ("retry", "on_session"),
    "plan_change": ("to_add_ons",),
    "sandbox_charge": ("state",),
}
DROPPED = {"sandbox_charge": ("succeeded",)}
REFERENCES = {
    "invoice_line": {
        "fk_invoice_line_add_on_price_id_add_on_price": (
            "add_on_price",
            ["add_on_price_id"],
            ["id"],
        )
    },
    "ledger_transfer": {
        "fk_ledger_transfer_account_id_credit_note_id_credit_note": (
            "credit_note",
            ["account_id", "credit_note_id"],
            ["account_id", "id"],
        ),
        "fk_ledger_transfer_account_id_refund_id_refund": (
            "refund",
            ["account_id", "refund_id"],
            ["account_id", "id"],
        ),
    },
}


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table in THAWED:
        for action in ("update", "delete"):
            on = f" ON {table}" if is_postgresql else ""
            op.execute(f"DROP TRIGGER {table}_no_{action}{on}")
    _make_catalog_tables()
    _make_account_tables()
    _make_credit_notes()
    _make_refunds()
    _add_columns()
    _let_go_of_checks()
    _move_billing_details()
    _fill_lines()
    _keep_surplus_beside_lines(is_postgresql)
    _book_surplus_apart()
    _restate_drafts()
    _fill_outcomes()
    for table in sorted({*FILLED, *ADDED, *REFERENCES}):
        _hold(table)
    for table, columns in FROZEN.items():
        for action in (f"UPDATE OF {columns}" if columns else "UPDATE", "DELETE"):
            op.execute(_trigger(table, action, is_postgresql))


def _make_catalog_tables() -> None:
    op.create_table(
        "charging_stop",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("is_running", sa.Integer(), nullable=False),
        sa.Column("stopped_at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("is_running = 1", name=op.f("ck_charging_stop_is_running_is_1")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_charging_stop")),
    )
    op.create_index(
        "uq_charging_stop_running",
        "charging_stop",
        ["is_running"],
        unique=True,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "gateway_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.String(length=16), nullable=False),
        sa.Column("event_id", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gateway_event")),
        sa.UniqueConstraint("gateway", "event_id", name=op.f("uq_gateway_event_gateway_event_id")),
    )
    op.create_table(
        "tax_rate",
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("basis_points", sa.Integer(), nullable=False),
        sa.Column("reverse_charge", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "basis_points BETWEEN 0 AND 10000", name=op.f("ck_tax_rate_rate_possible")
        ),
        sa.PrimaryKeyConstraint("country", name=op.f("pk_tax_rate")),
    )
    op.create_table(
        "sandbox_refund",
        sa.Column("idempotency_key", sa.String(length=80), nullable=False),
        sa.Column("charge_key", sa.String(length=80), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(
            ["charge_key"],
            ["sandbox_charge.idempotency_key"],
            name=op.f("fk_sandbox_refund_charge_key_sandbox_charge"),
        ),
        sa.PrimaryKeyConstraint("idempotency_key", name=op.f("pk_sandbox_refund")),
    )


def _make_account_tables() -> None:
    op.create_table(
        "billing_details",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("company", sa.String(length=120), nullable=False),
        sa.Column("address", sa.JSON(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("tax_id", sa.String(length=32), nullable=False),
        sa.Column("po_number", sa.String(length=60), nullable=False),
        sa.Column("invoice_emails", sa.JSON(), nullable=False),
        sa.Column("tax_exempt_reason", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_billing_details_account_id_account")
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_billing_details")),
    )
    op.create_table(
        "gateway_customer",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.String(length=16), nullable=False),
        sa.Column("reference", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_gateway_customer_account_id_account")
        ),
        sa.PrimaryKeyConstraint("account_id", "gateway", name=op.f("pk_gateway_customer")),
        sa.UniqueConstraint(
            "gateway", "reference", name=op.f("uq_gateway_customer_gateway_reference")
        ),
    )
    op.create_table(
        "subscription_add_on",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.Integer(), nullable=False),
        sa.Column("add_on_price_id", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("renewing", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_subscription_add_on_quantity_positive")),
        sa.CheckConstraint(
            "renewing BETWEEN 0 AND quantity",
            name=op.f("ck_subscription_add_on_renewing_within_quantity"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "subscription_id"],
            ["subscription.account_id", "subscription.id"],
            name=op.f("fk_subscription_add_on_account_id_subscription_id_subscription"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_subscription_add_on_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["add_on_price_id"],
            ["add_on_price.id"],
            name=op.f("fk_subscription_add_on_add_on_price_id_add_on_price"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription_add_on")),
        sa.UniqueConstraint(
            "subscription_id",
            "add_on_price_id",
            name=op.f("uq_subscription_add_on_subscription_id_add_on_price_id"),
        ),
    )


def _make_credit_notes() -> None:
    op.create_table(
        "credit_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("series", sa.String(length=16), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("number_text", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("subtotal_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("off_invoice_minor", sa.BigInteger(), nullable=False),
        sa.Column("to_balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("to_method_minor", sa.BigInteger(), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("vendor", sa.JSON(), nullable=False),
        sa.Column("customer", sa.JSON(), nullable=False),
        sa.CheckConstraint(
            "off_invoice_minor >= 0 AND to_balance_minor >= 0 AND to_method_minor >= 0",
            name=op.f("ck_credit_note_parts_not_negative"),
        ),
        sa.CheckConstraint(
            "total_minor = off_invoice_minor + to_balance_minor + to_method_minor",
            name=op.f("ck_credit_note_division_adds_up"),
        ),
        sa.CheckConstraint(
            "total_minor = subtotal_minor + tax_minor", name=op.f("ck_credit_note_total_adds_up")
        ),
        sa.CheckConstraint("total_minor > 0", name=op.f("ck_credit_note_total_positive")),
        sa.ForeignKeyConstraint(
            ["account_id", "invoice_id"],
            ["invoice.account_id", "invoice.id"],
            name=op.f("fk_credit_note_account_id_invoice_id_invoice"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_credit_note_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["series"], ["invoice_series.key"], name=op.f("fk_credit_note_series_invoice_series")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_note")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_credit_note_account_id_id")),
        sa.UniqueConstraint("number_text", name=op.f("uq_credit_note_number_text")),
        sa.UniqueConstraint("series", "number", name=op.f("uq_credit_note_series_number")),
    )
    op.create_index("ix_credit_note_account", "credit_note", ["account_id", "issued_at"])
    op.create_table(
        "credit_note_document",
        sa.Column("credit_note_id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("template", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("rendered_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "credit_note_id"],
            ["credit_note.account_id", "credit_note.id"],
            name=op.f("fk_credit_note_document_account_id_credit_note_id_credit_note"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_credit_note_document_account_id_account")
        ),
        sa.PrimaryKeyConstraint("credit_note_id", name=op.f("pk_credit_note_document")),
    )
    op.create_table(
        "credit_note_line",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("credit_note_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("invoice_line_id", sa.Integer(), nullable=False),
        sa.Column("description", sa.String(length=300), nullable=False),
        sa.Column("explanation", sa.String(length=300), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_name", sa.String(length=40), nullable=False),
        sa.Column("tax_basis_points", sa.Integer(), nullable=False),
        sa.Column("tax_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id", "credit_note_id"],
            ["credit_note.account_id", "credit_note.id"],
            name=op.f("fk_credit_note_line_account_id_credit_note_id_credit_note"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "invoice_line_id"],
            ["invoice_line.account_id", "invoice_line.id"],
            name=op.f("fk_credit_note_line_account_id_invoice_line_id_invoice_line"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_credit_note_line_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credit_note_line")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_credit_note_line_account_id_id")),
        sa.UniqueConstraint(
            "credit_note_id", "position", name=op.f("uq_credit_note_line_credit_note_id_position")
        ),
        sa.UniqueConstraint("invoice_line_id", name=op.f("uq_credit_note_line_invoice_line_id")),
    )


def _make_refunds() -> None:
    op.create_table(
        "refund",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("credit_note_id", sa.Integer(), nullable=False),
        sa.Column("payment_id", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("idempotency_key", sa.String(length=80), nullable=False),
        sa.Column("gateway_reference", sa.String(length=120), nullable=True),
        sa.Column("failure", sa.String(length=200), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "state IN ('created', 'processing', 'unknown', 'succeeded', 'declined')",
            name=op.f("ck_refund_state_known"),
        ),
        sa.CheckConstraint("amount_minor > 0", name=op.f("ck_refund_amount_positive")),
        sa.ForeignKeyConstraint(
            ["account_id", "credit_note_id"],
            ["credit_note.account_id", "credit_note.id"],
            name=op.f("fk_refund_account_id_credit_note_id_credit_note"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "payment_id"],
            ["payment.account_id", "payment.id"],
            name=op.f("fk_refund_account_id_payment_id_payment"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_refund_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refund")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_refund_account_id_id")),
        sa.UniqueConstraint("credit_note_id", name=op.f("uq_refund_credit_note_id")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_refund_idempotency_key")),
    )


def _add_columns() -> None:
    """A column that begins with the same value in every row gets it without rewriting the table."""
    columns = {
        "account": (
            sa.Column("parked_at", sa.BigInteger()),
            sa.Column("parked_reason", sa.String(length=300)),
        ),
        "invoice": (
            sa.Column("credited_minor", sa.BigInteger(), nullable=False, server_default="0"),
            sa.Column("tax_note", sa.String(length=300), nullable=False, server_default=""),
        ),
        "invoice_line": (
            sa.Column("base_minor", sa.BigInteger()),
            sa.Column("quantity", sa.Integer(), nullable=False, server_default="1"),
            sa.Column("days", sa.Integer()),
            sa.Column("days_in_cycle", sa.Integer()),
            sa.Column("tax_name", sa.String(length=40), nullable=False, server_default=""),
            sa.Column("tax_basis_points", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("tax_minor", sa.BigInteger(), nullable=False, server_default="0"),
            sa.Column("add_on_price_id", sa.Integer()),
        ),
        "ledger_transfer": (
            sa.Column("credit_note_id", sa.Integer()),
            sa.Column("refund_id", sa.Integer()),
        ),
        "payment": (
            sa.Column("retry", sa.Integer(), nullable=False, server_default="0"),
            sa.Column("on_session", sa.Boolean(), nullable=False, server_default=sa.false()),
            sa.Column("action_url", sa.String(length=2000)),
            sa.Column("call_off_at", sa.BigInteger()),
        ),
        "plan_change": (sa.Column("to_add_ons", sa.JSON(), nullable=False, server_default="[]"),),
        "sandbox_charge": (sa.Column("state", sa.String(length=32)),),
        "subscription": (
            sa.Column("cancelled_at", sa.BigInteger()),
            sa.Column("end_reason", sa.String(length=32)),
        ),
    }
    for table, added in columns.items():
        for column in added:
            op.add_column(table, column)


def _let_go_of_checks() -> None:
    """The contents change between the old checks and the new ones."""
    for table, names in REPLACED.items():
        with op.batch_alter_table(table) as batch:
            for name in names:
                batch.drop_constraint(batch.f(f"ck_{table}_{name}"), type_="check")


def _move_billing_details() -> None:
    op.execute(
        "INSERT INTO billing_details"
        " (account_id, company, address, country, tax_id, po_number, invoice_emails)"
        " SELECT id, name, address, country, '', '', '[]' FROM account"
    )
    for column in ("address", "country"):
        op.drop_column("account", column)


def _fill_lines() -> None:
    """Each line was one whole cycle of a plan, or the days that were left of another line's.

    A day is 86400000000 microseconds.
    """
    op.execute(
        "UPDATE invoice_line SET base_minor = amount_minor,"
        " days = (period_end_at - period_start_at) / 86400000000,"
        " days_in_cycle = (period_end_at - period_start_at) / 86400000000"
        " WHERE source_line_id IS NULL"
    )
    op.execute(
        "UPDATE invoice_line SET base_minor = source.amount_minor,"
        " days = COALESCE("
        "(invoice_line.period_end_at - invoice_line.period_start_at) / 86400000000, 0),"
        " days_in_cycle = (source.period_end_at - source.period_start_at) / 86400000000"
        " FROM invoice_line AS source WHERE source.id = invoice_line.source_line_id"
    )


def _keep_surplus_beside_lines(is_postgresql: bool) -> None:
    """A credit stood on the invoice only as far as it was charged against; now the whole of it
    does, and what is kept as balance is a sum of the invoice."""
    amount, explanation = sa.column("amount_minor"), sa.column("explanation", sa.String())
    names = ("invoice_id", "source_line_id")
    line = sa.table("invoice_line", amount, explanation, *(sa.column(name) for name in names))
    invoice = sa.table("invoice", sa.column("id"), sa.column("surplus_minor"))
    position = sa.func.strpos if is_postgresql else sa.func.instr
    op.execute(
        sa.update(line)
        .values(
            amount_minor=amount - invoice.c.surplus_minor,
            explanation=sa.func.substr(explanation, 1, position(explanation + ";", ";") - 1),
        )
        .where(
            invoice.c.id == line.c.invoice_id,
            invoice.c.surplus_minor > 0,
            line.c.source_line_id.is_not(None),
        )
    )
    op.execute(
        "UPDATE invoice SET subtotal_minor = subtotal_minor - surplus_minor WHERE surplus_minor > 0"
    )


def _book_surplus_apart() -> None:
    """The same restatement in the ledger: no balance of any ledger account changes by it."""
    op.execute(
        "UPDATE ledger_transfer SET amount_minor = amount_minor + invoice.surplus_minor"
        " FROM invoice WHERE invoice.surplus_minor > 0"
        " AND ledger_transfer.account_id = invoice.account_id"
        " AND ledger_transfer.event = 'invoice\\:' || invoice.id || '\\:credited'"
    )
    op.execute(
        "INSERT INTO ledger_transfer (account_id, event, debit, credit, amount_minor, currency,"
        " occurred_at, invoice_id)"
        " SELECT account_id, 'invoice\\:' || id || '\\:credited', 'revenue', 'receivable',"
        " surplus_minor, currency, issued_at, id FROM invoice WHERE surplus_minor > 0"
        " AND NOT EXISTS (SELECT 1 FROM ledger_transfer"
        " WHERE ledger_transfer.account_id = invoice.account_id"
        " AND ledger_transfer.event = 'invoice\\:' || invoice.id || '\\:credited')"
    )
    op.execute(
        "UPDATE ledger_transfer SET debit = 'receivable',"
        " event = 'invoice\\:' || invoice_id || '\\:surplus'"
        " WHERE event = 'invoice\\:' || invoice_id || '\\:kept'"
    )


def _restate_drafts() -> None:
    """What was confirmed and still waits is carried out later, from the draft that was kept."""
    bind = op.get_bind()
    draft = sa.column("invoice_draft", sa.JSON())
    names = ("id", "state", "subscription_id")
    change = sa.table("plan_change", draft, *(sa.column(name) for name in names))
    waiting = sa.select(change).where(change.c.state.in_(("pending", "scheduled")))
    for row in bind.execute(waiting).all():
        credited = bind.scalar(_CHARGED, {"subscription_id": row.subscription_id})
        restated = _restated(row.invoice_draft, credited)
        bind.execute(sa.update(change).where(change.c.id == row.id).values(invoice_draft=restated))


_CHARGED = sa.text(
    "SELECT invoice_line.id FROM invoice_line"
    " JOIN invoice ON invoice.id = invoice_line.invoice_id"
    " JOIN subscription ON subscription.account_id = invoice.account_id"
    " AND subscription.id = invoice.subscription_id"
    " AND subscription.cycle_start_at = invoice.period_start_at"
    " WHERE subscription.id = :subscription_id AND invoice_line.kind = 'plan'"
    " ORDER BY invoice.id DESC LIMIT 1"
)


def _restated(draft: dict[str, Any], credited: int | None) -> dict[str, Any]:
    """The draft as drafts are kept now; `credited` is the line its credit gives back."""
    sums = {name: draft[name] for name in ("tax", "total", "balance_applied", "due")}
    surplus, currency = draft["surplus_credit"]
    return {
        **sums,
        "lines": [_restated_line(line, surplus, credited) for line in draft["lines"]],
        "currency": currency,
        "subtotal": [draft["subtotal"][0] - surplus, currency],
        "surplus": [surplus, currency],
        "tax_note": "",
    }


def _restated_line(line: dict[str, Any], surplus: int, credited: int | None) -> dict[str, Any]:
    same = ("kind", "description", "base", "days", "days_in_cycle")
    is_credit = line["kind"] == "unused_time"
    amount, currency = line["amount"]
    period = {"start_at": line["period_start_at"], "end_at": line["period_end_at"]}
    return {
        **{name: line[name] for name in same},
        "explanation": line["explanation"].split(";")[0],
        "quantity": 1,
        "amount": [amount - surplus if is_credit else amount, currency],
        "tax": {"name": "", "basis_points": 0, "note": ""},
        "tax_amount": [0, currency],
        "period": period if line["period_start_at"] else None,
        "source_line_id": credited if is_credit else None,
        "add_on_price_id": None,
    }


def _fill_outcomes() -> None:
    op.execute(
        "UPDATE sandbox_charge SET state = CASE WHEN succeeded THEN 'paid' ELSE 'declined' END"
    )
    op.execute("UPDATE subscription SET end_reason = 'unpaid' WHERE status = 'ended'")
    op.execute(
        "UPDATE payment SET retry = attempt.place FROM (SELECT id, row_number()"
        " OVER (PARTITION BY invoice_id ORDER BY id) - 1 AS place FROM payment"
        " WHERE invoice_id IS NOT NULL AND plan_change_id IS NULL) AS attempt"
        " WHERE attempt.id = payment.id AND attempt.place > 0"
    )


def _hold(table: str) -> None:
    """Make a table ask of its rows what it has to; on SQLite by making the table anew."""
    with op.batch_alter_table(table) as batch:
        for column in FILLED.get(table, ()):
            batch.alter_column(column, nullable=False, server_default=None)
        for column in DROPPED.get(table, ()):
            batch.drop_column(column)
        for name, condition in ADDED.get(table, {}).items():
            batch.create_check_constraint(batch.f(f"ck_{table}_{name}"), condition)
        for name, (referred, local, remote) in REFERENCES.get(table, {}).items():
            batch.create_foreign_key(batch.f(name), referred, local, remote)


def _trigger(table: str, action: str, is_postgresql: bool) -> str:
    name = f"{table}_no_{action.split()[0].lower()}"
    head = f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW"
    if is_postgresql:
        return f"{head} EXECUTE FUNCTION refuse_change()"
    return f"{head} BEGIN SELECT RAISE(ABORT, '{table} never changes'); END"
