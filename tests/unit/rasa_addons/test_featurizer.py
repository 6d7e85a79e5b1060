"""Sentence vectors in the pipeline: normalised, the same alone as in a batch, and part of the training cache's key."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rasa.engine.graph import ExecutionContext, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.shared.nlu.constants import ACTION_TEXT, INTENT, RESPONSE, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_addons import featurizer as featurizer_module
from rasa_addons.featurizer import SentenceTransformerFeaturizer, sentence_vector
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
