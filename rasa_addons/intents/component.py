"""Intent classifier and reply selector as Rasa graph components over `rasa_addons.intents.model`."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Dict, List, Optional, Text

import numpy as np
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import (
    INTENT,
    INTENT_RESPONSE_KEY,
    PREDICTED_CONFIDENCE_KEY,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_addons.featurizer import sentence_vector
from rasa_addons.graph_components import StoredComponent
from rasa_addons.intents.model import IntentModel, IntentSettings, train_intent_model

# A setting of config.yml that is not of the model: how many intents a message's ranking holds.
RANKING_LENGTH = "ranking_length"


class _IntentComponent(StoredComponent):
    """What the classifier and the reply selector share: settings, training, saving, loading."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        """The settings of `IntentSettings` by their names, with `model` for its encoder, as the featurizer has it."""
        defaults = {each.name: each.default for each in fields(IntentSettings) if each.name != "encoder"}
        return {**defaults, "model": None, RANKING_LENGTH: 10}

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: Optional[IntentModel] = None,
        finetuning: bool = False,
    ) -> None:
        """`finetuning`: training goes on from `model` (`rasa train --finetune`)."""
        super().__init__(config, model_storage, resource)
        named = {each.name for each in fields(IntentSettings)} & self.config.keys()
        self.settings = IntentSettings(
            encoder=self.config["model"], **{name: self.config[name] for name in named - {"encoder"}}
        )
        self.model = model
        self._finetuning = finetuning

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> _IntentComponent:
        with model_storage.read_from(resource) as folder:
            model = IntentModel.load(folder)
        return cls(config, model_storage, resource, model, execution_context.is_finetuning)

    def _fit(self, messages: List[Message], labels: List[Text]) -> None:
        vectors: Optional[np.ndarray] = None
        if self.settings.mode == "frozen":
            found = [sentence_vector(message) for message in messages]
            if any(vector is None for vector in found):
                raise ValueError(
                    f"{type(self).__name__} needs a dense featurizer before it in the pipeline (config.yml), "
                    "for example rasa_addons.featurizer.SentenceTransformerFeaturizer."
                )
            vectors = np.stack(found)  # type: ignore[arg-type]
        texts = [message.get(TEXT) for message in messages]
        start = self.model if self._finetuning else None
        self.model = train_intent_model(texts, labels, self.settings, vectors=vectors, start=start)
        with self._model_storage.write_to(self._resource) as folder:
            self.model.save(folder)

    def _rank(self, message: Message) -> List[Dict[Text, Any]]:
        """The labels for one message with their probabilities, best first; empty for one without text or vector."""
        text = message.get(TEXT)
        vector = sentence_vector(message) if self.settings.mode == "frozen" else None
        if self.model is None or not text or (vector is None and self.settings.mode == "frozen"):
            return []
        vectors = None if vector is None else vector[np.newaxis, :]
        probabilities = self.model.probabilities([text], vectors)[0]
        return [
            {"name": self.model.labels[index], PREDICTED_CONFIDENCE_KEY: float(probabilities[index])}
            for index in np.argsort(-probabilities)
        ]

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class TransformerIntentClassifier(_IntentComponent, IntentClassifier):
    """Sets `intent` and `intent_ranking` (all of Rasa's stock format) on each message.

    Settings: those of `IntentSettings`. `mode: frozen` reads the vectors of the featurizer before it in the pipeline;
    `mode: fine_tuned` trains an encoder of its own.
    """

    def train(self, training_data: TrainingData) -> Resource:
        examples = [example for example in training_data.intent_examples if example.get(TEXT)]
        self._fit(examples, [example.get(INTENT) for example in examples])
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            ranking = self._rank(message)
            if ranking:
                message.set("intent", dict(ranking[0]), add_to_output=True)
                message.set("intent_ranking", ranking[: self.config[RANKING_LENGTH]], add_to_output=True)
        return messages


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SentenceReplySelector(_IntentComponent):
    """Picks the sub-topic of a retrieval intent (`chitchat/ask_name`), in the format of Rasa's ResponseSelector.

    `utter_<intent>` then works as Rasa documents it. The stock selector would be the only TensorFlow model of
    the pipeline and take most of its training time for a few dozen short examples.
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {**_IntentComponent.get_default_config(), "retrieval_intent": "chitchat"}

    def train(self, training_data: TrainingData) -> Resource:
        intent = self.config["retrieval_intent"]
        examples = [
            example
            for example in training_data.intent_examples
            if example.get(INTENT) == intent and example.get(INTENT_RESPONSE_KEY)
        ]
        self._fit(examples, [example.get(INTENT_RESPONSE_KEY) for example in examples])
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        intent = self.config["retrieval_intent"]
        for message in messages:
            ranking = self._rank(message)
            if not ranking:
                continue
            selected = ranking[0]
            prediction = {
                "response": {
                    "responses": [],
                    "confidence": selected[PREDICTED_CONFIDENCE_KEY],
                    "intent_response_key": selected["name"],
                    "utter_action": f"utter_{selected['name']}",
                },
                "ranking": [
                    {"intent_response_key": entry["name"], "confidence": entry[PREDICTED_CONFIDENCE_KEY]}
                    for entry in ranking[: self.config[RANKING_LENGTH]]
                ],
            }
            message.set(
                "response_selector",
                {"all_retrieval_intents": [intent], intent: prediction},
                add_to_output=True,
            )
        return messages
