"""Where the servers listen and what they are started with."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import services as module
from tools.failure import Failure
from tools.services import (
    action_server,
    has_packages,
    language_model_line,
    language_model_server,
    port_from,
    rasa_server,
    service_environment,
)


def test_without_settings_the_servers_take_their_usual_ports() -> None:
    assert action_server({}).port == 5055
    assert rasa_server({}).port == 5005


def test_the_ports_come_from_the_environment() -> None:
    environment = {"FRONTDESK_PORT": "6001", "FRONTDESK_ACTIONS_PORT": "6002"}
    assert rasa_server(environment).port == 6001
    assert "6001" in rasa_server(environment).command
    assert action_server(environment).ready_url == "http://127.0.0.1:6002/ready"


@pytest.mark.parametrize("said", ["no", "0", "65536", "-1"])
def test_what_is_no_port_is_refused_by_the_variables_name(said: str) -> None:
    with pytest.raises(Failure, match=f"FRONTDESK_PORT={said} is not a port"):
        port_from({"FRONTDESK_PORT": said}, "FRONTDESK_PORT", 5005)


def test_rasa_listens_on_loopback_and_its_http_api_stays_shut() -> None:
    command = rasa_server({}).command
    assert command[command.index("--interface") + 1] == "127.0.0.1"
    assert "--enable-api" not in command


def test_rasa_is_told_where_the_action_server_is() -> None:
    settings, _ = service_environment({"FRONTDESK_ACTIONS_PORT": "6002"})
    assert settings["FRONTDESK_ACTIONS_URL"] == "http://127.0.0.1:6002/webhook"


def test_without_a_secret_key_every_run_gets_another() -> None:
    first, made_up = service_environment({})
    second, _ = service_environment({})
    assert made_up
    assert first["FRONTDESK_SECRET_KEY"] != second["FRONTDESK_SECRET_KEY"]


def test_a_secret_key_of_the_environment_is_kept() -> None:
    settings, made_up = service_environment({"FRONTDESK_SECRET_KEY": "mine"})
    assert settings["FRONTDESK_SECRET_KEY"] == "mine"
    assert not made_up


def test_a_run_is_for_development_unless_the_environment_says_otherwise() -> None:
    assert service_environment({})[0]["FRONTDESK_DEVELOPMENT"] == "1"
    assert service_environment({"FRONTDESK_DEVELOPMENT": "0"})[0]["FRONTDESK_DEVELOPMENT"] == "0"


def test_telemetry_is_off_and_no_model_hub_is_asked_unless_the_environment_says_otherwise() -> None:
    settings, _ = service_environment({})
    assert settings["RASA_TELEMETRY_ENABLED"] == "false"
    assert settings["HF_HUB_OFFLINE"] == "1"
    assert service_environment({"HF_HUB_OFFLINE": "0"})[0]["HF_HUB_OFFLINE"] == "0"


# The language model's server


def test_the_language_models_server_is_optional_and_has_a_port_and_all_cores_of_its_own() -> None:
    service = language_model_server({"FRONTDESK_LLM_PORT": "6003"})
    assert service is not None
    assert service.optional
    assert (service.port, service.ready_url) == (6003, "http://127.0.0.1:6003/health")
    assert service.command[1:] == ("-m", "llm_component", "serve")
    assert service.settings["FRONTDESK_LLM_PORT"] == "6003"
    assert int(service.settings["OMP_NUM_THREADS"]) >= 1


def test_it_uses_the_environment_of_its_own_where_that_is_complete(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = tmp_path / "python"
    monkeypatch.setattr(module, "LLM_PYTHON", own)
    without = language_model_server({})
    own.write_text("#!/bin/sh\nexit 1\n")
    own.chmod(0o755)
    incomplete = language_model_server({})
    own.write_text("#!/bin/sh\nexit 0\n")
    complete = language_model_server({})
    assert [service.command[0] for service in (without, incomplete, complete) if service] == [
        sys.executable,
        sys.executable,
        str(own),
    ]


def test_an_interpreter_without_the_packages_is_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_packages(Path(sys.executable))
    monkeypatch.setattr(module, "LLM_PACKAGES", ("torch", "a_package_that_nobody_has"))
    assert not has_packages(Path(sys.executable))


def test_all_servers_are_told_where_it_is_and_share_a_secret_of_this_run() -> None:
    first, _ = service_environment({"FRONTDESK_LLM_PORT": "6003"})
    second, _ = service_environment({})
    assert first["FRONTDESK_LLM_URL"] == "http://127.0.0.1:6003"
    assert len(first["FRONTDESK_LLM_SECRET"]) >= 32
    assert first["FRONTDESK_LLM_SECRET"] != second["FRONTDESK_LLM_SECRET"]


def test_where_somebody_else_runs_it_none_is_started_and_no_secret_made_up() -> None:
    environment = {"FRONTDESK_LLM_URL": "http://gpu.example:5006"}
    settings, _ = service_environment(environment)
    assert language_model_server(environment) is None
    assert settings["FRONTDESK_LLM_URL"] == "http://gpu.example:5006"
    assert "FRONTDESK_LLM_SECRET" not in settings
    assert "http://gpu.example:5006" in language_model_line(environment, None, False)


def test_a_secret_of_the_environment_is_the_servers() -> None:
    assert service_environment({"FRONTDESK_LLM_SECRET": "mine"})[0]["FRONTDESK_LLM_SECRET"] == "mine"


@pytest.mark.parametrize(("said", "ships"), [("", False), ("none", False), ("none", True)])
def test_without_a_model_the_line_says_that_passages_are_quoted(
    said: str, ships: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SHIPPED_MODEL", tmp_path)
    if ships:
        (tmp_path / "config.json").touch()
    environment = {"FRONTDESK_LLM_MODEL": said}
    service = language_model_server(environment)
    line = language_model_line(environment, service, True)
    assert line.startswith("none is configured (FRONTDESK_LLM_MODEL)")
    assert "quoted passages" in line
    assert service is not None and service.ready_url.endswith("/health")


def test_the_model_that_ships_is_the_one_where_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHIPPED_MODEL", tmp_path / "a-small-model")
    (tmp_path / "a-small-model").mkdir()
    (tmp_path / "a-small-model" / "config.json").touch()
    service = language_model_server({})
    assert language_model_line({}, service, True).startswith("a-small-model, at http://127.0.0.1:5006")
    assert service is not None and service.ready_url.endswith("/ready")


def test_with_a_model_the_line_names_it_and_without_its_server_it_says_so() -> None:
    environment = {"FRONTDESK_LLM_MODEL": "models/compact"}
    service = language_model_server(environment)
    assert "models/compact, at http://127.0.0.1:5006" in language_model_line(environment, service, True)
    assert "does not run" in language_model_line(environment, service, False)
