"""Where the servers listen and what they are started with."""

from __future__ import annotations

import pytest

from tools.failure import Failure
from tools.services import action_server, port_from, rasa_server, service_environment


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


def test_telemetry_is_off_and_no_model_hub_is_asked_unless_the_environment_says_otherwise() -> None:
    settings, _ = service_environment({})
    assert settings["RASA_TELEMETRY_ENABLED"] == "false"
    assert settings["HF_HUB_OFFLINE"] == "1"
    assert service_environment({"HF_HUB_OFFLINE": "0"})[0]["HF_HUB_OFFLINE"] == "0"
