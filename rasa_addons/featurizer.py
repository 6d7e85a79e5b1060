"""Sentence features from a sentence-transformers model, as a Rasa graph component."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Text

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import DENSE_FEATURIZABLE_ATTRIBUTES, FEATURIZER_CLASS_ALIAS
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from llm_component.encoder import SentenceEncoder
from rasa_addons.shared_encoder import encoder_name, shared_encoder


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceTransformerFeaturizer(DenseFeaturizer, GraphComponent):
    """Adds one dense vector a message: `(1, dimension)`, float32, L2-normalised.

    Settings in config.yml: `model` (a folder or a hub name; without it the environment's FRONTDESK_ENCODER, without
    that the packaged encoder) and `batch_size` (texts encoded at once during training). Only sentence features are
    added: the entity extractor beside it (a CRF) reads tokens, not vectors.
    """

    @staticmethod
    def required_packages() -> List[Text]:
        return ["sentence_transformers"]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {**DenseFeaturizer.get_default_config(), "model": None, "batch_size": 64}

    def __init__(self, config: Dict[Text, Any], name: Text, encoder: SentenceEncoder) -> None:
        super().__init__(name, config)
        self._encoder = encoder

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceTransformerFeaturizer:
        return cls(config, execution_context.node_name, shared_encoder(encoder_name(config)))

    @classmethod
    def fingerprint_addon(cls, config: Dict[str, Any]) -> Optional[str]:
        """Other weights mean other vectors: their fingerprint is part of Rasa's training cache key."""
        return shared_encoder(encoder_name(config)).fingerprint()

    @classmethod
    def validate_config(cls, config: Dict[Text, Any]) -> None:
        """Nothing to check beyond what `load_encoder` checks with a clear error of its own."""

    def process(self, messages: List[Message]) -> List[Message]:
        for attribute in DENSE_FEATURIZABLE_ATTRIBUTES:
            self._add_features(messages, attribute)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def _add_features(self, messages: List[Message], attribute: Text) -> None:
        with_text = [message for message in messages if message.get(attribute)]
        if not with_text:
            return
        # Texts of one length in a batch need no padding: sorted, training data encodes about twice as fast.
        with_text.sort(key=lambda message: len(message.get(attribute)))
        batch_size = self._config["batch_size"]
        for start in range(0, len(with_text), batch_size):
            batch = with_text[start : start + batch_size]
            vectors = self._encoder.encode([message.get(attribute) for message in batch])
            for message, vector in zip(batch, vectors, strict=True):
                message.add_features(
                    Features(
                        np.asarray(vector, dtype=np.float32)[np.newaxis, :],
                        FEATURE_TYPE_SENTENCE,
                        attribute,
                        self._config[FEATURIZER_CLASS_ALIAS],
                    )
                )


def sentence_vector(message: Message, attribute: Text = TEXT) -> Optional[np.ndarray]:
    """The dense sentence vector of a message, `(dimension,)`, or None when it was not featurized."""
    _, sentence = message.get_dense_features(attribute)
    return None if sentence is None else np.asarray(sentence.features[0], dtype=np.float32)
