"""Sentence and token features from a sentence-transformers model, as a Rasa graph component."""

from __future__ import annotations

import logging
import time
from typing import Any, Callable, Dict, List, Optional, Sequence, Text, Tuple

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import DENSE_FEATURIZABLE_ATTRIBUTES, FEATURIZER_CLASS_ALIAS, TOKENS_NAMES
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, FEATURE_TYPE_SEQUENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from llm_component.encoder import PieceVectors, SentenceEncoder
from rasa_addons.shared_encoder import encoder_name, shared_encoder
from rasa_addons.vector_cache import VectorCache, cache_file

logger = logging.getLogger(__name__)

REPORT_SECONDS = 10.0
SENTENCES, TOKENS = "sentences", "tokens"  # kinds of vectors in the cache

Spans = Tuple[Tuple[int, int], ...]
Encode = Callable[[Sequence[str]], Sequence[np.ndarray]]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceTransformerFeaturizer(DenseFeaturizer, GraphComponent):
    """Adds one dense vector a message, `(1, dimension)`, float32, L2-normalised.

    With `token_features: true` also one a token, `(tokens, dimension)`: the mean of the last hidden states of the word
    pieces that lie in it. That is a second run of the encoder. What an encoder no longer reads has vectors of 0.

    Other settings in config.yml: `model` (a folder or a hub name; without it the environment's FRONTDESK_ENCODER,
    without that the packaged encoder) and `batch_size` (texts encoded at once during training). Vectors of training
    examples are kept on disk (`rasa_addons/vector_cache.py`).
    """

    @staticmethod
    def required_packages() -> List[Text]:
        return ["sentence_transformers"]

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {**DenseFeaturizer.get_default_config(), "model": None, "batch_size": 64, "token_features": False}

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
            self._add_features(messages, attribute, cached=False)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        for attribute in DENSE_FEATURIZABLE_ATTRIBUTES:
            self._add_features(training_data.training_examples, attribute, cached=True)
        return training_data

    def _add_features(self, messages: List[Message], attribute: Text, cached: bool) -> None:
        with_text = [message for message in messages if message.get(attribute)]
        if not with_text:
            return
        texts = [message.get(attribute) for message in with_text]
        sentences = self._all_vectors(texts, self._sentence_vectors, SENTENCES, cached)
        self._attach(with_text, sentences, FEATURE_TYPE_SENTENCE, attribute)
        if self._config["token_features"]:
            spans_of = {message.get(attribute): token_spans(message, attribute) for message in with_text}
            tokens = self._all_vectors(
                texts, lambda batch: self._token_vectors(batch, spans_of), TOKENS, cached, lambda text: spans_of[text]
            )
            self._attach(with_text, tokens, FEATURE_TYPE_SEQUENCE, attribute)

    def _sentence_vectors(self, texts: Sequence[Text]) -> List[np.ndarray]:
        return [vector[np.newaxis, :] for vector in self._encoder.encode(texts)]

    def _token_vectors(self, texts: Sequence[Text], spans_of: Dict[Text, Spans]) -> List[np.ndarray]:
        pieces = self._encoder.encode_pieces(texts)
        return [pooled_tokens(each, spans_of[text]) for text, each in zip(texts, pieces, strict=True)]

    def _attach(self, messages: List[Message], arrays: Sequence[np.ndarray], kind: Text, attribute: Text) -> None:
        for message, array in zip(messages, arrays, strict=True):
            vectors = np.asarray(array, dtype=np.float32)
            message.add_features(Features(vectors, kind, attribute, self._config[FEATURIZER_CLASS_ALIAS]))

    def _all_vectors(
        self,
        texts: List[Text],
        encode: Encode,
        kind: Text,
        cached: bool,
        spans: Callable[[Text], Spans] = lambda text: (),
    ) -> List[np.ndarray]:
        """What `encode` gives for each text; with `cached`, of those alone that the disk does not hold.

        `spans` says where a text's tokens stand if its vectors hang on that: another tokenizer, other vectors.
        """
        file = cache_file() if cached else None
        if file is None:
            return self._encoded(texts, encode)
        cache = VectorCache(file, f"{self._encoder.fingerprint()}|{kind}", self._encoder.dimension)
        key_of = {text: f"{text}\0{spans(text)}" for text in texts}
        known = cache.get(list(key_of.values()))
        missing = [text for text, key in key_of.items() if key not in known]
        fresh = {key_of[text]: each for text, each in zip(missing, self._encoded(missing, encode), strict=True)}
        if fresh:
            cache.put(fresh)
        known.update(fresh)
        return [known[key_of[text]] for text in texts]

    def _encoded(self, texts: List[Text], encode: Encode) -> List[np.ndarray]:
        # Texts of one length in a batch need no padding: sorted, training data encodes about twice as fast.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        found: Dict[int, np.ndarray] = {}
        begun = said = time.monotonic()
        for start in range(0, len(order), self._config["batch_size"]):
            batch = order[start : start + self._config["batch_size"]]
            found.update(zip(batch, encode([texts[index] for index in batch]), strict=True))
            now = time.monotonic()
            if now - said >= REPORT_SECONDS:
                said = now
                left = (now - begun) / len(found) * (len(texts) - len(found))
                logger.info("encoded %d of %d texts, about %.0f s left", len(found), len(texts), left)
        return [found[index] for index in range(len(texts))]


def token_spans(message: Message, attribute: Text = TEXT) -> Spans:
    """Where the message's tokens stand, in characters. Raises `ValueError` where no tokenizer came before."""
    tokens = message.get(TOKENS_NAMES[attribute])
    if tokens is None:
        raise ValueError("token_features: true needs a tokenizer before the featurizer in the pipeline (config.yml)")
    return tuple((token.start, token.end) for token in tokens)


def pooled_tokens(pieces: PieceVectors, spans: Spans) -> np.ndarray:
    """`(tokens, dimension)`: the mean of the pieces that overlap each token; 0 for a token without any."""
    vectors = np.zeros((len(spans), pieces.vectors.shape[1]), dtype=np.float32)
    for row, (start, end) in enumerate(spans):
        inside = (pieces.spans[:, 0] < end) & (pieces.spans[:, 1] > start)
        if inside.any():
            vectors[row] = pieces.vectors[inside].mean(axis=0)
    return vectors


def sentence_vector(message: Message, attribute: Text = TEXT) -> Optional[np.ndarray]:
    """The dense sentence vector of a message, `(dimension,)`, or None when it was not featurized."""
    _, sentence = message.get_dense_features(attribute)
    return None if sentence is None else np.asarray(sentence.features[0], dtype=np.float32)
