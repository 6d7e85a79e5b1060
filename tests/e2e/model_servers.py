"""The whole assistant with a language model's server, and a fake upstream in place of the model."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tests.e2e.action_gateway import ActionGateway
from tests.e2e.brand_hours import always_open
from tests.e2e.conftest import System
from tests.e2e.customer import Customer
from tests.e2e.processes import action_server, environment, free_port, rasa_server, running
from tests.e2e.shop_database import ShopDatabase
from tests.e2e.switchboard import Switchboard
from tests.llm import fake_upstream
from tests.llm.fake_upstream import FakeUpstream
from tools.services import LOOPBACK, Service

SECRET = "a secret that the servers of these tests share"


@dataclass
class Assistant:
    """The servers, and what stands in for the model."""

    system: System
    upstream: FakeUpstream
    board: Switchboard
    heard: list[tuple[str, float]]  # what the upstream did, and when

    @property
    def url(self) -> str:
        return self.system.url

    def customer(self) -> Customer:
        """Somebody who has said hello: with a history no answer comes from a cache."""
        customer = Customer(self.url, self.system.database)
        customer.says("hello")
        return customer


def language_model_server(port: int, log: Path) -> Service:
    """`python -m llm_component serve` on a port."""
    return Service(
        name="language model server",
        command=(sys.executable, "-m", "llm_component", "serve"),
        port=port,
        port_variable="FRONTDESK_LLM_PORT",
        ready_url=f"http://{LOOPBACK}:{port}/ready",
        log=log,
    )


@contextmanager
def assistant_with_model(
    database: ShopDatabase, folder: Path, today: date, settings: Mapping[str, str]
) -> Iterator[Assistant]:
    """All three servers with `settings` beside what they need; their logs are in `folder`."""
    heard: list[tuple[str, float]] = []
    with FakeUpstream(on_event=lambda event: heard.append((event, time.perf_counter()))) as upstream:
        model = language_model_server(free_port(), folder / "llm.log")
        actions = action_server(free_port(), folder / "actions.log")
        rasa = rasa_server(free_port(), folder / "rasa.log")
        board = Switchboard(model.port)
        gateway = ActionGateway(actions.port)
        url = f"http://{LOOPBACK}:{rasa.port}"
        needed = {
            "FRONTDESK_ACTIONS_PORT": str(actions.port),
            "FRONTDESK_ACTIONS_URL": gateway.url,
            "FRONTDESK_ARTICLES_URL": f"{url}/webhooks/rest/articles",
            "FRONTDESK_BRAND_FILE": str(always_open(folder / "brand.yml")),
            "FRONTDESK_LLM_URL": board.url,
            "FRONTDESK_LLM_SECRET": SECRET,
            "FRONTDESK_LLM_PORT": str(model.port),
            "FRONTDESK_LLM_MODEL": f"upstream:{upstream.url}",
            "FRONTDESK_LLM_UPSTREAM_MODEL": fake_upstream.MODEL,
            "FRONTDESK_LLM_CACHE_ENTRIES": "0",
        }
        with running([model, actions, rasa], environment(database.file, **{**needed, **settings})):
            actions_url = f"http://{LOOPBACK}:{actions.port}"
            yield Assistant(System(url, actions_url, database, gateway, rasa, today), upstream, board, heard)
        board.close()
        gateway.close()
