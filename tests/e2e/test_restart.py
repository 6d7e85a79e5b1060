"""A Rasa server that is started anew, without Redis: what it has forgotten, and what it must not have."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.e2e.customer import Customer
from tests.e2e.processes import action_server, environment, free_port, rasa_server, running
from tests.e2e.shop_database import ShopDatabase
from tools.services import LOOPBACK


@pytest.fixture(autouse=True)
def shop(database: ShopDatabase) -> ShopDatabase:
    """The database alone: the servers of this test are its own."""
    database.restore()
    return database


def test_an_ended_session_stays_dead_and_an_open_one_goes_on(
    database: ShopDatabase, tmp_path: Path, today: date
) -> None:
    actions, rasa = (
        action_server(free_port(), tmp_path / "actions.log"),
        rasa_server(free_port(), tmp_path / "rasa.log"),
    )
    settings = environment(
        database.file,
        FRONTDESK_ACTIONS_PORT=str(actions.port),
        FRONTDESK_ACTIONS_URL=f"http://{LOOPBACK}:{actions.port}/webhook",
    )
    url = f"http://{LOOPBACK}:{rasa.port}"
    with running([actions], settings):
        with running([rasa], settings):
            ended, erased, going_on = (Customer(url, database) for _ in range(3))
            assert ended.sends("/end")[0] == 204
            assert erased.sends("/end", {"erase": True}) == (200, {"erased": True})

        with running([rasa], settings):
            for gone in (ended, erased):
                for path, method in (("/history", "GET"), ("/webhook", "POST"), ("/session/renew", "POST")):
                    status, answer = gone.sends(path, {"message": "hello"}, method=method)
                    assert (status, answer["error"]) == (401, "session_invalid"), path
            assert going_on.says("hello").text
    # Nothing that names a conversation is kept of them.
    kept = str(database.value("SELECT group_concat(conversation_hash) FROM ended_conversations"))
    assert len(kept.split(",")) == 2
    assert ended.sender not in kept
