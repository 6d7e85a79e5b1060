"""Log lines: one JSON object each, with the turn they belong to."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import pytest

from frontdesk.logs import FORMAT_VARIABLE, LEVEL_VARIABLE, JsonFormatter, configure_logging, turn_id

OURS = ("frontdesk", "actions", "rasa_addons", "knowledge_base", "llm_component")


def line(message: str = "something happened", *args: object, error: bool = False, **extra: Any) -> dict[str, Any]:
    """What is written for one log call."""
    record = logging.getLogger("actions.test").makeRecord(
        "actions.test", logging.WARNING, "file.py", 1, message, args, sys.exc_info() if error else None, extra=extra
    )
    text = JsonFormatter().format(record)
    assert "\n" not in text
    return json.loads(text)  # type: ignore[no-any-return]


def test_a_line_says_when_where_and_what() -> None:
    entry = line("sent %d of %s", 2, "three")

    assert set(entry) == {"at", "level", "logger", "event"}
    assert (entry["level"], entry["logger"], entry["event"]) == ("warning", "actions.test", "sent 2 of three")
    moment = datetime.fromisoformat(entry["at"])
    assert moment.utcoffset() == timezone.utc.utcoffset(None)


def test_extra_fields_stand_beside_the_event() -> None:
    entry = line("x", action="action_rate", count=3, when=datetime(2026, 3, 10, tzinfo=timezone.utc))

    assert (entry["action"], entry["count"], entry["when"]) == ("action_rate", 3, "2026-03-10 00:00:00+00:00")


def test_a_turn_stands_in_its_lines_only() -> None:
    token = turn_id.set("turn-7")
    try:
        assert line()["turn"] == "turn-7"
    finally:
        turn_id.reset(token)
    assert "turn" not in line()


def test_a_text_of_several_lines_stays_one_line() -> None:
    assert line("one\ntwo \u00a35")["event"] == "one\ntwo \u00a35"


def test_an_exception_is_part_of_the_line() -> None:
    try:
        raise ValueError("the cause")
    except ValueError:
        entry = line(error=True)

    assert entry["exception"].endswith("ValueError: the cause")


def test_an_extra_field_cannot_replace_the_event() -> None:
    entry = line("the event", event="another", level="debug", logger="x", at="never")

    assert (entry["event"], entry["level"], entry["logger"]) == ("the event", "warning", "actions.test")


Written = Callable[[], str]


@pytest.fixture
def written(capsys: pytest.CaptureFixture[str]) -> Iterator[Written]:
    """Gives what was written to standard error since the last look; the loggers are put back afterwards."""
    before = {name: (log.handlers, log.propagate, log.level) for name in OURS if (log := logging.getLogger(name))}
    yield lambda: capsys.readouterr().err
    for name, (handlers, propagate, level) in before.items():
        log = logging.getLogger(name)
        log.handlers, log.propagate = handlers, propagate
        log.setLevel(level)


@pytest.mark.parametrize("name", OURS)
def test_every_package_of_the_project_writes_json(written: Written, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(FORMAT_VARIABLE, raising=False)
    monkeypatch.delenv(LEVEL_VARIABLE, raising=False)

    configure_logging("test")
    logging.getLogger(f"{name}.part").info("hello")
    logging.getLogger(f"{name}.part").debug("too much")

    entries = [json.loads(text) for text in written().splitlines()]
    assert [entry["event"] for entry in entries] == ["logging configured", "hello"]
    assert entries[0]["service"] == "test"


def test_configuring_twice_writes_each_line_once(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LEVEL_VARIABLE, raising=False)
    configure_logging("test")
    configure_logging("test")
    written()

    logging.getLogger("actions").info("once")

    assert len(written().splitlines()) == 1


def test_level_and_form_are_settings(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FORMAT_VARIABLE, "plain")
    monkeypatch.setenv(LEVEL_VARIABLE, "error")

    configure_logging("test")
    logging.getLogger("actions").warning("hidden")
    logging.getLogger("actions").error("shown")

    text = written()
    assert text.strip().endswith("ERROR actions shown")
    assert "hidden" not in text


def test_the_root_logger_is_left_to_rasa(written: Written) -> None:
    before = list(logging.getLogger().handlers)

    configure_logging("test")

    assert logging.getLogger().handlers == before


def test_settings_are_logged_without_their_secrets(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    from knowledge_base.settings import DatabaseSettings

    monkeypatch.setenv("FRONTDESK_DATABASE_URL", "postgresql://shop:pass-word-1@db.example/shop")
    monkeypatch.setenv("FRONTDESK_SECRET_KEY", "key-" + "k" * 60)
    monkeypatch.setenv("FRONTDESK_SMTP_URL", "smtp://shop:pass-word-2@mail.example:587")
    configure_logging("test")

    settings = DatabaseSettings.from_environment()
    logging.getLogger("actions").info("settings", extra={"settings": settings.masked(), "whole": settings})

    text = written()
    assert "db.example" in text
    assert not any(secret in text for secret in ("pass-word-1", "pass-word-2", "key-k"))
