"""What Alembic runs for each command: the migrations, on the connection `configuration` was given."""

from alembic import context

from knowledge_base.schema import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    compare_type=True,
    render_as_batch=True,  # SQLite alters a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
