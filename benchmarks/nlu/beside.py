"""The stock pipeline of Rasa on a data set, and what both pipelines cost on the shop's own."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.nlu.annotations import Example
from benchmarks.nlu.datasets import SHOP_TRAINING, IntentSet, in_scope
from benchmarks.nlu.evaluation import Answers, Report, Scorer, plain_report
from benchmarks.nlu.metrics import codes
from benchmarks.nlu.pipelines import Parsed, Pipeline, Training, write_training_data
from benchmarks.nlu.turns import CONVERSATIONS, TURNS, turns_per_second
from llm_component.evaluation import bootstrap
from llm_component.evaluation.run import Row

RECORD = "trained.json"  # written by the process that trains
COST = "shop_cost"


def evaluate_pipeline(found: IntentSet, pipeline: Pipeline, keep: Path | None, *, seed: int, samples: int) -> Report:
    """Trains a pipeline on the training part and scores what it says of the test part.

    Args:
        keep: a folder where trained pipelines stay; one that was trained there on the same data is used again, with the
            times that were measured then.
    """
    with _folder(keep, f"{pipeline.name}/{found.name}") as folder:
        training = _trained(pipeline, in_scope(found.train), folder)
        parsed = pipeline.parse([one.text for one in found.test], folder)
    probabilities = parsed.probabilities(found.labels)
    answers = Answers(
        found.labels,
        codes([one.intent for one in found.test], found.labels),
        probabilities.argmax(axis=1),
        probabilities.max(axis=1),
    )
    scorer = Scorer(found.name, pipeline.name, answers.wanted, samples, seed)
    report = plain_report(found, answers, scorer)
    report.rows += cost_rows(found.name, pipeline.name, training, parsed)
    if found.has_entities:
        report.rows.append(_entity_row(found, parsed, pipeline.name, samples, seed))
    return report


def cost(texts: list[str], pipelines: list[Pipeline]) -> list[Row]:
    """Each pipeline trained on the shop's data and run over its held-out messages, with the ratios to the first."""
    rows: list[Row] = []
    for pipeline in pipelines:
        with _folder(None, "") as folder:
            training = pipeline.train(SHOP_TRAINING, folder)
            rows += cost_rows(COST, pipeline.name, training, pipeline.parse(texts, folder))
    return rows + _ratios(rows, pipelines)


def throughput(texts: list[str], pipelines: list[Pipeline]) -> list[Row]:
    """Turns a second of a small bot with each pipeline, with the ratios to the first."""
    rows: list[Row] = []
    for pipeline in pipelines:
        with _folder(None, "") as folder:
            value = turns_per_second(pipeline, texts, folder)
        metric, turns = f"turns_per_second_at_{CONVERSATIONS}", CONVERSATIONS * TURNS
        rows.append(Row(COST, pipeline.name, metric, value, "/s", value, value, turns))
    return rows + _ratios(rows, pipelines)


def cost_rows(dataset: str, system: str, training: Training, parsed: Parsed) -> list[Row]:
    """Seconds of training, milliseconds of a message, resident memory."""
    measured = (
        ("train_s", training.seconds, "s"),
        ("train_cpu_s", training.cpu_seconds, "s"),
        ("parse_p50_ms", float(np.median(parsed.milliseconds)), "ms"),
        ("parse_p95_ms", float(np.quantile(parsed.milliseconds, 0.95)), "ms"),
        ("resident_mib", parsed.resident_mib, "MiB"),
    )
    count = len(parsed.milliseconds)
    return [Row(dataset, system, metric, value, unit, value, value, count) for metric, value, unit in measured]


def _ratios(rows: list[Row], pipelines: list[Pipeline]) -> list[Row]:
    """How many times as much of each the later pipelines need as the first."""
    values = {(row.system, row.metric): row for row in rows}
    return [
        Row(COST, pipeline.name, f"{row.metric}_ratio", ratio, "", ratio, ratio, row.count)
        for pipeline in pipelines[1:]
        for (system, metric), row in values.items()
        if system == pipelines[0].name
        for ratio in [values[pipeline.name, metric].value / row.value]
    ]


def _entity_row(found: IntentSet, parsed: Parsed, system: str, samples: int, seed: int) -> Row:
    """Micro F1 over spans with their type, both exact."""
    wanted = [set(one.spans) for one in found.test]
    hits = [2.0 * len(gold & said) for gold, said in zip(wanted, parsed.entities, strict=True)]
    both = [float(len(gold) + len(said)) for gold, said in zip(wanted, parsed.entities, strict=True)]
    interval = bootstrap.ratio_interval(hits, both, samples=samples, seed=seed)
    return Row(found.name, system, "entity_f1", interval.value, "", interval.low, interval.high, len(wanted))


def _trained(pipeline: Pipeline, examples: list[Example], folder: Path) -> Training:
    data, record = folder / "nlu.json", folder / RECORD
    before = data.read_bytes() if data.is_file() else b""
    write_training_data(examples, data)
    if record.is_file() and data.read_bytes() == before:
        return Training(**json.loads(record.read_text(encoding="utf-8")))
    record.unlink(missing_ok=True)
    return pipeline.train(data, folder)


@contextmanager
def _folder(keep: Path | None, name: str) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="frontdesk-nlu-") as made:
            yield Path(made)
    else:
        folder = keep.resolve() / name
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
