"""questions to addresses

Those of a day are found without looking at every email: how often an address was asked is counted
over all accounts.
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_23_questions"
down_revision = "2026_11_22_corrections"
branch_labels = None
depends_on = None

QUESTIONS = sa.text("name = 'invoice_address'")


def upgrade() -> None:
    op.create_index(
        "ix_notice_question",
        "notice",
        ["created_at"],
        sqlite_where=QUESTIONS,
        postgresql_where=QUESTIONS,
    )
