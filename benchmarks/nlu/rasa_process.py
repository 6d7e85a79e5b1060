"""Trains or runs an NLU pipeline of Rasa in a process of its own, so that memory and time are those of one pipeline.

    python -m benchmarks.nlu.rasa_process train FOLDER DATA
    python -m benchmarks.nlu.rasa_process parse FOLDER TEXTS

FOLDER holds config.yml; the model, `trained.json` and `parsed.json` are written there. DATA is what Rasa reads as
training data, TEXTS a JSON list of strings.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

MODEL = "nlu"
WARM_UP = 5  # messages parsed before the clock runs: libraries load on the first


def train(folder: Path, data: Path) -> dict[str, float]:
    """Trains; gives the seconds by the clock and of the processor."""
    from rasa.model_training import train_nlu

    began, worked = time.perf_counter(), time.process_time()
    written = train_nlu(str(folder / "config.yml"), str(data), str(folder), fixed_model_name=MODEL, domain=None)
    if written is None:
        raise RuntimeError(f"Rasa trained nothing from {data}; its own message stands above")
    return {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - worked}


def parse(folder: Path, texts: Path) -> dict[str, Any]:
    """Parses each text; gives rankings, entities, milliseconds each and the resident memory afterwards, in MiB."""
    from rasa.core.agent import load_agent

    agent = asyncio.run(load_agent(model_path=str(folder / f"{MODEL}.tar.gz")))
    messages = json.loads(texts.read_text(encoding="utf-8"))

    async def answers() -> tuple[list[dict[str, Any]], list[float]]:
        for text in messages[:WARM_UP]:
            await agent.parse_message(text)
        found, took = [], []
        for text in messages:
            began = time.perf_counter()
            said = await agent.parse_message(text)
            took.append(1000 * (time.perf_counter() - began))
            found.append(
                {
                    "ranking": [[entry["name"], entry["confidence"]] for entry in said.get("intent_ranking", [])],
                    "entities": [[one["start"], one["end"], one["entity"]] for one in said.get("entities", [])],
                }
            )
        return found, took

    found, took = asyncio.run(answers())
    return {"parsed": found, "milliseconds": took, "resident_mib": psutil.Process().memory_info().rss / 2**20}


def main(said: list[str]) -> int:
    step, folder, given = said[0], Path(said[1]), Path(said[2])
    steps: dict[str, tuple[Callable[[Path, Path], dict[str, Any]], str]] = {
        "train": (train, "trained.json"),
        "parse": (parse, "parsed.json"),
    }
    work, result = steps[step]
    (folder / result).write_text(json.dumps(work(folder, given)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
