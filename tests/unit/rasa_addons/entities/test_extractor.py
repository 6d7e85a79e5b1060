"""The entity extractor through Rasa's own storage: trained, kept, loaded, the same each time."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.entities_parser import parse_training_example
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_addons.entities.extractor import EntityTaggerExtractor

EXAMPLES = [
    "where is order [1043](order_number)",
    "cancel order [1187](order_number) please",
    "order no [1902](order_number) is late",
    "has #[1555](order_number) been sent",
    'kettles under [£40]{"entity": "amount", "role": "max"}',
    'a toaster under [£90]{"entity": "amount", "role": "max"}',
    'irons from [£30]{"entity": "amount", "role": "min"} upwards',
    'speakers from [£80]{"entity": "amount", "role": "min"}',
    "how much is the [Norvane Swift](product)",
    "is the [Quillon V8](product) in stock",
    "good morning",
    "thanks a lot",
]
LOOKUP = {"name": "product", "elements": ["Norvane Swift 1.7", "Quillon V8 Cordless", "Kestrelle Barista One"]}
CONTEXT = ExecutionContext(GraphSchema({}), node_name="entities")


def trained(folder: Path, **settings: Any) -> EntityTaggerExtractor:
    """A component trained on the examples and loaded again from what it kept."""
    folder.mkdir(exist_ok=True)
    storage, resource = LocalModelStorage(folder), Resource("entities")
    config = {**EntityTaggerExtractor.get_default_config(), **settings}
    messages = [parse_training_example(example, "inform") for example in EXAMPLES]
    patterns = [{"name": "amount", "pattern": r"£\d+"}, {"name": "order_number", "pattern": r"\d{4}"}]
    data = TrainingData(messages, regex_features=patterns, lookup_tables=[LOOKUP])
    EntityTaggerExtractor.create(config, storage, resource, CONTEXT).train(data)
    return EntityTaggerExtractor.load(config, storage, resource, CONTEXT)


@pytest.fixture(scope="module")
def extractor(tmp_path_factory: pytest.TempPathFactory) -> EntityTaggerExtractor:
    return trained(tmp_path_factory.mktemp("entities"), names=["product"])


def entities(extractor: EntityTaggerExtractor, text: str) -> list[dict[str, Any]]:
    (message,) = extractor.process([Message({TEXT: text})])
    return message.get(ENTITIES)


def test_an_entity_comes_in_the_format_of_rasa(extractor: EntityTaggerExtractor) -> None:
    (found,) = entities(extractor, "where is order 1777")
    assert 0 < found.pop("confidence_entity") <= 1
    assert found == {
        "entity": "order_number",
        "start": 15,
        "end": 19,
        "value": "1777",
        "extractor": "EntityTaggerExtractor",
    }


def test_a_label_begins_behind_a_sign(extractor: EntityTaggerExtractor) -> None:
    (found,) = entities(extractor, "has #1778 been sent")
    assert (found["start"], found["value"]) == (5, "1778")


def test_roles_are_told_apart(extractor: EntityTaggerExtractor) -> None:
    assert [entity["role"] for entity in entities(extractor, "kettles under £55")] == ["max"]
    assert [entity["role"] for entity in entities(extractor, "irons from £55 upwards")] == ["min"]


@pytest.mark.parametrize("text", ["norvane swft kettle", "kestrel barista", "quillion v8"])
def test_a_slip_in_a_name_still_finds_the_product(extractor: EntityTaggerExtractor, text: str) -> None:
    assert [entity["entity"] for entity in entities(extractor, text)] == ["product"]


def test_entities_of_other_extractors_stay(extractor: EntityTaggerExtractor) -> None:
    other = {"entity": "number", "start": 0, "end": 3, "value": 1}
    (message,) = extractor.process([Message({TEXT: "one order 1777", ENTITIES: [other]})])
    assert message.get(ENTITIES)[0] == other


def test_the_same_examples_give_the_same_model(tmp_path: Path, extractor: EntityTaggerExtractor) -> None:
    again = trained(tmp_path / "again", names=["product"])
    text = "cancel order 1444 and tell me the price of the quillon v8 under £50"
    assert entities(again, text) == entities(extractor, text)


def test_without_a_single_entity_it_finds_none_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    storage, resource = LocalModelStorage(tmp_path), Resource("entities")
    config = EntityTaggerExtractor.get_default_config()
    component = EntityTaggerExtractor.create(config, storage, resource, CONTEXT)
    with caplog.at_level(logging.WARNING):
        component.train(TrainingData([Message({TEXT: "hello", INTENT: "greet"})]))
        loaded = EntityTaggerExtractor.load(config, storage, resource, CONTEXT)
    assert "learns nothing" in caplog.text
    assert loaded.process([Message({TEXT: "order 1043"})])[0].get(ENTITIES) is None
