"""Settings of the knowledge base: defaults that work, errors that say what to set, and no secret in print."""

from __future__ import annotations

from pathlib import Path

import pytest

from knowledge_base.settings import DatabaseSettings, SettingsError

SECRET = "0123456789abcdef0123456789abcdef"


def test_without_settings_everything_stays_under_var(tmp_path: Path) -> None:
    settings = DatabaseSettings.from_environment({}, root=tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path}/var/frontdesk.db"
    assert settings.smtp_url is None


def test_a_secret_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    first = DatabaseSettings.from_environment({}, root=tmp_path)
    second = DatabaseSettings.from_environment({}, root=tmp_path)
    assert first.secret_key == second.secret_key
    assert (tmp_path / "var" / "secret_key").stat().st_mode & 0o777 == 0o600


def test_postgresql_needs_a_secret_key_that_all_machines_share(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="FRONTDESK_SECRET_KEY"):
        DatabaseSettings.from_environment({"FRONTDESK_DATABASE_URL": "postgresql://db/frontdesk"}, root=tmp_path)


def test_a_short_secret_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="too short"):
        DatabaseSettings.from_environment({"FRONTDESK_SECRET_KEY": "hunter2"}, root=tmp_path)


def test_a_database_url_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="FRONTDESK_DATABASE_URL"):
        DatabaseSettings.from_environment({"FRONTDESK_DATABASE_URL": "frontdesk.db"}, root=tmp_path)


def test_neither_print_nor_repr_shows_a_secret(tmp_path: Path) -> None:
    settings = DatabaseSettings.from_environment(
        {
            "FRONTDESK_DATABASE_URL": "postgresql://shop:dbpass@db/frontdesk",
            "FRONTDESK_SECRET_KEY": SECRET,
            "FRONTDESK_SMTP_URL": "smtp://shop:mailpass@mail.example.org:587",
        },
        root=tmp_path,
    )
    printed = f"{settings.masked()} {settings!r} {settings}"
    assert not any(secret in printed for secret in ("dbpass", "mailpass", SECRET))
    assert "mail.example.org" in printed
