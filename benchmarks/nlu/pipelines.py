"""Whole NLU pipelines of Rasa: its own sparse one with DIET ("stock"), and the project's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.nlu.annotations import Example
from benchmarks.report import ROOT

WORKER = "benchmarks.nlu.rasa_process"
STOCK: list[dict[str, Any]] = [
    {"name": "WhitespaceTokenizer"},
    {"name": "RegexFeaturizer"},
    {"name": "LexicalSyntacticFeaturizer"},
    {"name": "CountVectorsFeaturizer"},
    {"name": "CountVectorsFeaturizer", "analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
    {"name": "DIETClassifier"},
]


@dataclass(frozen=True)
class Training:
    """What training took, by the clock and of the processor."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Parsed:
    """What a pipeline says of texts: `rankings` of (intent, confidence), `entities` of (start, end, type).

    `milliseconds` a text, one after the other; `resident_mib` of the process afterwards.
    """

    rankings: list[list[tuple[str, float]]]
    entities: list[set[tuple[int, int, str]]]
    milliseconds: np.ndarray
    resident_mib: float

    def probabilities(self, labels: Sequence[str]) -> np.ndarray:
        """`(n, labels)`; an intent below the end of a ranking gets 0."""
        places = {label: place for place, label in enumerate(labels)}
        found = np.zeros((len(self.rankings), len(labels)))
        for row, ranking in enumerate(self.rankings):
            for name, confidence in ranking:
                if name in places:
                    found[row, places[name]] = confidence
        return found


class PipelineError(RuntimeError):
    """A process of Rasa failed; the message has the end of what it said."""


@dataclass(frozen=True)
class Pipeline:
    """A pipeline that is trained and run in processes of its own."""

    name: str
    components: Sequence[dict[str, Any]]

    def train(self, data: Path, folder: Path) -> Training:
        """Trains on what Rasa reads from `data`, nothing taken from a cache; the model comes into `folder`."""
        config = {
            "recipe": "default.v1",
            "language": "en",
            "assistant_id": "benchmark",
            "pipeline": list(self.components),
            "policies": [],
        }
        (folder / "config.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        return Training(**_run("train", folder, data, "trained.json"))

    def parse(self, texts: Sequence[str], folder: Path) -> Parsed:
        """Loads the model of `folder` and parses texts."""
        asked = folder / "texts.json"
        asked.write_text(json.dumps(list(texts)), encoding="utf-8")
        said = _run("parse", folder, asked, "parsed.json")
        return Parsed(
            [[(name, confidence) for name, confidence in one["ranking"]] for one in said["parsed"]],
            [{(start, end, kind) for start, end, kind in one["entities"]} for one in said["parsed"]],
            np.array(said["milliseconds"]),
            said["resident_mib"],
        )


def stock(epochs: int = 0, seed: int = 1) -> Pipeline:
    """Rasa's sparse pipeline. DIET has its default settings but for the seed; `epochs` above 0 replaces theirs."""
    said = {"random_seed": seed} | ({"epochs": epochs} if epochs else {})
    return Pipeline(f"stock_{epochs}_epochs" if epochs else "stock", [*STOCK[:-1], STOCK[-1] | said])


def frontdesk() -> Pipeline:
    """The project's own, as config.yml has it."""
    return Pipeline("frontdesk", yaml.safe_load((ROOT / "config.yml").read_text(encoding="utf-8"))["pipeline"])


def write_training_data(examples: Sequence[Example], file: Path) -> Path:
    """Examples as the JSON that Rasa reads: unlike its YAML it changes no letter of a text."""
    common = [
        {
            "text": one.text,
            "intent": one.intent,
            "entities": [
                {"start": start, "end": end, "value": one.text[start:end], "entity": kind}
                for start, end, kind in one.spans
            ],
        }
        for one in examples
    ]
    file.write_text(json.dumps({"rasa_nlu_data": {"common_examples": common}}), encoding="utf-8")
    return file


def _run(step: str, folder: Path, given: Path, result: str) -> dict[str, Any]:
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "RASA_TELEMETRY_ENABLED": "false",
        "RASA_CACHE_DIRECTORY": str(folder / "cache"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", WORKER, step, str(folder), str(given.resolve())]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise PipelineError(f"{step} of a pipeline of Rasa ended with {done.returncode}:\n{tail}")
    return json.loads((folder / result).read_text(encoding="utf-8"))  # type: ignore[no-any-return]
