"""The scores of the intent benchmark against values computed by hand and by scikit-learn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import f1_score, matthews_corrcoef

from benchmarks.nlu import metrics
from benchmarks.nlu.metrics import REJECTED, best_threshold, codes, curve, rejecting

WANTED = np.array([0, 0, 1, 1, 2, REJECTED, REJECTED, REJECTED])
PREDICTED = np.array([0, 1, 1, 1, REJECTED, REJECTED, 2, REJECTED])


def test_accuracy_counts_messages_of_an_intent_and_recall_the_others() -> None:
    assert metrics.in_scope_accuracy(WANTED, PREDICTED) == pytest.approx(3 / 5)
    assert metrics.oos_recall(WANTED, PREDICTED) == pytest.approx(2 / 3)


def test_mcc_of_two_classes_is_the_formula_of_the_four_cells() -> None:
    wanted, predicted = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 0])
    true, false = 2, 1  # of each class

    cells = (true * true - false * false) / ((true + false) ** 4) ** 0.5
    assert metrics.mcc(wanted, predicted) == pytest.approx(cells)


@pytest.mark.parametrize("seed", range(5))
def test_mcc_and_macro_f1_are_those_of_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    wanted, predicted = generator.integers(-1, 5, 60), generator.integers(-1, 5, 60)
    weights = generator.random(60)
    labels = np.unique(wanted)

    assert metrics.mcc(wanted, predicted) == pytest.approx(matthews_corrcoef(wanted, predicted))
    assert metrics.mcc(wanted, predicted, weights) == pytest.approx(
        matthews_corrcoef(wanted, predicted, sample_weight=weights)
    )
    assert metrics.macro_f1(wanted, predicted) == pytest.approx(
        f1_score(wanted, predicted, labels=labels, average="macro")
    )


def test_mcc_of_one_answer_for_all_is_nothing() -> None:
    assert metrics.mcc(np.array([0, 1, REJECTED]), np.array([1, 1, 1])) == 0.0


def test_codes_are_places_among_the_labels() -> None:
    assert codes(["b", "out_of_scope", "a"], ["a", "b"]).tolist() == [1, REJECTED, 0]


def test_an_intent_that_was_not_trained_is_named() -> None:
    with pytest.raises(ValueError, match="refund"):
        codes(["refund"], ["a", "b"])


def test_what_scores_below_the_threshold_is_rejected() -> None:
    assert rejecting(np.array([0, 1, 2]), np.array([0.2, 0.5, 0.9]), 0.5).tolist() == [REJECTED, 1, 2]


def test_the_best_threshold_parts_what_can_be_parted() -> None:
    wanted = np.array([0, 1, 0, REJECTED, REJECTED])
    predicted = np.array([0, 1, 0, 1, 0])
    scores = np.array([0.9, 0.8, 0.7, 0.4, 0.1])

    threshold, value = best_threshold(wanted, predicted, scores)

    assert 0.4 < threshold <= 0.7
    assert value == pytest.approx(1.0)


def test_weights_move_the_threshold_to_what_weighs_more() -> None:
    wanted = np.array([0, 0, 1, 1, REJECTED, REJECTED])
    predicted = np.array([0, 0, 1, 1, 0, 1])
    scores = np.array([0.9, 0.3, 0.8, 0.2, 0.5, 0.1])
    heavy_inside, heavy_outside = (np.where(wanted == REJECTED, low, high) for low, high in ((0.1, 9.0), (9.0, 0.1)))

    assert best_threshold(wanted, predicted, scores, heavy_inside)[0] <= 0.2
    assert best_threshold(wanted, predicted, scores, heavy_outside)[0] > 0.5


def test_along_the_curve_accuracy_falls_and_recall_grows() -> None:
    scores = np.linspace(0, 1, len(WANTED))
    points = curve(WANTED, np.abs(WANTED), scores)

    assert points[0].oos_recall == 0.0
    assert points[0].in_scope_accuracy == 1.0
    assert all(after.oos_recall >= before.oos_recall for before, after in itertools.pairwise(points))
    assert all(after.in_scope_accuracy <= before.in_scope_accuracy for before, after in itertools.pairwise(points))
