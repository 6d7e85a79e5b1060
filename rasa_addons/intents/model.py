"""An intent model without Rasa: texts in, calibrated probabilities out; trained, saved to a folder, loaded."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import List, Literal, Optional, Protocol, Sequence, get_args

import numpy as np
from scipy.special import softmax

from llm_component.encoder import SentenceEncoder, load_encoder
from llm_component.encoder_training.options import EncoderTraining
from llm_component.manifest import ManifestError, read_manifest, write_manifest
from rasa_addons.intents.calibration import fit_temperature, held_out_temperature, stratified_folds
from rasa_addons.intents.linear_model import LinearModel
from rasa_addons.intents.ngrams import ngram_rows
from rasa_addons.shared_encoder import encoder_name, shared_encoder

Mode = Literal["frozen", "fine_tuned"]
ENCODER_FOLDER = "encoder"  # of a fine-tuned model, inside its own


class Encoder(Protocol):
    """What a model needs of `llm_component.encoder.SentenceEncoder`."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """`(n, dimension)`, float32, each row of length 1."""
        ...

    def fingerprint(self) -> str:
        """Equal strings mean vectors that may be compared."""
        ...


@dataclass(frozen=True)
class IntentSettings(EncoderTraining):
    """How a model is trained; what it inherits is for `fine_tuned` alone, but for `seed`.

    Parameters:
        mode: `frozen` fits a linear head on the encoder's vectors; `fine_tuned` trains the encoder too.
        encoder: a sentence-transformers folder or hub id; None is FRONTDESK_ENCODER, without that the packaged one.
        inverse_regularisation: C of the linear head; higher follows the examples more closely.
        ngram_weight: length of the character n-grams beside the sentence vector, which has length 1; 0 leaves them
            out. A fine-tuned encoder reads word pieces of its own and has none.
        calibration_folds: of `frozen`: examples are held out in so many parts to fit the temperature; 0 or 1 leaves it
            at 1. `fine_tuned` fits it on the examples that decide when to stop.
    """

    mode: Mode = "frozen"
    encoder: Optional[str] = None
    inverse_regularisation: float = 30.0
    ngram_weight: float = 1.0
    calibration_folds: int = 5

    def __post_init__(self) -> None:
        """Raises `ValueError` for a setting that means nothing."""
        super().__post_init__()
        if self.mode not in get_args(Mode):
            raise ValueError(f"mode: {self.mode} is unknown; use one of {', '.join(get_args(Mode))}")
        if self.inverse_regularisation <= 0:
            raise ValueError(f"inverse_regularisation: {self.inverse_regularisation} must be above 0")
        if self.ngram_weight < 0:
            raise ValueError(f"ngram_weight: {self.ngram_weight} must not be below 0")


class IntentModel:
    """A linear head on sentence vectors and character n-grams, its labels and its temperature."""

    def __init__(
        self,
        labels: Sequence[str],
        head: LinearModel,
        temperature: float,
        settings: IntentSettings,
        encoder_fingerprint: Optional[str],
        encoder: Optional[Encoder] = None,
    ) -> None:
        """`encoder` may be left out: the one that `settings` names is loaded when texts come without vectors.

        `encoder_fingerprint` is None where the vectors to train on were handed in: nobody knows whose they were.
        """
        self.labels: List[str] = list(labels)
        self.head = head
        self.temperature = temperature
        self.settings = settings
        self.encoder_fingerprint = encoder_fingerprint
        self._encoder = encoder

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Sentence vectors, `(n, d)` float32, each of length 1.

        Raises:
            ValueError: the encoder is not the one that the model was trained on, or that is not known.
        """
        if self._encoder is None:
            if self.encoder_fingerprint is None:
                raise ValueError("this intent model was trained on vectors from elsewhere; hand them in")
            encoder = _encoder_of(self.settings)
            if encoder.fingerprint() != self.encoder_fingerprint:
                raise ValueError(
                    f"the intent model was trained on the encoder {self.encoder_fingerprint}, and this is "
                    f"{encoder.fingerprint()}; name that one or train the model anew"
                )
            self._encoder = encoder
        return self._encoder.encode(texts)

    def probabilities(self, texts: Sequence[str], vectors: Optional[np.ndarray] = None) -> np.ndarray:
        """Calibrated, `(n, labels)` in the order of `labels`; rows sum to one.

        Args:
            vectors: the encoder's vectors of `texts`, where they are at hand.
        """
        if not len(texts):
            return np.zeros((0, len(self.labels)), dtype=np.float32)
        dense = self.vectors(texts) if vectors is None else vectors
        features = dense
        if self.settings.mode == "frozen":
            features = np.hstack([dense, ngram_rows(texts, self.settings.ngram_weight)])
        return np.asarray(softmax(self.head.logits(features) / self.temperature, axis=1))

    def save(self, folder: Path) -> None:
        """Writes the model into `folder`, with the SHA-256 of each file in its manifest."""
        folder.mkdir(parents=True, exist_ok=True)
        self.head.save(folder)
        if self.settings.mode == "fine_tuned":
            assert isinstance(self._encoder, SentenceEncoder)
            self._encoder.save(folder / ENCODER_FOLDER)
        about = {
            "labels": self.labels,
            "temperature": self.temperature,
            "settings": asdict(self.settings),
            "encoder": self.encoder_fingerprint,
        }
        write_manifest(folder, about)

    @classmethod
    def load(cls, folder: Path, encoder: Optional[Encoder] = None) -> IntentModel:
        """Reads what `save` wrote; nothing is unpickled.

        Raises:
            ManifestError: a file is missing or changed, or was written by another version of this class.
        """
        about = read_manifest(folder)
        try:
            settings = IntentSettings(**about["settings"])
            if settings.mode == "fine_tuned":
                encoder = load_encoder(str(folder / ENCODER_FOLDER))
            return cls(
                about["labels"],
                LinearModel.load(folder),
                float(about["temperature"]),
                settings,
                about["encoder"],
                encoder,
            )
        except (KeyError, TypeError, OSError) as error:
            raise ManifestError(f"{folder} holds no intent model of this version ({error}); train it anew") from error


