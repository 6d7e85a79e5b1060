"""Temperature scaling: overconfident scores are cooled, on examples that were held out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from rasa_addons.intents.calibration import (
    expected_calibration_error,
    fit_temperature,
    held_out_temperature,
    stratified_folds,
)


def drawn(labels: int = 4, count: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax is the true distribution that the targets are drawn from."""
    source = np.random.default_rng(3)
    logits = source.normal(scale=2.0, size=(count, labels))
    chances = softmax(logits, axis=1)
    return logits, np.array([source.choice(labels, p=row) for row in chances])


@pytest.mark.parametrize("sharpness", [0.4, 1.0, 3.0])
def test_the_temperature_undoes_a_wrong_scale(sharpness: float) -> None:
    logits, targets = drawn()

    assert fit_temperature(logits * sharpness, targets) == pytest.approx(sharpness, rel=0.1)


def test_calibrated_probabilities_have_a_smaller_calibration_error() -> None:
    logits, targets = drawn()
    before = softmax(logits * 3, axis=1)
    after = softmax(logits * 3 / fit_temperature(logits * 3, targets), axis=1)

    assert expected_calibration_error(before, targets) > 0.1
    assert expected_calibration_error(after, targets) < 0.03


def test_each_example_is_held_out_once_and_labels_are_spread() -> None:
    targets = np.repeat([0, 1, 2], [10, 10, 5])

    folds = list(stratified_folds(targets, 5, seed=1))

    assert sorted(np.concatenate([held_out for _, held_out in folds])) == list(range(25))
    for train, held_out in folds:
        assert not set(train) & set(held_out)
        assert np.bincount(targets[held_out]).tolist() == [2, 2, 1]


def test_what_a_fold_never_saw_does_not_count() -> None:
    targets = np.array([0] * 6 + [1] * 6 + [2])  # a single example of the last label
    seen: list[int] = []

    def logits(train: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        seen.extend(held_out)
        return np.eye(3)[targets[held_out]]

    held_out_temperature(targets, logits, folds=3, seed=1)

    assert sorted(seen) == list(range(12))


@pytest.mark.parametrize(("targets", "folds"), [([0, 1, 2], 5), ([0, 0, 1, 1], 0)])
def test_without_folds_probabilities_stay_as_they_are(targets: list[int], folds: int) -> None:
    def never(train: np.ndarray, held_out: np.ndarray) -> np.ndarray:
        raise AssertionError("there is nothing to hold out")

    assert held_out_temperature(np.array(targets), never, folds=folds, seed=1) == 1.0
