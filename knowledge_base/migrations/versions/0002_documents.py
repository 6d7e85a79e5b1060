"""Documents: provenance, audience, validity and publication of articles; passages that are not live stand apart."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What every article that is there came from.
FIRST_COLLECTION = "data/knowledge"

ARTICLE_COLUMNS = (
    sa.Column("collection", sa.String(200), nullable=False, server_default=""),
    sa.Column("source", sa.String(500), nullable=False, server_default=""),
    sa.Column("format", sa.String(12), nullable=False, server_default="markdown"),
    sa.Column("version", sa.String(60)),
    sa.Column("author", sa.String(200)),
    sa.Column("dated", sa.Date()),
    sa.Column("language", sa.String(12), nullable=False, server_default="en"),
    sa.Column("audience", sa.String(60)),
    sa.Column("valid_from", sa.Date()),
    sa.Column("valid_until", sa.Date()),
    sa.Column("findings", sa.Text()),
    sa.Column("import_version", sa.Integer(), nullable=False, server_default="0"),
    sa.Column("approved_hash", sa.String(64)),
    sa.Column("reviewed_by", sa.String(80)),
    sa.Column("reviewed_at", sa.DateTime(timezone=True)),
)
# SQLite adds no constraint to a table, only one that comes with a column; the line break ends the check for
# SQLAlchemy, which reads constraints back line by line.
STATUS_COLUMN = """
    ALTER TABLE articles ADD COLUMN status VARCHAR(12) NOT NULL
    CONSTRAINT ck_articles_status CHECK (status IN ('published', 'draft', 'held', 'rejected', 'retired'))
    DEFAULT 'published'
"""
PASSAGE_COLUMNS = (
    sa.Column("page", sa.Integer()),
    sa.Column("language", sa.String(12), nullable=False, server_default="en"),
    sa.Column("embedded_hash", sa.String(64)),
)

# PostgreSQL stems by the passage's language; one that it has no dictionary for is indexed word for word.
TEXT_SEARCH_CONFIGURATIONS = {
    "da": "danish",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fi": "finnish",
    "fr": "french",
    "hu": "hungarian",
    "it": "italian",
    "nl": "dutch",
    "no": "norwegian",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "tr": "turkish",
}


def upgrade() -> None:
    """Add the columns, the products of articles and the shelf, and index each passage in its language."""
    for column in ARTICLE_COLUMNS:
        op.add_column("articles", column.copy())
    op.execute(STATUS_COLUMN)
    op.create_index("ix_articles_collection", "articles", ["collection"])
    articles = sa.table(
        "articles",
        sa.column("slug"),
        sa.column("collection"),
        sa.column("source"),
        sa.column("status"),
        sa.column("retired_at"),
    )
    op.execute(
        articles.update().values(
            collection=FIRST_COLLECTION,
            source=articles.c.slug + ".md",
            status=sa.case((articles.c.retired_at.is_(None), "published"), else_="retired"),
        )
    )
    for column in PASSAGE_COLUMNS:
        op.add_column("passages", column.copy())
    op.create_table(
        "article_products",
        sa.Column("article_id", sa.Integer(), sa.ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("product", sa.String(120), primary_key=True, index=True),
    )
    op.create_table(
        "shelved_passages",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("heading", sa.String(300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("token_count", sa.Integer(), nullable=False),
        sa.Column("embedding", sa.LargeBinary()),
        *(column.copy() for column in PASSAGE_COLUMNS),
        sa.Column("article_id", sa.Integer(), sa.ForeignKey("articles.id", ondelete="CASCADE"), nullable=False),
        sa.UniqueConstraint("article_id", "position"),
        sqlite_autoincrement=True,
    )
    if not _is_sqlite():
        cases = " ".join(
            f"WHEN '{language}' THEN '{configuration}'::regconfig"
            for language, configuration in TEXT_SEARCH_CONFIGURATIONS.items()
        )
        _index_full_text(f"CASE language {cases} ELSE 'simple'::regconfig END")


def downgrade() -> None:
    """Drop what was added. Articles that are not live stay without passages."""
    if not _is_sqlite():
        _index_full_text("'english'")
    op.drop_table("shelved_passages")
    op.drop_table("article_products")
    for column in PASSAGE_COLUMNS:
        op.drop_column("passages", column.name)
    op.drop_index("ix_articles_collection", "articles")
    op.drop_column("articles", "status")
    for column in ARTICLE_COLUMNS:
        op.drop_column("articles", column.name)


def _is_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _index_full_text(configuration: str) -> None:
    """Make PostgreSQL's generated column anew; `configuration` is an SQL expression for the language."""
    op.execute("ALTER TABLE passages DROP COLUMN search_vector")
    op.execute(
        f"""
        ALTER TABLE passages ADD COLUMN search_vector tsvector GENERATED ALWAYS AS (
            setweight(to_tsvector({configuration}, title), 'A')
            || setweight(to_tsvector({configuration}, heading), 'B')
            || setweight(to_tsvector({configuration}, text), 'C')
        ) STORED
        """
    )
    op.execute("CREATE INDEX ix_passages_search_vector ON passages USING gin (search_vector)")
