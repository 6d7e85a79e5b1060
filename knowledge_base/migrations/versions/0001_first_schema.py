"""First schema: shop, service and knowledge tables, and the full-text index over passages."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "customers",
    "addresses",
    "categories",
    "products",
    "stock",
    "orders",
    "order_items",
    "order_events",
    "shipments",
    "shipment_events",
    "returns",
    "return_items",
    "refunds",
    "claims",
    "tickets",
    "verification_codes",
    "verified_conversations",
    "outbox",
    "conversation_outcomes",
    "ratings",
    "stores",
    "policies",
    "vouchers",
    "articles",
    "passages",
    "knowledge_state",
)  # in the order in which they can be made

# External content: the index holds no copy of the text, and the triggers keep it in step with every write.
SQLITE_FULL_TEXT = (
    """
    CREATE VIRTUAL TABLE passages_fts USING fts5(
        title, heading, text,
        content='passages', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2'
    )
    """,
    """
    CREATE TRIGGER passages_fts_insert AFTER INSERT ON passages BEGIN
        INSERT INTO passages_fts(rowid, title, heading, text)
        VALUES (new.id, new.title, new.heading, new.text);
    END
    """,
    """
    CREATE TRIGGER passages_fts_delete AFTER DELETE ON passages BEGIN
        INSERT INTO passages_fts(passages_fts, rowid, title, heading, text)
        VALUES ('delete', old.id, old.title, old.heading, old.text);
    END
    """,
    """
    CREATE TRIGGER passages_fts_update AFTER UPDATE OF title, heading, text ON passages BEGIN
        INSERT INTO passages_fts(passages_fts, rowid, title, heading, text)
        VALUES ('delete', old.id, old.title, old.heading, old.text);
        INSERT INTO passages_fts(rowid, title, heading, text)
        VALUES (new.id, new.title, new.heading, new.text);
    END
    """,
)
POSTGRESQL_FULL_TEXT = (
    """
    ALTER TABLE passages ADD COLUMN search_vector tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('english', title), 'A')
        || setweight(to_tsvector('english', heading), 'B')
        || setweight(to_tsvector('english', text), 'C')
    ) STORED
    """,
    "CREATE INDEX ix_passages_search_vector ON passages USING gin (search_vector)",
)


def upgrade() -> None:
    """Make every table, the full-text index and the row that holds the knowledge version."""
    _create_shop()
    _create_service()
    _create_knowledge()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE_FULL_TEXT if is_sqlite else POSTGRESQL_FULL_TEXT:
        op.execute(statement)
    op.execute("INSERT INTO knowledge_state (id, version) VALUES (1, 0)")


def downgrade() -> None:
    """Drop everything."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE passages_fts")
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_shop() -> None:
    """Customers, catalogue, orders and parcels."""
    op.create_table(
        "customers",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False, unique=True),
        sa.Column("first_name", sa.String(80), nullable=False),
        sa.Column("last_name", sa.String(80), nullable=False),
        sa.Column("phone", sa.String(32)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("email = lower(email)", name="email_lower"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "addresses",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("customer_id", sa.Integer(), sa.ForeignKey("customers.id"), nullable=False, index=True),
        sa.Column("recipient", sa.String(160), nullable=False),
        sa.Column("line1", sa.String(120), nullable=False),
        sa.Column("line2", sa.String(120)),
        sa.Column("city", sa.String(80), nullable=False),
        sa.Column("postcode", sa.String(8), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "categories",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("slug", sa.String(40), nullable=False, unique=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("singular", sa.String(80), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "products",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("sku", sa.String(40), nullable=False, unique=True),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("brand", sa.String(60), nullable=False, index=True),
        sa.Column("category_id", sa.Integer(), sa.ForeignKey("categories.id"), nullable=False, index=True),
        sa.Column("price", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("features", sa.JSON(), nullable=False),
        sa.Column("specifications", sa.JSON(), nullable=False),
        sa.Column("warranty_months", sa.Integer(), nullable=False),
        sa.Column("returnable_once_opened", sa.Boolean(), nullable=False),
        sa.Column("available_from", sa.Date()),
        sa.Column("image_url", sa.String(300)),
        sa.Column("url", sa.String(300)),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "stock",
        sa.Column("product_id", sa.Integer(), sa.ForeignKey("products.id"), primary_key=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity >= 0", name="not_negative"),
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("number", sa.String(12), nullable=False, unique=True),
        sa.Column("customer_id", sa.Integer(), sa.ForeignKey("customers.id"), nullable=False, index=True),
        sa.Column("address_id", sa.Integer(), sa.ForeignKey("addresses.id"), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expected_on", sa.Date()),
        sa.Column("delivered_on", sa.Date()),
        sa.Column("delivery_method", sa.String(24), nullable=False),
        sa.Column("delivery_charge", sa.Integer(), nullable=False),
        sa.Column("discount", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("payment_method", sa.String(24), nullable=False),
        sa.CheckConstraint(
            "payment_method IN ('card', 'paypal', 'apple_pay', 'google_pay', "
            "'gift_card', 'bank_transfer', 'pay_in_three')",
            name="payment_method",
        ),
        sa.CheckConstraint(
            "state IN ('awaiting_payment', 'processing', 'packed', 'dispatched', 'out_for_delivery', "
            "'delivered', 'cancelled', 'returned')",
            name="state",
        ),
        sa.CheckConstraint(
            "delivery_method IN ('standard', 'express', 'named_day', 'click_and_collect', 'two_person')",
            name="delivery_method",
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "order_items",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("orders.id"), nullable=False, index=True),
        sa.Column("product_id", sa.Integer(), sa.ForeignKey("products.id"), nullable=False),
        sa.Column("sku", sa.String(40), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Integer(), nullable=False),
        sa.CheckConstraint("quantity > 0", name="positive"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "order_events",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("orders.id"), nullable=False, index=True),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("actor", sa.String(80), nullable=False),
        sa.Column("conversation_id", sa.String(255), index=True),
        sa.Column("detail", sa.JSON()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "shipments",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("orders.id"), nullable=False, unique=True),
        sa.Column("carrier", sa.String(40), nullable=False),
        sa.Column("tracking_code", sa.String(40), nullable=False, unique=True),
        sa.Column("tracking_url", sa.String(300), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.CheckConstraint(
            "state IN ('label_created', 'in_transit', 'out_for_delivery', 'delivered', "
            "'failed_attempt', 'held', 'lost')",
            name="state",
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "shipment_events",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("shipment_id", sa.Integer(), sa.ForeignKey("shipments.id"), nullable=False, index=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.String(200), nullable=False),
        sqlite_autoincrement=True,
    )


def _create_service() -> None:
    """Returns, refunds, claims, tickets, identity checks, mail and outcomes."""
    op.create_table(
        "returns",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("orders.id"), nullable=False, index=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("wish", sa.String(16)),
        sa.Column("replacement_product_id", sa.Integer(), sa.ForeignKey("products.id")),
        sa.Column("note", sa.Text()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("label_code", sa.String(24), nullable=False, unique=True),
        sa.Column("label_url", sa.String(300), nullable=False),
        sa.Column("expected_refund_amount", sa.Integer(), nullable=False),
        sa.Column("extra_charge", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('label_sent', 'in_transit', 'received', 'completed', 'declined', 'cancelled')",
            name="state",
        ),
        sa.CheckConstraint("wish IN ('refund', 'replacement')", name="wish"),
        sa.CheckConstraint("kind IN ('return', 'exchange', 'damage')", name="kind"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "return_items",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("return_id", sa.Integer(), sa.ForeignKey("returns.id"), nullable=False),
        sa.Column("order_item_id", sa.Integer(), sa.ForeignKey("order_items.id"), nullable=False, index=True),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.UniqueConstraint("return_id", "order_item_id"),
        sa.CheckConstraint("quantity > 0", name="positive"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "refunds",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("orders.id"), nullable=False, index=True),
        sa.Column("return_id", sa.Integer(), sa.ForeignKey("returns.id"), index=True),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(24), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("reason", sa.String(60), nullable=False),
        sa.Column("expected_on", sa.Date()),
        sa.Column("completed_on", sa.Date()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('authorisation_released', 'awaiting_parcel', 'inspecting', 'approved', 'paid', 'declined')",
            name="state",
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "claims",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("order_id", sa.Integer(), sa.ForeignKey("orders.id"), nullable=False, unique=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_by", sa.Date(), nullable=False),
        sa.CheckConstraint("state IN ('searching', 'found', 'replaced', 'refunded', 'declined')", name="state"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tickets",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("conversation_id", sa.String(255), index=True),
        sa.Column("customer_id", sa.Integer(), sa.ForeignKey("customers.id"), index=True),
        sa.Column("contact_email", sa.String(254)),
        sa.Column("topic", sa.String(80), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("transcript", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer_by", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('open', 'answered', 'closed')", name="state"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "verification_codes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("conversation_id", sa.String(255), index=True),
        sa.Column("order_number", sa.String(12), nullable=False, index=True),
        sa.Column("customer_id", sa.Integer(), sa.ForeignKey("customers.id"), index=True),
        sa.Column("code_hmac", sa.String(64), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("tries >= 0", name="tries_not_negative"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "verified_conversations",
        sa.Column("conversation_id", sa.String(255), primary_key=True),
        sa.Column("customer_id", sa.Integer(), sa.ForeignKey("customers.id"), nullable=False, index=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("to_address", sa.String(254), nullable=False, index=True),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "conversation_outcomes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("conversation_id", sa.String(255), index=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("topic", sa.String(80)),
        sa.Column("detail", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, index=True),
        sa.CheckConstraint(
            "kind IN ('answered_from_knowledge', 'not_answered', 'flow_completed', 'flow_abandoned', "
            "'handed_over', 'failed', 'rated')",
            name="kind",
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ratings",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("conversation_id", sa.String(255), unique=True),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("score BETWEEN 1 AND 5", name="score"),
        sqlite_autoincrement=True,
    )


def _create_knowledge() -> None:
    """Stores, policies, vouchers and articles."""
    op.create_table(
        "stores",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False, unique=True),
        sa.Column("address", sa.String(160), nullable=False),
        sa.Column("city", sa.String(80), nullable=False, index=True),
        sa.Column("postcode", sa.String(8), nullable=False),
        sa.Column("hours", sa.String(160), nullable=False),
        sa.Column("phone", sa.String(32), nullable=False),
        sa.Column("latitude", sa.Float()),
        sa.Column("longitude", sa.Float()),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "policies",
        sa.Column("key", sa.String(60), primary_key=True),
        sa.Column("value", sa.String(300), nullable=False),
    )
    op.create_table(
        "vouchers",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("code", sa.String(24), nullable=False, unique=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("minimum_spend", sa.Integer(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.CheckConstraint("kind IN ('percent', 'amount')", name="kind"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "articles",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("slug", sa.String(120), nullable=False, unique=True),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("category", sa.String(60), nullable=False, index=True),
        sa.Column("url", sa.String(300)),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("encoder", sa.String(200)),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "passages",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("article_id", sa.Integer(), sa.ForeignKey("articles.id", ondelete="CASCADE"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("heading", sa.String(300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("token_count", sa.Integer(), nullable=False),
        sa.Column("embedding", sa.LargeBinary()),
        sa.UniqueConstraint("article_id", "position"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "knowledge_state",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("encoder", sa.String(200)),
        sa.Column("dimension", sa.Integer()),
        sa.Column("updated_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("id = 1", name="single_row"),
    )
