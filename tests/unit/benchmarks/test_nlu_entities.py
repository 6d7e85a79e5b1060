"""The measurement of entities: what counts as a hit, and that a system is trained and asked as Rasa would."""

from __future__ import annotations

from pathlib import Path

import pytest
from rasa.shared.nlu.training_data.entities_parser import parse_training_example
from rasa.shared.nlu.training_data.training_data import TrainingData

from benchmarks.nlu import entity_systems
from benchmarks.nlu.entities import micro_f1

EXAMPLES = [
    "where is order [1043](order_number)",
    "cancel order [1187](order_number) please",
    "order [1902](order_number) is late",
    "has order [1555](order_number) been sent",
    "good morning",
    "when do you open",
]


def test_only_the_exact_span_with_its_type_counts() -> None:
    gold = [{(0, 4, "date"), (8, 12, "product")}, set()]
    said = [{(0, 4, "date"), (8, 13, "product")}, {(0, 2, "date")}]
    assert micro_f1(gold, said) == pytest.approx(2 * 1 / (2 + 3))


def test_nothing_expected_and_nothing_found_is_right() -> None:
    assert micro_f1([set()], [set()]) == 1.0


@pytest.mark.parametrize("steps", [entity_systems.stock_crf(), entity_systems.tagger(1, ())], ids=["rasa", "ours"])
def test_a_system_finds_what_it_was_trained_on(steps: tuple[entity_systems.Step, ...], tmp_path: Path) -> None:
    data = TrainingData([parse_training_example(example, "inform") for example in EXAMPLES * 4])
    trained = entity_systems.train(steps, data, tmp_path)
    assert trained.spans(["where is order 1777", "good morning"]) == [{(15, 19, "order_number")}, set()]
