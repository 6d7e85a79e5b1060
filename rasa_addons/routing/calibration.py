"""From held-out probabilities to thresholds: chosen on the examples, written down with their curve."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy.optimize

from rasa_addons.routing.decision import Thresholds, decide
from rasa_addons.routing.turns import DECISIONS, IN_SCOPE, LABELS, OPEN_QUESTION, LabelledTurn

GRID = (0.3, 0.4, 0.5, 0.6)  # for the two thresholds that come before in scope
SCOPE_GRID = tuple(round(0.05 * step, 2) for step in range(4, 17))
# Stands for any ranking: which intents there are to ask about matters to no threshold.
_TWO_INTENTS = (("first", 0.5), ("second", 0.3))


class CalibrationError(ValueError):
    """A calibration file that is missing or cannot be used; the message says what to run."""


@dataclass(frozen=True)
class Rates:
    """Shares from 0 to 1, turns weighed by the mix: right decisions, and the two mistakes that matter most."""

    accuracy: float
    in_scope_to_model: float
    open_into_dialogue: float


@dataclass(frozen=True)
class Calibration:
    """Thresholds and the temperature that the model's logits are divided by, with the curve they were chosen on."""

    thresholds: Thresholds
    temperature: float = 1.0
    rates: Rates | None = None
    curve: list[dict[str, float]] = field(default_factory=list)

    def write(self, path: Path) -> None:
        """As JSON."""
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Calibration:
        """What `write` wrote.

        Raises:
            CalibrationError: the file is missing or of another form.
        """
        try:
            stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            rates = Rates(**stored["rates"]) if stored["rates"] else None
            return cls(Thresholds(**stored["thresholds"]), float(stored["temperature"]), rates, stored["curve"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CalibrationError(
                f"{path} holds no thresholds of routing ({error}); run: python -m rasa_addons.routing calibrate"
            ) from error


def calibrate(
    turns: Sequence[LabelledTurn], held_out: np.ndarray, weights: np.ndarray, most_lost: float
) -> Calibration:
    """The thresholds with the best accuracy among those that lose at most `most_lost` of the turns in scope.

    `held_out` `(turns, LABELS)` are probabilities from models that have not seen the turn; `weights` `(turns,)`
    give each kind its share of the mix. Where no thresholds lose so few, those that lose the fewest are taken.
    """
    temperature = best_temperature([turn.label for turn in turns], held_out, weights)
    scaled = with_temperature(held_out, temperature)
    tried = []
    for out_of_scope, clarify, in_scope in itertools.product(GRID, GRID, SCOPE_GRID):
        thresholds = Thresholds(out_of_scope, clarify, in_scope)
        tried.append((thresholds, rates_of(turns, decisions(scaled, thresholds), weights)))
    allowed = [entry for entry in tried if entry[1].in_scope_to_model <= most_lost]
    if allowed:
        best, rates = max(allowed, key=lambda entry: entry[1].accuracy)
    else:
        best, rates = min(tried, key=lambda entry: entry[1].in_scope_to_model)
    curve = [
        {"in_scope_from": value, **asdict(rates_of(turns, decisions(scaled, moved), weights))}
        for value in SCOPE_GRID
        for moved in [replace(best, in_scope_from=value)]
    ]
    return Calibration(best, temperature, rates, curve)


def decisions(probabilities: np.ndarray, thresholds: Thresholds) -> list[str]:
    """The decision for each row of probabilities `(turns, LABELS)`."""
    return [
        decide(dict(zip(LABELS, row, strict=True)), _TWO_INTENTS, thresholds).decision for row in probabilities.tolist()
    ]


def rates_of(turns: Sequence[LabelledTurn], decided: Sequence[str], weights: np.ndarray) -> Rates:
    """How the decisions compare with what the turns should get."""
    kinds = np.asarray([turn.kind for turn in turns])
    said = np.asarray(decided)

    def share(which: np.ndarray, hit: np.ndarray) -> float:
        total = float(weights[which].sum())
        return float(weights[which & hit].sum()) / total if total else 0.0

    return Rates(
        accuracy=share(np.isin(kinds, DECISIONS), kinds == said),
        in_scope_to_model=share(kinds == IN_SCOPE, said == OPEN_QUESTION),
        open_into_dialogue=share(kinds == OPEN_QUESTION, said == IN_SCOPE),
    )


def best_temperature(labels: Sequence[str], probabilities: np.ndarray, weights: np.ndarray) -> float:
    """The temperature with the least weighted log loss (Guo et al. 2017, section 4.2: temperature scaling)."""
    columns = np.asarray([LABELS.index(label) for label in labels])
    rows = np.arange(len(columns))

    def loss(log_temperature: float) -> float:
        scaled = with_temperature(probabilities, float(np.exp(log_temperature)))
        return -float((weights * np.log(scaled[rows, columns] + 1e-12)).sum())

    found = scipy.optimize.minimize_scalar(loss, bounds=(np.log(0.2), np.log(5.0)), method="bounded")
    return float(np.exp(found.x))


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities `(turns, labels)` as if their logits had been divided by `temperature`."""
    powered = np.power(np.maximum(probabilities, 1e-12), 1 / temperature)
    return np.asarray(powered / powered.sum(axis=1, keepdims=True))
