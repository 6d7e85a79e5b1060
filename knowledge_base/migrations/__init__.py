"""Schema migrations, run from Python (`Database.migrate`); there is no alembic.ini to keep in step."""

from __future__ import annotations

from pathlib import Path

from alembic.config import Config
from sqlalchemy.engine import Connection


def configuration(connection: Connection) -> Config:
    """An Alembic configuration that works inside `connection`'s transaction."""
    config = Config()
    # Alembic reads options through ConfigParser, where a percent sign starts an interpolation.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
