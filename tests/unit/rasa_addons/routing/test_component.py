"""The Router in Rasa: trained, stored, loaded, and what it writes into a message with and without a tracker."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.core.events import ActiveLoop, SlotSet
from rasa.shared.core.slots import AnySlot
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, INTENT, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_addons.routing import component
from rasa_addons.routing.calibration import Calibration
from rasa_addons.routing.component import Router
from rasa_addons.routing.decision import Thresholds

SAID = {
    ("in_scope", None): ["where is parcel 1", "where is parcel 2", "my parcel please", "track it now"],
    ("open_question", None): ["how do i clean it", "how do i clean the jug", "why does it leak", "is it safe to use"],
    ("clarify", None): ["order", "about an order", "my order then", "orders"],
    ("out_of_scope", "rude"): ["you fool", "you idiot", "fools all"],
    ("out_of_scope", "nonsense"): ["asdf", "asdf asdf", "qwer asdf"],
    ("out_of_scope", "elsewhere"): ["capital of peru", "capital of spain", "who is king"],
}
CENTRES = {key: np.eye(16)[index] for index, key in enumerate(SAID)}
PLACES = {text: CENTRES[key] for key, texts in SAID.items() for text in texts}


def vector_of(text: str) -> np.ndarray:
    """Near the centre of the kind that the text belongs to."""
    noise = np.random.default_rng(len(text)).normal(scale=0.1, size=16)
    vector = PLACES.get(text, np.ones(16) / 4) + noise
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def featurized(text: str, **data: Any) -> Message:
    message = Message({TEXT: text, **data})
    message.add_features(Features(vector_of(text)[np.newaxis, :], FEATURE_TYPE_SENTENCE, TEXT, "made"))
    return message


def understood(text: str) -> Message:
    ranking = [{"name": "track_order", "confidence": 0.6}, {"name": "refund_status", "confidence": 0.3}]
    return featurized(text, intent=ranking[0], intent_ranking=ranking)


@pytest.fixture
def router(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Router:
    encoder = SimpleNamespace(
        encode=lambda texts: np.stack([vector_of(text) for text in texts]), fingerprint=lambda: "made@1"
    )
    monkeypatch.setattr(component, "shared_encoder", lambda name: encoder)
    examples = tmp_path / "examples"
    examples.mkdir()
    groups = []
    for (kind, topic), texts in SAID.items():
        if kind != "in_scope":
            groups.append({"kind": kind, "examples": texts} | ({"topic": topic} if topic else {}))
    (examples / "turns.yml").write_text(str({"turns": groups}).replace("None", "null"), encoding="utf-8")
    Calibration(Thresholds(0.5, 0.5, 0.5)).write(tmp_path / "calibration.json")
    config = {"examples": str(examples), "calibration": str(tmp_path / "calibration.json")}
    (tmp_path / "storage").mkdir()
    storage = LocalModelStorage.create(tmp_path / "storage")
    messages = [featurized(text, **{INTENT: "track_order"}) for text in SAID["in_scope", None]]
    messages += [featurized(text, **{INTENT: "greet"}) for text in ("hello", "hi there")]
    Router.create(config, storage, Resource("router"), None).train(TrainingData(messages))
    return Router.load(config, storage, Resource("router"), None)


@pytest.mark.parametrize(
    ("text", "intent", "topic"),
    [
        ("where is parcel 2", "track_order", None),
        ("how do i clean the jug", "nlu_fallback", None),
        ("you idiot", "out_of_scope", "rude"),
    ],
)
def test_a_turn_gets_the_intent_of_its_decision(router: Router, text: str, intent: str, topic: str | None) -> None:
    message = router.process([understood(text)])[0]

    assert message.get("intent")["name"] == intent
    assert message.get("routing")["topic"] == topic
    assert "routing" in message.output_properties  # and so reaches the action server


def test_the_tracker_says_what_a_form_waits_for(router: Router) -> None:
    events = [ActiveLoop("order_form"), SlotSet("requested_slot", "code")]
    slots = [AnySlot("requested_slot", mappings=[{}], influence_conversation=False)]
    tracker = DialogueStateTracker.from_events("one", events, slots)

    assert component.dialogue_state(tracker) == component.DialogueState("order_form", "code")
    assert component.dialogue_state(None) == component.NO_FORM
    assert router.process([understood("how do i clean it")], tracker)[0].get("routing")["scores"]


def test_a_pressed_button_and_a_message_without_intents_are_left_alone(router: Router) -> None:
    button, wordless = router.process([understood("/track_order"), featurized("hello")])

    assert button.get("routing") is None
    assert wordless.get("routing") is None


def test_other_thresholds_are_another_fingerprint(router: Router) -> None:
    before = Router.fingerprint_addon(router.config)
    Calibration(Thresholds(0.5, 0.5, 0.6)).write(Path(router.config["calibration"]))

    assert Router.fingerprint_addon(router.config) != before
