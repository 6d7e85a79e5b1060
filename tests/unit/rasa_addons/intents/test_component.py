"""Intent classifier and reply selector through Rasa's own storage: trained, kept, loaded, the same each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, INTENT, INTENT_RESPONSE_KEY, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_addons.intents.component import SentenceReplySelector, TransformerIntentClassifier
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder

EXAMPLES = {
    "greet": ["hello", "good morning", "hello there", "hi there"],
    "track_order": ["where is my order", "track my order", "where is the parcel", "has my order been sent"],
    "chitchat/ask_name": ["what is your name", "do you have a name", "your name please"],
    "chitchat/tell_joke": ["tell me a joke", "a joke please", "make me laugh with a joke"],
}
Component = type[TransformerIntentClassifier] | type[SentenceReplySelector]


def featurized(text: str, **more: Any) -> Message:
    """A message with a sentence vector."""
    message = Message({TEXT: text, **more})
    dense = HashingEncoder().encode([text])
    message.add_features(Features(dense, FEATURE_TYPE_SENTENCE, TEXT, "dense"))
    return message


def training_data() -> TrainingData:
    examples = []
    for name, texts in EXAMPLES.items():
        intent, _, topic = name.partition("/")
        more = {INTENT_RESPONSE_KEY: name} if topic else {}
        examples += [featurized(text, **{INTENT: intent, **more}) for text in texts]
    return TrainingData(examples)


def trained(component: Component, folder: Path, **config: Any) -> tuple[Any, Any]:
    """The component as it was trained, and as it is loaded again."""
    storage: ModelStorage = LocalModelStorage(folder)
    resource = Resource("component")
    context = ExecutionContext(GraphSchema({}), node_name="component")
    settings = {**component.get_default_config(), **config}
    fresh = component.create(settings, storage, resource, context)
    assert fresh.train(training_data()) == resource  # type: ignore[attr-defined]
    return fresh, component.load(settings, LocalModelStorage(folder), resource, context)


def ranked(component: Any, text: str) -> list[tuple[str, float]]:
    message = featurized(text)
    component.process([message])
    return [(entry["name"], entry["confidence"]) for entry in message.get("intent_ranking")]


def test_an_intent_is_recognised_with_the_whole_ranking(tmp_path: Path) -> None:
    classifier, _ = trained(TransformerIntentClassifier, tmp_path)

    message = featurized("where is my order")
    classifier.process([message])

    assert message.get("intent")["name"] == "track_order"
    assert sorted(name for name, _ in ranked(classifier, "hello")) == ["chitchat", "greet", "track_order"]
    assert sum(score for _, score in ranked(classifier, "hello")) == pytest.approx(1.0, abs=1e-5)
    assert {"intent", "intent_ranking"} <= message.output_properties
    json.dumps(message.get("intent_ranking"))  # plain numbers, as Rasa's answers need them


def test_what_was_trained_is_what_is_loaded(tmp_path: Path) -> None:
    classifier, loaded = trained(TransformerIntentClassifier, tmp_path)

    for text in ("hello", "where is it", "a joke"):
        assert ranked(loaded, text) == ranked(classifier, text)


def test_training_again_gives_the_same_scores(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    first, _ = trained(TransformerIntentClassifier, tmp_path / "one")
    second, _ = trained(TransformerIntentClassifier, tmp_path / "two")

    assert ranked(first, "where is it") == ranked(second, "where is it")


def test_the_ranking_is_as_long_as_the_setting_says(tmp_path: Path) -> None:
    classifier, _ = trained(TransformerIntentClassifier, tmp_path, ranking_length=2)

    assert len(ranked(classifier, "hello")) == 2


def test_small_talk_is_selected_by_its_topic(tmp_path: Path) -> None:
    for selector in trained(SentenceReplySelector, tmp_path, retrieval_intent="chitchat"):
        message = featurized("a joke please")
        selector.process([message])

        selected = message.get("response_selector")
        assert selected["all_retrieval_intents"] == ["chitchat"]
        assert selected["chitchat"]["response"]["utter_action"] == "utter_chitchat/tell_joke"
        assert selected["chitchat"]["response"]["intent_response_key"] == "chitchat/tell_joke"
        assert {entry["intent_response_key"] for entry in selected["chitchat"]["ranking"]} == {
            "chitchat/tell_joke", "chitchat/ask_name",
        }  # fmt: skip


@pytest.mark.parametrize("component", [TransformerIntentClassifier, SentenceReplySelector])
def test_a_message_without_a_vector_is_left_alone(tmp_path: Path, component: Component) -> None:
    fitted, _ = trained(component, tmp_path)
    pressed = Message({TEXT: "/greet", "intent": {"name": "greet"}})

    fitted.process([pressed])

    assert pressed.get("intent") == {"name": "greet"}
    assert pressed.get("response_selector") is None


def test_without_a_dense_featurizer_the_error_says_what_to_add(tmp_path: Path) -> None:
    context = ExecutionContext(GraphSchema({}), node_name="component")
    classifier = TransformerIntentClassifier.create({}, LocalModelStorage(tmp_path), Resource("component"), context)
    plain = [Message({TEXT: text, INTENT: text}) for text in ("hello", "bye")]

    with pytest.raises(ValueError, match="needs a dense featurizer"):
        classifier.train(TrainingData(plain))  # type: ignore[attr-defined]
