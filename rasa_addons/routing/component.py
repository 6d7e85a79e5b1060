"""The Router: the graph component that decides who owns a turn and writes its decision into the message."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any, Dict, List, Optional, Text

import numpy as np
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.core.constants import REQUESTED_SLOT
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from frontdesk.metrics import ROUTED
from rasa_addons.featurizer import sentence_vector
from rasa_addons.graph_components import StoredComponent
from rasa_addons.parts.components import PART_OF_MESSAGE
from rasa_addons.routing.calibration import Calibration
from rasa_addons.routing.decision import Routing, decide
from rasa_addons.routing.model import RoutingModel, RoutingSettings, train_routing_model
from rasa_addons.routing.signals import IntentExample
from rasa_addons.routing.turns import CLARIFY, NO_FORM, OPEN_QUESTION, OUT_OF_SCOPE, DialogueState, read_folder
from rasa_addons.shared_encoder import encoder_name, shared_encoder

logger = logging.getLogger(__name__)

# The intents that stand for a decision; the dialogue has rules for them, and no example is trained under them.
INTENT_OF = {OPEN_QUESTION: "nlu_fallback", CLARIFY: "clarify", OUT_OF_SCOPE: "out_of_scope"}
CALIBRATION_FILE = "calibration.json"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class Router(StoredComponent):
    """Learns from the training data and from examples of turns that no intent owns; decides for each message.

    Settings in config.yml:
        examples: the folder with routing examples (rasa_addons/routing/turns.py says how they are written).
        calibration: the file that `python -m rasa_addons.routing calibrate` writes.
        model: the sentence encoder, as the featurizer names it; without it the featurizer's default.
        expects: for each slot that a form asks for, what an answer looks like (a key of `signals.ANSWERS`).
        yes_no, detail: the intents that answer a question with yes or no, and that give a detail.
        never_clarified: intents that are never offered in "which do you mean?".
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {
            "examples": "data/routing",
            "calibration": "data/routing/calibration.json",
            "model": None,
            "expects": {},
            "yes_no": ["affirm", "deny"],
            "detail": ["inform"],
            "never_clarified": [],
        }

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: Optional[RoutingModel] = None,
        calibration: Optional[Calibration] = None,
    ) -> None:
        super().__init__(config, model_storage, resource)
        self._model = model
        self._calibration = calibration

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> Router:
        with model_storage.read_from(resource) as folder:
            calibration = Calibration.read(folder / CALIBRATION_FILE)
            return cls(config, model_storage, resource, RoutingModel.load(folder), calibration)

    @classmethod
    def fingerprint_addon(cls, config: Dict[str, Any]) -> Optional[str]:
        """Other examples, thresholds or encoder weights mean another router: part of Rasa's training cache key."""
        settings = {**cls.get_default_config(), **config}
        digest = hashlib.sha256(shared_encoder(encoder_name(settings)).fingerprint().encode())
        for path in [*sorted(Path(settings["examples"]).glob("*.yml")), Path(settings["calibration"])]:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()

    def train(self, training_data: TrainingData) -> Resource:
        """Fits the model and stores it with the thresholds."""
        messages = [message for message in training_data.intent_examples if message.get(TEXT)]
        turns = read_folder(Path(self.config["examples"]))
        calibration = Calibration.read(Path(self.config["calibration"]))
        vectors: Dict[str, np.ndarray] = {}
        for message in messages:
            vector = sentence_vector(message)
            if vector is None:
                raise ValueError("The Router needs a dense featurizer before it in the pipeline (config.yml).")
            vectors[message.get(TEXT)] = vector
        texts = sorted({turn.text for turn in turns} - set(vectors), key=len)
        vectors.update(zip(texts, shared_encoder(encoder_name(self.config)).encode(texts), strict=True))
        examples = [intent_example(message) for message in messages]
        model, _ = train_routing_model(examples, turns, vectors, routing_settings(self.config), calibration.temperature)
        with self._model_storage.write_to(self._resource) as folder:
            model.save(folder)
            calibration.write(folder / CALIBRATION_FILE)
        self._model, self._calibration = model, calibration
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data

    def process(
        self,
        messages: List[Message],
        tracker: Optional[DialogueStateTracker] = None,
        domain: Optional[Domain] = None,
    ) -> List[Message]:
        """Routes each message; without a tracker (`rasa test nlu`) as if no form were running."""
        state = dialogue_state(tracker)
        for message in messages:
            routing = self._route(message, state)
            if routing is not None:
                self._write(message, routing)
        return messages

    def _route(self, message: Message, state: DialogueState) -> Optional[Routing]:
        text = message.get(TEXT) or ""
        ranking = [(entry["name"], entry["confidence"]) for entry in message.get("intent_ranking") or []]
        vector = sentence_vector(message)
        # A pressed button (`/intent`) has been parsed by Rasa already and needs no routing.
        if not ranking or vector is None or text.startswith(INTENT_MESSAGE_PREFIX):
            return None
        if self._model is None or self._calibration is None:
            raise RuntimeError("the router was used before it was trained or loaded")
        probabilities = self._model.probabilities(text, vector, state)
        return decide(probabilities, ranking, self._calibration.thresholds, frozenset(self.config["never_clarified"]))

    @staticmethod
    def _write(message: Message, routing: Routing) -> None:
        if not message.get(PART_OF_MESSAGE):  # the whole message is what is counted
            ROUTED.labels(decision=routing.decision).inc()
        scores = {name: round(score, 4) for name, score in routing.scores.items()}
        logger.info(
            "routed",
            extra={"decision": routing.decision, "topic": routing.topic, "scores": scores, "why": routing.reason},
        )
        message.set("routing", asdict(routing), add_to_output=True)
        replacement = INTENT_OF.get(routing.decision)
        if replacement:
            intent = {"name": replacement, "confidence": routing.scores[routing.decision]}
            message.set("intent", intent, add_to_output=True)
            message.set("intent_ranking", [intent, *message.get("intent_ranking")], add_to_output=True)


def dialogue_state(tracker: Optional[DialogueStateTracker]) -> DialogueState:
    """The running form and the slot it asks for; nothing without a tracker."""
    if tracker is None or not tracker.active_loop_name:
        return NO_FORM
    return DialogueState(tracker.active_loop_name, tracker.get_slot(REQUESTED_SLOT))


def intent_example(message: Message) -> IntentExample:
    """What routing learns of a training message."""
    text = message.get(TEXT)
    marked = message.get(ENTITIES) or []
    phrases = tuple(text[entity["start"] : entity["end"]] for entity in marked if "end" in entity)
    return IntentExample(text, message.get(INTENT), phrases)


def routing_settings(config: Dict[Text, Any]) -> RoutingSettings:
    """The settings of the model among those of config.yml."""
    return RoutingSettings(expects=config["expects"], yes_no=config["yes_no"], detail=config["detail"])
