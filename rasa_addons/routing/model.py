"""The learned half of routing: signals and sentence vector in, a probability for each kind of turn out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.sparse
from safetensors.numpy import load_file, save_file

from rasa_addons.routing.evidence import Evidence
from rasa_addons.routing.signals import IntentExample, SignalReader, fit_reader
from rasa_addons.routing.softmax import SoftmaxRegression, held_out_probabilities
from rasa_addons.routing.text_signs import LetterModel
from rasa_addons.routing.turns import DECISIONS, IN_SCOPE, LABELS, DialogueState, LabelledTurn

ARRAYS_FILE = "routing.safetensors"
SETTINGS_FILE = "routing.json"


@dataclass(frozen=True)
class RoutingSettings:
    """How the model is trained.

    Parameters:
        inverse_regularisation: C of the regression; higher follows the examples more closely.
        vector_weight: length of the sentence vector beside the signals, which have standard deviation 1.
        mix: the share of each decision among customers' turns, as which the examples are weighed.
        expects: what an answer to each slot looks like: one of `signals.ANSWERS`.
        yes_no: the intents that say yes or no.
        detail: the intents that give a detail.
        folds: the parts in which examples are held out.
        seed: of the parts, and of the forms that examples are put into.
    """

    inverse_regularisation: float = 0.1
    vector_weight: float = 1.0
    mix: Mapping[str, float] = field(
        default_factory=lambda: {"in_scope": 0.5, "open_question": 0.3, "clarify": 0.06, "out_of_scope": 0.14}
    )
    expects: Mapping[str, str] = field(default_factory=dict)
    yes_no: Sequence[str] = ("affirm", "deny")
    detail: Sequence[str] = ("inform",)
    folds: int = 5
    seed: int = 1

    def __post_init__(self) -> None:
        if set(self.mix) != set(DECISIONS) or min(self.mix.values()) <= 0:
            raise ValueError(f"mix needs a share above 0 for each of {', '.join(DECISIONS)}")


@dataclass(frozen=True)
class RoutingModel:
    """`mean` and `spread` `(signals,)` standardise the signals; `regression` reads vector and signals side by side."""

    reader: SignalReader
    mean: np.ndarray
    spread: np.ndarray
    regression: SoftmaxRegression
    vector_weight: float
    temperature: float = 1.0

    def probabilities(self, text: str, vector: np.ndarray, state: DialogueState) -> dict[str, float]:
        """The probability of each label of a message; `vector` is `(d,)`, of length 1. They sum to 1."""
        signals = self.reader.read(text, vector, state)
        features = _features(vector[np.newaxis, :], signals[np.newaxis, :], self.mean, self.spread, self.vector_weight)
        row = self.regression.probabilities(features, self.temperature)[0]
        return dict(zip(self.regression.labels, row.tolist(), strict=True))

    def save(self, folder: Path) -> None:
        """Writes arrays and settings into `folder`."""
        reader, evidence = self.reader, self.reader.evidence
        arrays = {
            "mean": self.mean,
            "spread": self.spread,
            "weights": self.regression.weights,
            "bias": self.regression.bias,
            "letters": reader.letters.table,
            "evidence.vectors": evidence.vectors,
            "evidence.targets": evidence.targets,
            "evidence.weights": evidence.weights,
            "evidence.ngrams.data": evidence.ngrams.data,
            "evidence.ngrams.indices": evidence.ngrams.indices,
            "evidence.ngrams.indptr": evidence.ngrams.indptr,
        }
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / ARRAYS_FILE)
        settings = {
            "labels": self.regression.labels,
            "evidence": evidence.labels,
            "ngram_columns": evidence.ngrams.shape[1],
            "phrases": sorted(reader.phrases),
            "expects": reader.expects,
            "yes_no": reader.yes_no,
            "detail": reader.detail,
            "vector_weight": self.vector_weight,
            "temperature": self.temperature,
        }
        (folder / SETTINGS_FILE).write_text(json.dumps(settings, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> RoutingModel:
        """Reads what `save` wrote."""
        arrays = load_file(folder / ARRAYS_FILE)
        settings = json.loads((folder / SETTINGS_FILE).read_text(encoding="utf-8"))
        vectors = arrays["evidence.vectors"]
        ngrams = tuple(arrays[f"evidence.ngrams.{part}"] for part in ("data", "indices", "indptr"))
        reader = SignalReader(
            evidence=Evidence(
                settings["evidence"],
                vectors,
                scipy.sparse.csr_matrix(ngrams, shape=(len(vectors), settings["ngram_columns"])),
                arrays["evidence.targets"],
                arrays["evidence.weights"],
            ),
            letters=LetterModel(arrays["letters"]),
            phrases=frozenset(settings["phrases"]),
            expects=settings["expects"],
            yes_no=tuple(settings["yes_no"]),
            detail=tuple(settings["detail"]),
        )
        regression = SoftmaxRegression(settings["labels"], arrays["weights"], arrays["bias"])
        return cls(
            reader, arrays["mean"], arrays["spread"], regression, settings["vector_weight"], settings["temperature"]
        )


@dataclass(frozen=True)
class TrainingSet:
    """What the model is fitted on: turns with features `(turns, features)` and weights `(turns,)`."""

    turns: list[LabelledTurn]
    features: np.ndarray
    weights: np.ndarray

    @property
    def labels(self) -> list[str]:
        return [turn.label for turn in self.turns]

    def held_out(self, settings: RoutingSettings) -> np.ndarray:
        """Probabilities `(turns, LABELS)` of each turn from a model fitted without its text."""
        return held_out_probabilities(
            self.features,
            self.labels,
            LABELS,
            inverse_regularisation=settings.inverse_regularisation,
            folds=settings.folds,
            seed=settings.seed,
            weights=self.weights,
            groups=[turn.text for turn in self.turns],
        )


def train_routing_model(
    examples: Sequence[IntentExample],
    turns: Sequence[LabelledTurn],
    vectors: Mapping[str, np.ndarray],
    settings: RoutingSettings,
    temperature: float = 1.0,
) -> tuple[RoutingModel, TrainingSet]:
    """The model, and what it was fitted on.

    Args:
        examples: messages of the dialogue, with their intents: turns in scope outside a form.
        turns: routing examples of each kind.
        vectors: the sentence vector `(d,)`, of length 1, of each text of both.
        temperature: as calibration found it.

    Raises:
        ValueError: a kind of turn has no example.
    """
    if missing := sorted(set(LABELS) - {IN_SCOPE} - {turn.label for turn in turns}):
        raise ValueError(f"there is no routing example of {', '.join(missing)}")
    reader, left_out = fit_reader(
        examples, turns, vectors, expects=settings.expects, yes_no=settings.yes_no, detail=settings.detail
    )
    all_turns = _with_forms(examples, turns, settings)
    signals = np.stack(
        [reader.read(turn.text, vectors[turn.text], turn.state, left_out[turn.text]) for turn in all_turns]
    )
    mean, spread = signals.mean(axis=0), signals.std(axis=0) + 0.05  # a signal that hardly varies must not explode
    dense = np.stack([vectors[turn.text] for turn in all_turns])
    features = _features(dense, signals, mean, spread, settings.vector_weight)
    training = TrainingSet(all_turns, features, _weights(all_turns, settings.mix))
    regression = SoftmaxRegression.fit(
        features, training.labels, inverse_regularisation=settings.inverse_regularisation, weights=training.weights
    )
    return RoutingModel(reader, mean, spread, regression, settings.vector_weight, temperature), training


def _features(
    vectors: np.ndarray, signals: np.ndarray, mean: np.ndarray, spread: np.ndarray, vector_weight: float
) -> np.ndarray:
    return np.hstack([vectors * vector_weight, (signals - mean) / spread]).astype(np.float32)


def _with_forms(
    examples: Sequence[IntentExample], turns: Sequence[LabelledTurn], settings: RoutingSettings
) -> list[LabelledTurn]:
    """All turns, and copies as if they had come in the middle of a form.

    A question, a rude word or a request can come at any point of a form; a yes or no answers a question that wants one.
    """
    random = np.random.default_rng(settings.seed)
    states = sorted({turn.state for turn in turns if turn.state.in_form}, key=lambda state: (state.form, state.asked))
    yes_no = [state for state in states if settings.expects.get(state.asked or "") == "yes_no"]
    outside = [LabelledTurn(example.text, IN_SCOPE) for example in examples]
    inside: list[LabelledTurn] = []
    if states:
        for turn in turns:
            if not turn.state.in_form and turn.kind != IN_SCOPE:
                state = states[random.integers(len(states))]
                inside.append(LabelledTurn(turn.text, turn.kind, turn.topic, state))
        for example in examples:
            if example.intent in settings.yes_no and yes_no:
                inside.append(LabelledTurn(example.text, IN_SCOPE, state=yes_no[random.integers(len(yes_no))]))
            elif example.intent not in (*settings.yes_no, *settings.detail) and random.random() < SHARE_IN_FORMS:
                inside.append(LabelledTurn(example.text, IN_SCOPE, state=states[random.integers(len(states))]))
    return [*outside, *turns, *inside]


SHARE_IN_FORMS = 0.25  # of the requests: most customers answer the question


def _weights(turns: Sequence[LabelledTurn], mix: Mapping[str, float]) -> np.ndarray:
    """`(turns,)`: turns of a decision together weigh its share of the mix; the mean is 1."""
    kinds = [turn.kind for turn in turns]
    total = sum(mix.values())
    share = {kind: mix[kind] / total * len(kinds) / kinds.count(kind) for kind in set(kinds)}
    return np.asarray([share[kind] for kind in kinds])