def train_intent_model(
    texts: Sequence[str],
    labels: Sequence[str],
    settings: IntentSettings,
    *,
    vectors: Optional[np.ndarray] = None,
    encoder: Optional[Encoder] = None,
    start: Optional[IntentModel] = None,
) -> IntentModel:
    """Trains on `texts` with one label each.

    Args:
        vectors: `(n, d)`, the encoder's vectors of `texts`, where they are at hand.
        encoder: instead of the one that `settings` names.
        start: a model of the same labels to go on from.

    Raises:
        ValueError: fewer than two labels, or `start` has others.
    """
    names = sorted(set(labels))
    if len(names) < 2:
        raise ValueError("a classifier needs examples of at least two intents")
    if start is not None and start.labels != names:
        changed = ", ".join(sorted(set(names) ^ set(start.labels)))
        raise ValueError(f"training cannot go on from a model of other intents ({changed}); train without --finetune")
    if start is not None and start.settings.mode != settings.mode:
        raise ValueError(
            f"training cannot go on in mode {settings.mode} from a {start.settings.mode} model; train anew"
        )
    index = {name: position for position, name in enumerate(names)}
    targets = np.asarray([index[label] for label in labels])
    if settings.mode == "fine_tuned":
        return _fine_tuned(texts, names, targets, settings, encoder, start)
    if vectors is None:
        encoder = encoder or _encoder_of(settings)
        vectors = encoder.encode(texts)
    features = np.hstack([vectors, ngram_rows(texts, settings.ngram_weight)])

    def fit(indices: np.ndarray, first: Optional[LinearModel] = None) -> LinearModel:
        regularisation = settings.inverse_regularisation
        return LinearModel.fit(
            features[indices], targets[indices], len(names), inverse_regularisation=regularisation, start=first
        )

    head = fit(np.arange(len(texts)), start.head if start else None)
    temperature = held_out_temperature(
        targets,
        lambda train, held_out: fit(train).logits(features[held_out]),
        folds=settings.calibration_folds,
        seed=settings.seed,
    )
    return IntentModel(names, head, temperature, settings, encoder.fingerprint() if encoder else None, encoder)


def _fine_tuned(
    texts: Sequence[str],
    names: List[str],
    targets: np.ndarray,
    settings: IntentSettings,
    encoder: Optional[Encoder],
    start: Optional[IntentModel],
) -> IntentModel:
    """Goes on from the linear head on the encoder's vectors, or from the encoder and head of `start`."""
    from llm_component.encoder_training.train import Head, train_encoder  # torch's training takes seconds to import

    base = start._encoder if start else encoder or _encoder_of(settings)
    assert isinstance(base, SentenceEncoder)
    held_out = np.zeros(0, dtype=int)
    if settings.validation_share:
        folds = stratified_folds(targets, max(2, round(1 / settings.validation_share)), settings.seed)
        held_out = next((part for _, part in folds), held_out)
    trained = np.setdiff1d(np.arange(len(texts)), held_out)
    head = start.head if start else None
    if head is None:
        first = [texts[index] for index in trained]
        head = LinearModel.fit(
            base.encode(first), targets[trained], len(names), inverse_regularisation=settings.inverse_regularisation
        )
    encoder, fitted = train_encoder(
        base, texts, targets, Head(head.weights, head.bias), settings, [int(index) for index in held_out]
    )
    head = LinearModel(fitted.weights, fitted.bias)
    temperature = fit_temperature(head.logits(encoder.encode([texts[each] for each in held_out])), targets[held_out])
    return IntentModel(names, head, temperature, settings, encoder.fingerprint(), encoder)


def _encoder_of(settings: IntentSettings) -> SentenceEncoder:
    return shared_encoder(encoder_name({"model": settings.encoder}))
