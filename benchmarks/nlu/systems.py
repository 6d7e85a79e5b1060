"""What is measured: anything that learns intents from examples and gives each a probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from benchmarks.nlu.annotations import Example
from llm_component.encoder import SentenceEncoder
from rasa_addons.intents.model import Encoder, IntentSettings, train_intent_model

# The temperature is fitted by training once more a fold. Above so many examples that takes longer than it tells: the
# order of intents does not depend on it, and a threshold is chosen after it.
MOST_CALIBRATED = 5000
PROBES = 8  # texts that show whether an encoder was trained
SAME = 1e-4  # entries of vectors of length 1 differ by less between two runs of one encoder


class Fitted(Protocol):
    """A trained system; its vectors say where a text lies beside the training data."""

    labels: list[str]

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        """`(n, labels)` in the order of `labels`."""
        ...

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """`(n, d)`, each of length 1."""
        ...


class System(Protocol):
    """What can be trained."""

    @property
    def name(self) -> str:
        """As it stands in the results."""
        ...

    def fit(self, examples: Sequence[Example], seed: int) -> Fitted:
        """Trains on examples of intents; none of them is out of scope."""
        ...


class KeptVectors:
    """An encoder that encodes each text once: rounds of cross-validation and several sets share their texts."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder
        self._known: dict[str, np.ndarray] = {}

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """`(n, d)` float32, each of length 1."""
        new = sorted({text for text in texts if text not in self._known}, key=len)
        self._known.update(zip(new, self._encoder.encode(new), strict=True))
        if not texts:
            return self._encoder.encode(texts)
        return np.stack([self._known[text] for text in texts])

    def fingerprint(self) -> str:
        return self._encoder.fingerprint()


class NothingTrained(RuntimeError):
    """A model that should have trained its encoder gives the vectors of the one it began with."""


@dataclass(frozen=True)
class OurModel:
    """The project's intent model, frozen or fine-tuned; `encoder` is the one it begins with."""

    name: str
    settings: IntentSettings
    encoder: Encoder = field(repr=False)

    def fit(self, examples: Sequence[Example], seed: int) -> Fitted:
        """Raises `NothingTrained` rather than have a frozen model pass for a fine-tuned one."""
        settings = replace(self.settings, seed=seed)
        if len(examples) > MOST_CALIBRATED:
            settings = replace(settings, calibration_folds=0)
        texts, intents = [one.text for one in examples], [one.intent for one in examples]
        if settings.mode == "frozen":
            return train_intent_model(texts, intents, settings, encoder=self.encoder)
        model = train_intent_model(texts, intents, settings)
        if np.allclose(model.vectors(texts[:PROBES]), self.encoder.encode(texts[:PROBES]), atol=SAME):
            raise NothingTrained(f"{self.name}: the encoder is as it was; this version of the model does not train it")
        return model
