"""Settings of the knowledge base, read from the environment once at start."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SHORTEST_SECRET_BYTES = 16
DEFAULT_MAIL_FROM = "no-reply@localhost"


class SettingsError(ValueError):
    """A setting is missing or unusable; the message names the variable and what to set it to."""


@dataclass(frozen=True)
class DatabaseSettings:
    """What the knowledge base needs to know about its surroundings.

    Parameters that control the storage:
        database_url: `sqlite:///path` or `postgresql://user:password@host/name`.
    Parameters that control identity checks:
        secret_key: key under which verification codes are hashed; at least 16 bytes.
        secret_key_source: where the key came from, for the start-up line.
    Parameters that control mail:
        smtp_url: `smtp://user:password@host:587`; None keeps mails in table `outbox` (development).
        mail_from: sender address.
    """

    database_url: str
    secret_key: bytes
    secret_key_source: str
    smtp_url: str | None = None
    mail_from: str = DEFAULT_MAIL_FROM

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] | None = None, *, root: Path = PROJECT_ROOT
    ) -> DatabaseSettings:
        """Read FRONTDESK_DATABASE_URL, FRONTDESK_SECRET_KEY, FRONTDESK_SMTP_URL and FRONTDESK_MAIL_FROM.

        Without a database URL it is the SQLite file `var/frontdesk.db` under `root`. Without a secret key one
        is made and kept in `var/secret_key`, but only with SQLite: several machines must share one key.
        Raises SettingsError.
        """
        variables = os.environ if environment is None else environment
        url = variables.get("FRONTDESK_DATABASE_URL") or f"sqlite:///{root / 'var' / 'frontdesk.db'}"
        try:
            is_sqlite = make_url(url).drivername.partition("+")[0] == "sqlite"
        except ArgumentError as error:
            raise SettingsError(
                "FRONTDESK_DATABASE_URL is no database URL; give sqlite:///path or postgresql://..."
            ) from error
        secret = variables.get("FRONTDESK_SECRET_KEY", "").encode()
        source = "FRONTDESK_SECRET_KEY"
        if not secret:
            if not is_sqlite:
                raise SettingsError("set FRONTDESK_SECRET_KEY (for example the output of `openssl rand -hex 32`)")
            path = root / "var" / "secret_key"
            secret, source = _kept_secret(path), str(path)
        if len(secret) < SHORTEST_SECRET_BYTES:
            raise SettingsError(f"{source} is too short: at least {SHORTEST_SECRET_BYTES} bytes")
        return cls(
            database_url=url,
            secret_key=secret,
            secret_key_source=source,
            smtp_url=variables.get("FRONTDESK_SMTP_URL") or None,
            mail_from=variables.get("FRONTDESK_MAIL_FROM") or DEFAULT_MAIL_FROM,
        )

    def masked(self) -> dict[str, str]:
        """The settings for printing, without passwords and keys."""
        return {
            "database_url": _without_password(self.database_url),
            "secret_key": f"*** ({self.secret_key_source})",
            "smtp_url": _without_password(self.smtp_url) if self.smtp_url else "none: mails stay in table outbox",
            "mail_from": self.mail_from,
        }

    def __repr__(self) -> str:
        """The masked form, so that no log line or traceback shows a secret."""
        return f"DatabaseSettings({', '.join(f'{name}={value}' for name, value in self.masked().items())})"


def _kept_secret(path: Path) -> bytes:
    """The key in `path`, made on first use and readable by its owner only."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_bytes().strip()
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode())
        return path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"cannot keep a secret key in {path} ({error}); set FRONTDESK_SECRET_KEY") from error


def _without_password(url: str) -> str:
    try:
        return str(make_url(url).render_as_string(hide_password=True))
    except (ArgumentError, ValueError):
        return "***"
