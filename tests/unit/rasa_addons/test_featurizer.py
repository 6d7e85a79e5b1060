"""Sentence vectors in the pipeline: normalised, the same alone as in a batch, and part of the training cache's key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.tokenizers.whitespace_tokenizer import WhitespaceTokenizer
from rasa.shared.nlu.constants import ACTION_TEXT, INTENT, RESPONSE, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from llm_component.encoder import PieceVectors
from rasa_addons import featurizer as featurizer_module
from rasa_addons.featurizer import SentenceTransformerFeaturizer, pooled_tokens, sentence_vector
from rasa_addons.vector_cache import CACHE_VARIABLE
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder

TEXTS = ["hi", "where is my order", "the lid of my kettle does not close any more, what can I do about it?", "1043"]


class CountingEncoder(HashingEncoder):
    """Remembers how many texts it was handed at once."""

    def __init__(self, name: str = "counting") -> None:
        super().__init__(name)
        self.batches: list[int] = []

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.batches.append(len(texts))
        return super().encode(texts)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test alone."""
    file = tmp_path / "cache.sqlite"
    monkeypatch.setenv(CACHE_VARIABLE, str(file))
    return file


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> CountingEncoder:
    """A small encoder in the place of the packaged one."""
    small = CountingEncoder()
    monkeypatch.setattr(featurizer_module, "shared_encoder", lambda model: small)
    return small


def component(tmp_path: Path, **config: object) -> SentenceTransformerFeaturizer:
    return SentenceTransformerFeaturizer.create(
        {**SentenceTransformerFeaturizer.get_default_config(), **config},
        LocalModelStorage(tmp_path),
        Resource("featurizer"),
        ExecutionContext(GraphSchema({}), node_name="featurizer"),
    )


def vectors(component: SentenceTransformerFeaturizer, texts: Sequence[str]) -> np.ndarray:
    messages = [Message({TEXT: text}) for text in texts]
    component.process(messages)
    found = [sentence_vector(message) for message in messages]
    assert all(vector is not None for vector in found)
    return np.stack(found)  # type: ignore[arg-type]


def test_the_packaged_encoders_vectors_are_normalised_and_the_same_alone_as_in_a_batch(tmp_path: Path) -> None:
    real = component(tmp_path)

    together = vectors(real, TEXTS)
    alone = np.concatenate([vectors(real, [text]) for text in TEXTS])

    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert np.linalg.norm(together[0] - together[1]) > 0.1


def test_each_message_gets_the_vector_of_its_own_text(tmp_path: Path, encoder: CountingEncoder) -> None:
    texts = ["a long one with many words", "short", "a middle one", "x"]

    np.testing.assert_allclose(
        vectors(component(tmp_path, batch_size=2), texts), HashingEncoder().encode(texts), atol=1e-6
    )
    assert encoder.batches == [2, 2]


def test_training_examples_are_featurized_with_their_texts_only(tmp_path: Path, encoder: CountingEncoder) -> None:
    example, without_text = Message({TEXT: "hi", INTENT: "greet"}), Message({INTENT: "greet"})

    component(tmp_path).process_training_data(TrainingData([example, without_text]))

    assert sentence_vector(example) is not None
    assert sentence_vector(without_text) is None
    assert sentence_vector(example, RESPONSE) is None
    assert sentence_vector(example, ACTION_TEXT) is None
    assert encoder.encoded == ["hi"]


def test_nothing_to_encode_is_no_call(tmp_path: Path, encoder: CountingEncoder) -> None:
    component(tmp_path).process([])

    assert encoder.batches == []


def test_other_weights_are_another_key_of_the_training_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(featurizer_module, "shared_encoder", lambda model: HashingEncoder(name=model or "default"))

    keys = [SentenceTransformerFeaturizer.fingerprint_addon({"model": model}) for model in (None, "other", "other")]

    assert keys[0] != keys[1] == keys[2]
    assert keys[0]


def test_the_weights_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert featurizer_module.shared_encoder(None) is featurizer_module.shared_encoder(None)


def tokenized(text: str) -> Message:
    message = Message({TEXT: text})
    WhitespaceTokenizer(WhitespaceTokenizer.get_default_config()).process([message])
    return message


def token_vectors(message: Message) -> np.ndarray:
    sequence, _ = message.get_dense_features(TEXT)
    assert sequence is not None
    return np.asarray(sequence.features)


def test_a_second_training_encodes_only_what_is_new(tmp_path: Path, encoder: CountingEncoder) -> None:
    component(tmp_path).process_training_data(TrainingData([Message({TEXT: text}) for text in ("hi", "bye", "hi")]))
    again = [Message({TEXT: text}) for text in ("bye", "hi", "new")]
    component(tmp_path).process_training_data(TrainingData(again))

    assert sorted(encoder.encoded) == ["bye", "hi", "new"]
    found = np.stack([sentence_vector(message) for message in again])  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, HashingEncoder().encode(["bye", "hi", "new"]))


def test_a_customers_message_is_not_kept(tmp_path: Path, encoder: CountingEncoder, cache: Path) -> None:
    component(tmp_path).process([Message({TEXT: "my number is 1043"})])

    assert not cache.exists()


def test_tokens_have_vectors_only_where_asked_for(tmp_path: Path, encoder: CountingEncoder) -> None:
    message = tokenized("where is it")
    component(tmp_path).process([message])

    assert message.get_dense_features(TEXT)[0] is None


def test_each_token_has_a_vector_the_same_alone_as_in_a_batch_and_from_the_cache(tmp_path: Path) -> None:
    real = component(tmp_path, token_features=True)
    together = [tokenized(text) for text in TEXTS]
    real.process(together)
    real.process_training_data(TrainingData([tokenized(text) for text in TEXTS]))
    kept = [tokenized(text) for text in TEXTS]
    real.process_training_data(TrainingData(kept))

    for message, from_cache in zip(together, kept, strict=True):
        alone = tokenized(message.get(TEXT))
        real.process([alone])
        assert token_vectors(message).shape == (len(message.get("text_tokens")), 384)
        np.testing.assert_allclose(token_vectors(alone), token_vectors(message), atol=1e-5)
        np.testing.assert_allclose(token_vectors(from_cache), token_vectors(message), atol=1e-5)
    first, second = token_vectors(together[1])[:2]
    assert np.abs(first - second).max() > 0.1


def test_token_vectors_without_a_tokenizer_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a tokenizer"):
        component(tmp_path, token_features=True).process([Message({TEXT: "hi"})])


def test_a_token_is_the_mean_of_its_pieces_and_0_without_any() -> None:
    pieces = PieceVectors(np.array([[1.0, 0.0], [3.0, 2.0], [5.0, 5.0]]), np.array([[0, 2], [2, 5], [6, 8]]))

    np.testing.assert_array_equal(
        pooled_tokens(pieces, ((0, 5), (6, 8), (9, 12))), [[2.0, 1.0], [5.0, 5.0], [0.0, 0.0]]
    )
