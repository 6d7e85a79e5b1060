"""The words of the full-text index with their frequencies (SQLite); PostgreSQL keeps such statistics itself."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the view of SQLite's index; it holds nothing of its own."""
    if _is_sqlite():
        op.execute("CREATE VIRTUAL TABLE passages_fts_vocabulary USING fts5vocab(passages_fts, 'row')")


def downgrade() -> None:
    """Drop it, and on PostgreSQL the vectors that search may have made for its index."""
    if _is_sqlite():
        op.execute("DROP TABLE passages_fts_vocabulary")
    else:
        op.execute("DROP TABLE IF EXISTS passage_vectors")


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
