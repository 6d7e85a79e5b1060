"""Turns a second of a bot over REST with many conversations at once, where only the NLU pipeline differs.

The bot answers each intent with one template: no action server, no form. What is left is the channel, the tracker,
RulePolicy and the pipeline, in one process of Rasa.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from benchmarks.nlu.datasets import SHOP_TRAINING, shop
from benchmarks.nlu.pipelines import Pipeline
from benchmarks.numbers import free_port, say, server, train
from benchmarks.report import ROOT
from tools.project import child_environment

CONVERSATIONS = 20
TURNS = 10  # of each conversation
WARM_UP = 5
REPLY = "utter_reply"
ROUTED = ("nlu_fallback", "clarify", "out_of_scope")  # what a router may put in an intent's place


def turns_per_second(pipeline: Pipeline, texts: Sequence[str], folder: Path) -> float:
    """Trains the bot in `folder`, runs it, and lets `CONVERSATIONS` customers talk at once.

    Raises:
        SystemExit: the server did not start, or a turn got no reply.
    """
    write_bot(pipeline, folder)
    environment = child_environment() | {"PYTHONPATH": str(ROOT)}
    train(folder, environment)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "rasa",
        "run",
        "--interface",
        "127.0.0.1",
        "--port",
        str(port),
        "--credentials",
        "credentials.yml",
    ]
    with server(command, folder, environment, f"http://127.0.0.1:{port}/"):
        for number in range(WARM_UP):
            say(port, "warm-up", texts[number % len(texts)])

        def talk(customer: int) -> None:
            for turn in range(TURNS):
                say(port, f"customer-{customer}", texts[(customer * TURNS + turn) % len(texts)])

        began = time.perf_counter()
        with ThreadPoolExecutor(CONVERSATIONS) as customers:
            list(customers.map(talk, range(CONVERSATIONS)))
        return CONVERSATIONS * TURNS / (time.perf_counter() - began)


def write_bot(pipeline: Pipeline, folder: Path) -> None:
    """The bot's project: the shop's training data, a rule an intent, one response."""
    found = shop()
    intents = sorted({*found.labels, *ROUTED})
    entities = sorted({kind for example in found.train for _start, _end, kind in example.spans})
    config = {
        "recipe": "default.v1",
        "language": "en",
        "assistant_id": "benchmark",
        "pipeline": list(pipeline.components),
        "policies": [{"name": "RulePolicy"}],
    }
    domain = {
        "version": "3.1",
        "intents": intents,
        "entities": entities,
        "responses": {REPLY: [{"text": "ok"}]},
    }
    rules = [{"rule": f"reply to {intent}", "steps": [{"intent": intent}, {"action": REPLY}]} for intent in intents]
    (folder / "data").mkdir(parents=True, exist_ok=True)
    # Copied as one file: a link would let Rasa's cache look at the checkout.
    training: list[Any] = [
        section
        for file in sorted(SHOP_TRAINING.rglob("*.yml"))
        for section in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]
    ]
    for name, content in (
        ("config.yml", config),
        ("domain.yml", domain),
        ("credentials.yml", {"rest": {}}),
        ("endpoints.yml", {}),
        ("data/rules.yml", {"version": "3.1", "rules": rules}),
        ("data/nlu.yml", {"version": "3.1", "nlu": training}),
    ):
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
