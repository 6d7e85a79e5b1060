"""The linear model: the probabilities of scikit-learn, kept as plain arrays."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from rasa_addons.intents.linear_model import LinearModel, class_weights

C = 30.0


def examples(labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Twelve noisy examples a label: `(12 * labels, 6)`."""
    source = np.random.default_rng(7)
    rows = [source.normal(size=6) + 2 * np.eye(6)[index] for index in range(labels) for _ in range(12)]
    return np.asarray(rows, dtype=np.float32), np.repeat(np.arange(labels), 12)


def fitted(rows: np.ndarray, targets: np.ndarray, labels: int) -> LinearModel:
    return LinearModel.fit(rows, targets, labels, inverse_regularisation=C)


@pytest.mark.parametrize("labels", [2, 3, 5])
def test_probabilities_are_those_of_scikit_learn(labels: int) -> None:
    rows, targets = examples(labels)
    kept = np.flatnonzero((targets > 0) | (np.arange(len(targets)) < 5))  # one label is rarer than the others
    theirs = LogisticRegression(C=C, class_weight="balanced", multi_class="multinomial", max_iter=1000, tol=1e-6)
    theirs.fit(rows[kept], targets[kept])

    ours = fitted(rows[kept], targets[kept], labels)

    np.testing.assert_allclose(softmax(ours.logits(rows), axis=1), theirs.predict_proba(rows), atol=2e-3)


def test_a_saved_model_gives_the_same_logits(tmp_path: Path) -> None:
    rows, targets = examples(3)
    model = fitted(rows, targets, 3)

    model.save(tmp_path)

    np.testing.assert_array_equal(LinearModel.load(tmp_path).logits(rows), model.logits(rows))


def test_fitting_twice_gives_the_same_weights() -> None:
    first, second = (fitted(*examples(3), 3) for _ in range(2))

    np.testing.assert_array_equal(first.weights, second.weights)


def test_a_fit_that_goes_on_from_its_own_end_stays_there() -> None:
    rows, targets = examples(3)
    model = fitted(rows, targets, 3)

    again = LinearModel.fit(rows, targets, 3, inverse_regularisation=C, start=model)

    np.testing.assert_allclose(again.logits(rows), model.logits(rows), atol=0.02)


def test_a_rare_label_counts_as_much_as_a_frequent_one() -> None:
    rows, targets = examples(2)
    kept = [*range(12), 12]  # twelve of one, one of the other

    assert fitted(rows[kept], targets[kept], 2).logits(rows[12:13]).argmax() == 1


def test_the_weights_of_labels_balance_their_examples_and_leave_out_absent_ones() -> None:
    weights = class_weights(np.array([0, 0, 0, 2]), 3)

    np.testing.assert_allclose(weights, [4 / (2 * 3), 0.0, 4 / (2 * 1)])


def test_a_label_without_examples_is_never_the_best() -> None:
    rows, targets = examples(2)

    assert set(fitted(rows, targets, 3).logits(rows).argmax(axis=1)) == {0, 1}


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a pickle was loaded",))


def test_a_pickle_in_the_place_of_the_weights_is_never_loaded(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pickle.dump(Trap(), buffer)
    (tmp_path / "head.safetensors").write_bytes(buffer.getvalue())

    with pytest.raises(ValueError, match="holds no linear model"):
        LinearModel.load(tmp_path)
