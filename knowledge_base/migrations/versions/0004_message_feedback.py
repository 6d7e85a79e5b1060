"""Thumbs and comments of customers on single messages."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "message_feedback",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("conversation_id", sa.String(255), index=True),
        sa.Column("message_id", sa.String(64), nullable=False),
        sa.Column("thumbs", sa.String(8)),
        sa.Column("comment", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("thumbs IN ('up', 'down')", name="thumbs"),
        sa.UniqueConstraint("conversation_id", "message_id"),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    op.drop_table("message_feedback")
