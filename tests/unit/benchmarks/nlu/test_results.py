"""What a run writes: rows, tables of mistakes, parts that merge, and what Rasa is given to train on."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.loading import load_data

from benchmarks import report
from benchmarks.nlu import __main__ as bench
from benchmarks.nlu import beside, learning, page, pipelines
from benchmarks.nlu.annotations import Example
from benchmarks.nlu.datasets import IntentSet
from benchmarks.nlu.evaluation import Answers, Scorer, confusions, mistakes, plain_report
from benchmarks.nlu.metrics import REJECTED
from benchmarks.nlu.pipelines import Parsed, Pipeline, Training
from llm_component.evaluation.run import Row

ANSWERS = Answers(
    ["greet", "track"],
    wanted=np.array([0, 1, 1, REJECTED]),
    predicted=np.array([0, 0, 0, 1]),
    confidence=np.array([0.9, 0.6, 0.8, 0.7]),
)
TEST = tuple(
    Example(text, intent)
    for text, intent in (("hi", "greet"), ("parcel?", "track"), ("where|is it", "track"), ("odd", "out_of_scope"))
)
FOUND = IntentSet("set", (), (), TEST, (), "CC BY 4.0")


def row(dataset: str, system: str, metric: str, value: float) -> Row:
    return Row(dataset, system, metric, value, "", value, value, 1)


def test_accuracy_is_of_messages_in_scope_where_others_are_among_them() -> None:
    rows = {one.metric: one for one in plain_report(FOUND, ANSWERS, Scorer("set", "x", ANSWERS.wanted, 50, 1)).rows}

    assert rows["in_scope_accuracy"].value == pytest.approx(1 / 3)
    assert rows["in_scope_accuracy"].count == 3
    assert rows["in_scope_accuracy"].low <= 1 / 3 <= rows["in_scope_accuracy"].high
    assert "mcc_best_on_test" in rows


def test_confusions_count_pairs_and_mistakes_come_surest_first() -> None:
    assert confusions(ANSWERS) == [("track", "greet", 2)]
    assert [(one.text, one.wanted, one.predicted) for one in mistakes(TEST, ANSWERS)] == [
        ("where|is it", "track", "greet"),
        ("odd", "out_of_scope", "track"),
        ("parcel?", "track", "greet"),
    ]


def test_the_table_of_mistakes_names_the_licence_and_keeps_its_columns() -> None:
    text = page.mistakes_page("set", "x", plain_report(FOUND, ANSWERS, Scorer("set", "x", ANSWERS.wanted, 5, 1)), "CC0")

    assert "CC0" in text
    assert "| where\\|is it | track | greet | 0.80 |" in text


def test_an_aim_that_was_not_measured_says_so() -> None:
    table = page.aims_table([row("banking77_full", "frozen", "accuracy", 0.93)])

    (line,) = [line for line in table.splitlines() if line.startswith("| banking77_full")]
    assert line == f"| banking77_full | accuracy | 0.94 | 0.930 | {page.NOT_MEASURED} | {page.NOT_MEASURED} |"


def test_parts_merge_with_those_of_earlier_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    about = {"machine": "m", "commit": "c", "seed": 1, "seconds": 1.0, "data": "d"}
    bench.write([row("a", "frozen", "accuracy", 0.5), row("b", "frozen", "accuracy", 0.5)], {"a": about, "b": about}, 1)

    bench.write([row("a", "frozen", "accuracy", 0.75)], {"a": about | {"seed": 2}}, 2)

    written = json.loads((tmp_path / "nlu.json").read_text(encoding="utf-8"))
    assert {one["dataset"]: one["value"] for one in written["rows"]} == {"a": 0.75, "b": 0.5}
    assert {name: part["seed"] for name, part in written["meta"]["parts"].items()} == {"a": 2, "b": 1}


def test_sets_that_are_absent_are_left_out_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")

    assert bench.main(["--data", str(tmp_path), "--only", "banking77_full", "--systems", "frozen"]) == 2
    assert "banking77_full: left out" in capsys.readouterr().out
    assert not (tmp_path / "results").exists()


def test_a_larger_draw_holds_the_smaller_one() -> None:
    examples = [Example(f"{intent} {number}", intent) for intent in ("a", "b") for number in range(9)]

    few, more = (learning.draw(examples, size, seed=1) for size in (2, 5))

    assert [one.intent for one in few] == ["a", "a", "b", "b"]
    assert set(few) < set(more)
    assert len(learning.draw(examples, 50, seed=1)) == len(examples)


def test_rasa_reads_the_training_data_letter_by_letter(tmp_path: Path) -> None:
    awkward = Example("a [b](c)\nat ten: - {x}", "alarm", ((12, 15, "time"),))

    read = load_data(str(pipelines.write_training_data([awkward], tmp_path / "nlu.json")))

    (message,) = read.intent_examples
    assert (message.get(TEXT), message.get(INTENT)) == (awkward.text, "alarm")
    assert [(one["start"], one["end"], one["entity"]) for one in message.get(ENTITIES)] == [(12, 15, "time")]


def test_an_intent_below_the_end_of_a_ranking_has_no_probability() -> None:
    parsed = Parsed([[("b", 0.7), ("c", 0.2)]], [set()], np.array([1.0]), 1.0)

    assert parsed.probabilities(["a", "b", "c"]).tolist() == [[0.0, 0.7, 0.2]]


def test_ratios_are_to_the_first_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {"stock": 50.0, "frontdesk": 10.0}
    monkeypatch.setattr(Pipeline, "train", lambda self, _data, _folder: Training(seconds[self.name], 1.0))
    monkeypatch.setattr(Pipeline, "parse", lambda _self, _texts, _folder: Parsed([], [], np.array([2.0, 4.0]), 100.0))

    rows = beside.cost(["hi"], [Pipeline("stock", []), Pipeline("frontdesk", [])])

    values = {(one.system, one.metric): one.value for one in rows}
    assert values["frontdesk", "train_s_ratio"] == pytest.approx(0.2)
    assert values["frontdesk", "parse_p50_ms_ratio"] == pytest.approx(1.0)
    assert ("stock", "train_s_ratio") not in values


def test_a_kept_pipeline_is_trained_anew_when_its_data_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[str] = []

    def train(_self: Pipeline, data: Path, folder: Path) -> Training:
        trained.append(data.read_text(encoding="utf-8"))
        (folder / beside.RECORD).write_text('{"seconds": 5.0, "cpu_seconds": 4.0}', encoding="utf-8")
        return Training(5.0, 4.0)

    monkeypatch.setattr(Pipeline, "train", train)
    monkeypatch.setattr(
        Pipeline, "parse", lambda _self, texts, _folder: Parsed([[("a", 1.0)]] * len(texts), [], np.ones(1), 1.0)
    )
    first = IntentSet("set", (Example("x", "a"), Example("y", "b")), (), (Example("z", "a"),), (), "")
    second = IntentSet("set", (Example("other", "a"), Example("y", "b")), (), (Example("z", "a"),), (), "")

    for found in (first, first, second):
        beside.evaluate_pipeline(found, Pipeline("stock", []), tmp_path, seed=1, samples=5)

    assert len(trained) == 2
    assert "other" in trained[1]
