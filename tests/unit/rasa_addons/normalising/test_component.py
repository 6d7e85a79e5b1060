"""The normaliser around a pipeline: plain text inside, the customer's words outside, entities where they stand."""

from __future__ import annotations

import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.entities_parser import parse_training_example
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_addons.entities.extractor import EntityTaggerExtractor
from rasa_addons.normalising.component import MessageNormaliser, OriginalText

CONTEXT = ExecutionContext(GraphSchema({}), node_name="normaliser")
RESOURCE = Resource("normaliser")
EXAMPLES = [
    "where is my order [1043](order_number)",
    "cancel order [1187](order_number)",
    "is order [1555](order_number) late",
    "where is my parcel",
]


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> LocalModelStorage:
    return LocalModelStorage(tmp_path_factory.mktemp("normaliser"))


@pytest.fixture(scope="module")
def normaliser(storage: LocalModelStorage) -> MessageNormaliser:
    config = MessageNormaliser.get_default_config()
    data = TrainingData([parse_training_example(example, "track_order") for example in EXAMPLES])
    MessageNormaliser.create(config, storage, RESOURCE, CONTEXT).train(data)
    return MessageNormaliser.load(config, storage, RESOURCE, CONTEXT)


def test_what_is_read_is_plain(normaliser: MessageNormaliser) -> None:
    (message,) = normaliser.process([Message({TEXT: "Hello!  wher is my odrer 1043 😡\n\nKind regards,\nJo"})])
    assert message.get(TEXT) == "where is my order 1043"


def test_the_customers_words_come_back(normaliser: MessageNormaliser) -> None:
    text = "Hi, wher is my odrer 😡"
    (message,) = OriginalText().process(normaliser.process([Message({TEXT: text})]))
    assert message.get(TEXT) == text
    assert message.as_dict(only_output_properties=True)[TEXT] == text


def test_a_button_is_left_alone(normaliser: MessageNormaliser) -> None:
    text = '/inform{"order_number": "1043"}'
    (message,) = normaliser.process([Message({TEXT: text})])
    assert message.get(TEXT) == text


def test_english_words_that_were_never_trained_are_no_slips(normaliser: MessageNormaliser) -> None:
    (message,) = normaliser.process([Message({TEXT: "the border of parcels"})])
    assert message.get(TEXT) == "the border of parcels"


def test_entities_stand_where_the_customer_wrote_them(
    normaliser: MessageNormaliser, storage: LocalModelStorage
) -> None:
    data = normaliser.process_training_data(
        TrainingData([parse_training_example(example, "track_order") for example in [*EXAMPLES, *EXAMPLES]])
    )
    config = EntityTaggerExtractor.get_default_config()
    extractor = EntityTaggerExtractor.create(config, storage, Resource("entities"), CONTEXT)
    extractor.train(data)
    text = "Hello! 😡 wher is odrer 1777\n\nKind regards,\nJo Smith\n07700 900123"
    (message,) = OriginalText().process(extractor.process(normaliser.process([Message({TEXT: text, INTENT: None})])))
    assert [(each["value"], text[each["start"] : each["end"]]) for each in message.get(ENTITIES)] == [("1777", "1777")]
