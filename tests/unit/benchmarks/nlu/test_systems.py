"""The project's intent model as a system of the benchmark."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.nlu import systems
from benchmarks.nlu.annotations import Example
from benchmarks.nlu.systems import KeptVectors, NothingTrained, OurModel
from rasa_addons.intents.model import IntentSettings
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder

EXAMPLES = [
    Example(f"{word} {filler}", intent)
    for intent, word in (("greet", "hello"), ("track", "parcel"), ("refund", "money"))
    for filler in ("please", "now", "today", "thanks")
]


def test_a_text_is_encoded_once() -> None:
    encoder = HashingEncoder()
    kept = KeptVectors(encoder)  # type: ignore[arg-type]

    first = kept.encode(["one", "two", "one"])
    second = kept.encode(["two", "three"])

    assert sorted(encoder.encoded) == ["one", "three", "two"]
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(first[1], second[0])
    assert np.array_equal(second[1], HashingEncoder().encode(["three"])[0])


def test_the_frozen_model_learns_intents_and_gives_the_encoders_vectors() -> None:
    encoder = HashingEncoder()

    fitted = OurModel("frozen", IntentSettings(calibration_folds=2), encoder).fit(EXAMPLES, seed=1)
    found = fitted.probabilities(["hello now", "parcel now"]).argmax(axis=1)

    assert [fitted.labels[place] for place in found] == ["greet", "track"]
    assert np.allclose(fitted.vectors(["hello now"]), encoder.encode(["hello now"]))


def test_a_model_that_trained_no_encoder_is_not_measured_as_fine_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = HashingEncoder()
    frozen = OurModel("frozen", IntentSettings(calibration_folds=0), encoder).fit(EXAMPLES, seed=1)
    monkeypatch.setattr(systems, "train_intent_model", lambda *_arguments, **_named: frozen)

    with pytest.raises(NothingTrained, match="fine_tuned"):
        OurModel("fine_tuned", IntentSettings(mode="fine_tuned"), encoder).fit(EXAMPLES, seed=1)
