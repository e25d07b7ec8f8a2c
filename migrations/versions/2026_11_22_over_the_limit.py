"""over the limit

Documents, the daily counts, what an account consents to, what an operator says about an episode,
and automatic upgrades that are taken back. What is added is empty at first, but for the counts:
each account's have been what they are since the last thing that happened in it.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_limits"
down_revision = "2026_11_22_billing"
branch_labels = None
depends_on = None

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MICROSECONDS = 86_400_000_000
CLOSED_BECAUSE = {
    "the plan was changed": "plan_changed",
    "the plan was cancelled": "plan_cancelled",
    "answered by the same upgrade": "answered_by_another",
}
WORKS = (
    *("notice", "invoice_pdf", "credit_note_pdf", "payment", "refund", "gateway_event"),
    "document_removal",
)


def upgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    _make_documents()
    _make_counts()
    _make_consents()
    _make_takings_back()
    _add_columns()
    _name_episodes(is_postgresql)
    _keep_reasons_as_keys()
    _let_steps_be_held()
    _let_lines_be_credited_anew(is_postgresql)
    _let_documents_be_removed()
    _begin_daily_counts()
    _count_charges()


def _make_documents() -> None:
    op.create_table(
        "document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("stored_as", sa.String(length=64), nullable=False),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_by_id", sa.Integer(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "client_id IS NOT NULL OR deleted_at IS NOT NULL",
            name=op.f("ck_document_kept_with_client"),
        ),
        sa.CheckConstraint("size_bytes >= 0", name=op.f("ck_document_size_not_negative")),
        sa.ForeignKeyConstraint(
            ["account_id", "client_id"],
            ["client.account_id", "client.id"],
            name=op.f("fk_document_account_id_client_id_client"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_document_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["uploaded_by_id"], ["user_.id"], name=op.f("fk_document_uploaded_by_id_user_")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("account_id", "id", name=op.f("uq_document_account_id_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_document_public_id")),
        sa.UniqueConstraint("stored_as", name=op.f("uq_document_stored_as")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_document_client", "document", ["account_id", "client_id"])


def _make_counts() -> None:
    op.create_table(
        "usage_day",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("limit_value", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "metric IN ('seats', 'clients', 'storage')", name=op.f("ck_usage_day_metric_known")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_usage_day_account_id_account")
        ),
        sa.PrimaryKeyConstraint("account_id", "metric", "day", name=op.f("pk_usage_day")),
    )
    op.create_table(
        "climb_alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("metric", sa.String(length=32), nullable=False),
        sa.Column("level", sa.String(length=32), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("limit_value", sa.BigInteger(), nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "level IN ('near', 'full', 'over')", name=op.f("ck_climb_alert_level_known")
        ),
        sa.CheckConstraint(
            "metric IN ('seats', 'clients', 'storage')", name=op.f("ck_climb_alert_metric_known")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_climb_alert_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_climb_alert")),
    )
    _partial_index(
        "uq_climb_alert_level",
        "climb_alert",
        "account_id",
        "metric",
        "level",
        where="ended_at IS NULL",
        unique=True,
    )


def _make_consents() -> None:
    op.create_table(
        "seat_consent",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("choice", sa.String(length=32), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("chosen_at", sa.BigInteger(), nullable=False),
        sa.Column("chosen_by_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "choice IN ('upgrade', 'hard_cap')", name=op.f("ck_seat_consent_choice_known")
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_seat_consent_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["chosen_by_id"], ["user_.id"], name=op.f("fk_seat_consent_chosen_by_id_user_")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_seat_consent")),
    )
    op.create_index(op.f("ix_seat_consent_account_id"), "seat_consent", ["account_id"])


def _make_takings_back() -> None:
    op.create_table(
        "taken_back",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("plan_change_id", sa.Integer(), nullable=False),
        sa.Column("credit_note_id", sa.Integer(), nullable=False),
        sa.Column("op_id", sa.String(length=64), nullable=False),
        sa.Column("taken_back_at", sa.BigInteger(), nullable=False),
        sa.Column("taken_back_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "credit_note_id"],
            ["credit_note.account_id", "credit_note.id"],
            name=op.f("fk_taken_back_account_id_credit_note_id_credit_note"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "plan_change_id"],
            ["plan_change.account_id", "plan_change.id"],
            name=op.f("fk_taken_back_account_id_plan_change_id_plan_change"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_taken_back_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["taken_back_by_id"], ["user_.id"], name=op.f("fk_taken_back_taken_back_by_id_user_")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taken_back")),
        sa.UniqueConstraint("account_id", "op_id", name=op.f("uq_taken_back_account_id_op_id")),
        sa.UniqueConstraint("credit_note_id", name=op.f("uq_taken_back_credit_note_id")),
        sa.UniqueConstraint("plan_change_id", name=op.f("uq_taken_back_plan_change_id")),
    )


def _add_columns() -> None:
    op.add_column("client_status", sa.Column("colour", sa.String(length=16)))
    op.add_column("episode", sa.Column("public_id", sa.String(length=32)))
    op.add_column("episode", sa.Column("held_at", sa.BigInteger()))
    op.add_column("episode", sa.Column("held_reason", sa.String(length=200)))
    op.add_column("episode", sa.Column("parked_reason", sa.String(length=32)))
    op.add_column("episode", sa.Column("extended_to", sa.BigInteger()))
    op.add_column("episode", sa.Column("extended_reason", sa.String(length=200)))
    op.add_column("episode", sa.Column("extended_due_minor", sa.BigInteger()))
    op.add_column(
        "episode", sa.Column("times_retold", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("usage", sa.Column("over_since", sa.BigInteger()))
    op.add_column("plan_change", sa.Column("replaced", sa.JSON(none_as_null=True)))
    with op.batch_alter_table("notice") as batch:
        batch.add_column(sa.Column("episode_id", sa.Integer()))
        batch.create_index(batch.f("ix_notice_episode_id"), ["episode_id"])
        batch.create_foreign_key(
            batch.f("fk_notice_episode_id_episode"), "episode", ["episode_id"], ["id"]
        )
        batch.drop_constraint(batch.f("ck_notice_state_known"), type_="check")
        batch.create_check_constraint(
            batch.f("ck_notice_state_known"),
            "state IN ('waiting', 'accepted', 'refused', 'withdrawn')",
        )
    op.execute(
        "UPDATE notice SET episode_id = (SELECT episode_id FROM episode_warning"
        " WHERE episode_warning.id = notice.warning_id) WHERE warning_id IS NOT NULL"
    )


def _name_episodes(is_postgresql: bool) -> None:
    """What a link names an episode by: says nothing about how many there are."""
    if is_postgresql:
        op.execute("UPDATE episode SET public_id = md5(random()::text || id)")
    else:
        op.execute("UPDATE episode SET public_id = lower(hex(randomblob(16)))")
    with op.batch_alter_table("episode") as batch:
        batch.alter_column("public_id", existing_type=sa.String(length=32), nullable=False)
        batch.alter_column("times_retold", existing_type=sa.Integer(), server_default=None)
        batch.create_unique_constraint(batch.f("uq_episode_public_id"), ["public_id"])


def _keep_reasons_as_keys() -> None:
    """Why an episode ended was kept as a sentence of many kinds; why it was parked, beside it."""
    op.execute(
        "UPDATE episode SET parked_reason = close_reason, close_reason = NULL"
        " WHERE state = 'parked'"
    )
    op.execute("UPDATE episode SET close_reason = 'within_limit' WHERE state = 'resolved'")
    op.execute("UPDATE episode SET close_reason = 'upgraded' WHERE state = 'upgraded'")
    for sentence, key in CLOSED_BECAUSE.items():
        op.execute(
            f"UPDATE episode SET close_reason = '{key}' WHERE close_reason = '{sentence}'"  # noqa: S608
        )


def _let_steps_be_held() -> None:
    op.drop_index("ix_episode_due", "episode")
    _partial_index(
        "ix_episode_due", "episode", "next_step_at", where="state = 'open' AND held_at IS NULL"
    )


def _let_lines_be_credited_anew(is_postgresql: bool) -> None:
    """A line is credited once, and anew only after a credit note took the former credit back."""
    for action in ("update", "delete"):
        on = " ON invoice_line" if is_postgresql else ""
        op.execute(f"DROP TRIGGER invoice_line_no_{action}{on}")
    with op.batch_alter_table("invoice_line") as batch:
        batch.add_column(sa.Column("after_line_id", sa.Integer()))
        batch.drop_constraint(batch.f("uq_invoice_line_source_line_id"), type_="unique")
        batch.create_unique_constraint(batch.f("uq_invoice_line_after_line_id"), ["after_line_id"])
        batch.create_foreign_key(
            batch.f("fk_invoice_line_account_id_after_line_id_invoice_line"),
            "invoice_line",
            ["account_id", "after_line_id"],
            ["account_id", "id"],
        )
    _partial_index(
        "uq_invoice_line_source",
        "invoice_line",
        "source_line_id",
        where="after_line_id IS NULL",
        unique=True,
    )
    _partial_index(
        "ix_invoice_line_source",
        "invoice_line",
        "source_line_id",
        where="source_line_id IS NOT NULL",
    )
    for action in ("UPDATE", "DELETE"):
        op.execute(_frozen("invoice_line", action, is_postgresql))


def _let_documents_be_removed() -> None:
    works = ", ".join(f"'{work}'" for work in WORKS)
    with op.batch_alter_table("outbox") as batch:
        batch.drop_constraint(batch.f("ck_outbox_work_known"), type_="check")
        batch.create_check_constraint(batch.f("ck_outbox_work_known"), f"work IN ({works})")


def _begin_daily_counts() -> None:
    connection = op.get_bind()
    found = connection.execute(
        sa.text(
            "SELECT account.id, coalesce(max(audit_entry.at), account.created_at) FROM account"
            " LEFT JOIN audit_entry ON audit_entry.account_id = account.id"
            " GROUP BY account.id, account.created_at ORDER BY account.id"
        )
    )
    begin = sa.text(
        "INSERT INTO usage_day (account_id, metric, day, used, limit_value)"
        " SELECT account_id, metric, :day, used, limit_value FROM usage WHERE account_id = :account"
    ).bindparams(sa.bindparam("day", type_=sa.Date()))
    days = [
        {"account": account_id, "day": (EPOCH + timedelta(microseconds=at)).date()}
        for account_id, at in found
    ]
    if days:
        connection.execute(begin, days)


def _count_charges() -> None:
    op.create_table(
        "charging_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("charges", sa.Integer(), nullable=False),
        sa.Column("counted_to_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_charging_day")),
    )
    connection = op.get_bind()
    found = connection.execute(
        sa.text(
            f"SELECT issued_at / {DAY_MICROSECONDS} AS day, count(*), max(id) FROM invoice"  # noqa: S608
            " WHERE reason IN ('renewal', 'auto_upgrade') GROUP BY 1"
        )
    )
    begin = sa.text(
        "INSERT INTO charging_day (day, charges, counted_to_id) VALUES (:day, :charges, :to)"
    ).bindparams(sa.bindparam("day", type_=sa.Date()))
    days = [
        {"day": (EPOCH + timedelta(days=day)).date(), "charges": charges, "to": to}
        for day, charges, to in found
    ]
    if days:
        connection.execute(begin, days)


def _partial_index(name: str, table: str, *columns: str, where: str, unique: bool = False) -> None:
    rows = sa.text(where)
    op.create_index(
        name, table, list(columns), unique=unique, sqlite_where=rows, postgresql_where=rows
    )


def _frozen(table: str, action: str, is_postgresql: bool) -> str:
    head = f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} FOR EACH ROW"
    if is_postgresql:
        return f"{head} EXECUTE FUNCTION refuse_change()"
    return f"{head} BEGIN SELECT RAISE(ABORT, '{table} never changes'); END"
