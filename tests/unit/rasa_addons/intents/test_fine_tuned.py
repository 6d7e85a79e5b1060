"""The fine-tuned mode: an encoder of the model's own, kept with it, checked, and gone on with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from llm_component.encoder import SentenceEncoder
from llm_component.manifest import ManifestError
from rasa_addons.intents.model import IntentModel, IntentSettings, train_intent_model
from tests.unit.llm_component.encoder_training.tiny_encoder import tiny_encoder

EXAMPLES = {
    "greet": ["hello", "hello there", "hi there", "hi", "hello hi"],
    "track_order": [
        "where is my order",
        "my order",
        "where is my parcel",
        "is my parcel there",
        "order where",
        "parcel",
    ],
}
TEXTS = [text for texts in EXAMPLES.values() for text in texts]
LABELS = [label for label, texts in EXAMPLES.items() for _ in texts]
SETTINGS = IntentSettings(
    mode="fine_tuned", epochs=3, batch_size=4, learning_rate=1e-3, validation_share=0.34, device="cpu", precision="fp32"
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    words = sorted({word for text in TEXTS for word in text.split()})
    return tiny_encoder(tmp_path_factory.mktemp("encoder"), words)


@pytest.fixture(scope="module")
def model(base: SentenceEncoder) -> IntentModel:
    return train_intent_model(TEXTS, LABELS, SETTINGS, encoder=base)


def test_the_encoder_is_trained_and_the_labels_are_told_apart(model: IntentModel, base: SentenceEncoder) -> None:
    found = model.probabilities(TEXTS)

    assert np.abs(model.vectors(TEXTS) - base.encode(TEXTS)).max() > 1e-3
    right = [model.labels[index] == label for index, label in zip(found.argmax(axis=1), LABELS, strict=True)]
    assert np.mean(right) >= 0.8  # a third was held out, and the encoder began with random weights
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-5)


def test_the_encoder_is_saved_and_loaded_with_the_model(model: IntentModel, tmp_path: Path) -> None:
    model.save(tmp_path)

    loaded = IntentModel.load(tmp_path)

    np.testing.assert_allclose(loaded.probabilities(TEXTS), model.probabilities(TEXTS), atol=1e-5)


def test_changed_weights_of_the_encoder_are_refused(model: IntentModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    weights = tmp_path / "encoder" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")

    with pytest.raises(ManifestError, match=r"model\.safetensors is not the file"):
        IntentModel.load(tmp_path)


def test_training_goes_on_from_the_stored_weights(model: IntentModel, tmp_path: Path) -> None:
    """At no rate to speak of, what comes out is what was stored, and not the base encoder."""
    model.save(tmp_path)
    resting = replace(SETTINGS, epochs=1, learning_rate=1e-12)

    again = train_intent_model([*TEXTS, "hi hello"], [*LABELS, "greet"], resting, start=IntentModel.load(tmp_path))

    np.testing.assert_allclose(again.vectors(TEXTS), model.vectors(TEXTS), atol=1e-5)
    np.testing.assert_allclose(again.head.weights, model.head.weights, atol=1e-5)


def test_a_frozen_model_cannot_be_gone_on_with_as_a_fine_tuned_one(base: SentenceEncoder) -> None:
    frozen = train_intent_model(TEXTS, LABELS, IntentSettings(), encoder=base)

    with pytest.raises(ValueError, match="mode"):
        train_intent_model(TEXTS, LABELS, SETTINGS, start=frozen)
