"""on paper

Invoices for accounting software beside the PDFs, files of many invoices, links for people who
don't sign in, who is sent what, and in which language. What is added is empty at first; everybody
who got invoices by email goes on getting them: the addresses of the billing details count as
confirmed.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_paper"
down_revision = "2026_11_22_limits"
branch_labels = None
depends_on = None

WORKS = (
    *("notice", "invoice_pdf", "credit_note_pdf", "payment", "refund", "gateway_event"),
    *("document_removal", "invoice_export"),
)
LANGUAGES = ("en", "de", "fr", "es", "pt", "nl")


def upgrade() -> None:
    _make_exports()
    _make_links()
    _make_addresses()
    _confirm_those_of_before()
    for table in ("invoice_document", "credit_note_document"):
        op.add_column(table, sa.Column("ubl_sha256", sa.String(length=64)))
        op.add_column(table, sa.Column("ubl_size_bytes", sa.Integer()))
    op.add_column(
        "membership",
        sa.Column("wants_invoices", sa.Boolean(), nullable=False, server_default=sa.true()),
    )
    _name_papers_of_notices()
    _let_exports_be_made()
    _choose_languages()


def _make_exports() -> None:
    op.create_table(
        "invoice_export",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("op_id", sa.String(length=64), nullable=False),
        sa.Column("requested_by_id", sa.Integer(), nullable=True),
        sa.Column("requested_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("numbers", sa.JSON(), nullable=False),
        sa.Column("since_at", sa.BigInteger(), nullable=True),
        sa.Column("before_at", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("made_of", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.JSON(), nullable=False),
        sa.Column("stored_as", sa.String(length=64), nullable=True),
        sa.Column("size_bytes", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("ready_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("made_of >= 0", name=op.f("ck_invoice_export_made_of_not_negative")),
        sa.CheckConstraint(
            "(state = 'ready') = (size_bytes IS NOT NULL)",
            name=op.f("ck_invoice_export_ready_has_a_file"),
        ),
        sa.CheckConstraint(
            "(kind = 'statement') = (since_at IS NOT NULL AND before_at IS NOT NULL)",
            name=op.f("ck_invoice_export_statement_has_a_time"),
        ),
        sa.CheckConstraint(
            "kind IN ('archive', 'statement')", name=op.f("ck_invoice_export_kind_known")
        ),
        sa.CheckConstraint(
            "state IN ('waiting', 'ready', 'failed', 'removed')",
            name=op.f("ck_invoice_export_state_known"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_invoice_export_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["requested_by_id"],
            ["user_.id"],
            name=op.f("fk_invoice_export_requested_by_id_user_"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_export")),
        sa.UniqueConstraint("account_id", "op_id", name=op.f("uq_invoice_export_account_id_op_id")),
        sa.UniqueConstraint("public_id", name=op.f("uq_invoice_export_public_id")),
        sa.UniqueConstraint("stored_as", name=op.f("uq_invoice_export_stored_as")),
    )
    op.create_index("ix_invoice_export_account", "invoice_export", ["account_id", "requested_at"])


def _make_links() -> None:
    op.create_table(
        "invoice_link",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("invoice_id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("made_by_id", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("last_opened_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id", "invoice_id"],
            ["invoice.account_id", "invoice.id"],
            name=op.f("fk_invoice_link_account_id_invoice_id_invoice"),
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_invoice_link_account_id_account")
        ),
        sa.ForeignKeyConstraint(
            ["made_by_id"], ["user_.id"], name=op.f("fk_invoice_link_made_by_id_user_")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_link")),
        sa.UniqueConstraint("public_id", name=op.f("uq_invoice_link_public_id")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_invoice_link_token_sha256")),
    )
    op.create_index("ix_invoice_link_invoice", "invoice_link", ["invoice_id"])


def _make_addresses() -> None:
    op.create_table(
        "invoice_address",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_invoice_address_account_id_account")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invoice_address")),
        sa.UniqueConstraint(
            "account_id", "email", name=op.f("uq_invoice_address_account_id_email")
        ),
    )


def _confirm_those_of_before() -> None:
    """Since when they are there nobody wrote down: since the account is."""
    details = sa.table(
        "billing_details", sa.column("account_id"), sa.column("invoice_emails", sa.JSON())
    )
    account = sa.table("account", sa.column("id"), sa.column("created_at"))
    names = ("account_id", "email", "added_at", "confirmed_at")
    address = sa.table("invoice_address", *(sa.column(name) for name in names))
    found = op.get_bind().execute(
        sa.select(account.c.id, account.c.created_at, details.c.invoice_emails).join_from(
            account, details, details.c.account_id == account.c.id
        )
    )
    rows = [
        dict(zip(names, (account_id, email, at, at), strict=True))
        for account_id, at, emails in found
        for email in dict.fromkeys(each.lower() for each in emails)
    ]
    op.bulk_insert(address, rows)


def _name_papers_of_notices() -> None:
    """What an email was about, so that a paper's page can say to whom it was sent, and when; which
    PDF it brings; and the link by which an address says that invoices come there, or no more."""
    with op.batch_alter_table("notice") as batch:
        batch.add_column(sa.Column("document_by", sa.BigInteger()))
        batch.add_column(sa.Column("enclosed_sha256", sa.String(length=64)))
        batch.add_column(sa.Column("token_sha256", sa.String(length=64)))
        batch.create_unique_constraint(batch.f("uq_notice_token_sha256"), ["token_sha256"])
        for table in ("invoice", "credit_note"):
            batch.add_column(sa.Column(f"{table}_id", sa.Integer()))
            batch.create_index(batch.f(f"ix_notice_{table}_id"), [f"{table}_id"])
            batch.create_foreign_key(
                batch.f(f"fk_notice_{table}_id_{table}"), table, [f"{table}_id"], ["id"]
            )


def _let_exports_be_made() -> None:
    works = ", ".join(f"'{work}'" for work in WORKS)
    with op.batch_alter_table("outbox") as batch:
        batch.drop_constraint(batch.f("ck_outbox_work_known"), type_="check")
        batch.create_check_constraint(batch.f("ck_outbox_work_known"), f"work IN ({works})")


def _choose_languages() -> None:
    """What an account's documents are written in, and what each was: so far all were English.

    In SQL, as SQLite would make the tables anew for a check, without their triggers.
    """
    languages = ", ".join(f"'{language}'" for language in LANGUAGES)
    for table in ("account", "invoice", "credit_note"):
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN language VARCHAR(2) DEFAULT 'en' NOT NULL"
            f" CONSTRAINT ck_{table}_language_known CHECK (language IN ({languages}))"
        )
