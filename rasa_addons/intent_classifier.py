"""Intent classification and reply selection by logistic regression on sentence vectors and character n-grams."""

from __future__ import annotations

import logging
from typing import Any, Dict, List, Optional, Text

import numpy as np
import scipy.sparse
from rasa.engine.graph import ExecutionContext, GraphComponent
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
from rasa_addons.linear_model import LinearModel

logger = logging.getLogger(__name__)


def feature_row(message: Message, sparse_weight: float) -> Optional[scipy.sparse.csr_matrix]:
    """Dense sentence vector and sparse sentence counts side by side, `(1, features)`; None without a dense vector.

    Sparse counts are scaled to length `sparse_weight` (the dense vector has length 1), so that neither drowns
    the other whatever the length of the message.
    """
    dense = sentence_vector(message)
    if dense is None:
        return None
    parts = [scipy.sparse.csr_matrix(dense[np.newaxis, :])]
    _, sparse = message.get_sparse_features(TEXT)
    if sparse is not None:
        counts = scipy.sparse.csr_matrix(sparse.features, dtype=np.float32)
        norm = np.sqrt(counts.multiply(counts).sum())
        parts.append(counts * (sparse_weight / norm) if norm else counts)
    return scipy.sparse.hstack(parts, format="csr", dtype=np.float32)


class _LinearComponent(GraphComponent):
    """What the classifier and the reply selector share: settings, fitting, saving, loading."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"inverse_regularisation": 30.0, "sparse_weight": 1.0, "seed": 1, "ranking_length": 10}

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        model: Optional[LinearModel] = None,
    ) -> None:
        self.config = {**self.get_default_config(), **config}
        self._model_storage = model_storage
        self._resource = resource
        self.model = model

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> _LinearComponent:
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> _LinearComponent:
        with model_storage.read_from(resource) as folder:
            return cls(config, model_storage, resource, LinearModel.load(folder))

    def _fit(self, messages: List[Message], labels: List[str]) -> None:
        rows = [feature_row(message, self.config["sparse_weight"]) for message in messages]
        if any(row is None for row in rows):
            raise ValueError(
                f"{type(self).__name__} needs a dense featurizer before it in the pipeline (config.yml), "
                "for example rasa_addons.featurizer.SentenceTransformerFeaturizer."
            )
        self.model = LinearModel.fit(
            scipy.sparse.vstack(rows, format="csr"),
            labels,
            inverse_regularisation=self.config["inverse_regularisation"],
            seed=self.config["seed"],
        )
        with self._model_storage.write_to(self._resource) as folder:
            self.model.save(folder)

    def _rank(self, message: Message) -> List[Dict[Text, Any]]:
        """The labels for one message with their probabilities; empty for a message without text."""
        row = feature_row(message, self.config["sparse_weight"])
        if row is None or self.model is None:
            return []
        return [
            {"name": label, PREDICTED_CONFIDENCE_KEY: probability} for label, probability in self.model.ranking(row)
        ]

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        return training_data


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SentenceIntentClassifier(_LinearComponent, IntentClassifier):
    """Sets `intent` and `intent_ranking` (all of Rasa's stock format) on each message."""

    def train(self, training_data: TrainingData) -> Resource:
        examples = [example for example in training_data.intent_examples if example.get(TEXT)]
        self._fit(examples, [example.get(INTENT) for example in examples])
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            ranking = self._rank(message)
            if ranking:
                message.set("intent", dict(ranking[0]), add_to_output=True)
                message.set("intent_ranking", ranking[: self.config["ranking_length"]], add_to_output=True)
        return messages


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SentenceReplySelector(_LinearComponent):
    """Picks the sub-topic of a retrieval intent (`chitchat/ask_name`), in the format of Rasa's ResponseSelector.

    `utter_<intent>` then works as Rasa documents it. The stock selector would be the only TensorFlow model of
    the pipeline and take most of its training time for a few dozen short examples.
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {**_LinearComponent.get_default_config(), "retrieval_intent": "chitchat"}

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
                    for entry in ranking[: self.config["ranking_length"]]
                ],
            }
            message.set(
                "response_selector",
                {"all_retrieval_intents": [intent], intent: prediction},
                add_to_output=True,
            )
        return messages
