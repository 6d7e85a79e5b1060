"""The linear model: the probabilities of scikit-learn, kept as plain arrays."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from sklearn.linear_model import LogisticRegression

from rasa_addons import linear_model
from rasa_addons.linear_model import LinearModel

SETTINGS = {"inverse_regularisation": 30.0, "seed": 1}


def examples(labels: list[str]) -> tuple[np.ndarray, list[str]]:
    """Twelve noisy examples a label: `(12 * labels, 6)`."""
    source = np.random.default_rng(7)
    rows = [source.normal(size=6) + 2 * np.eye(6)[index] for index, _ in enumerate(labels) for _ in range(12)]
    return np.asarray(rows, dtype=np.float32), [label for label in labels for _ in range(12)]


@pytest.mark.parametrize("labels", [["a", "b"], ["a", "b", "c"], ["e", "d", "c", "b", "a"]])
@pytest.mark.parametrize("sparse", [False, True])
def test_probabilities_are_those_of_scikit_learn(
    labels: list[str], sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[LogisticRegression] = []

    class Kept(LogisticRegression):  # type: ignore[misc]
        def fit(self, *args: object, **kwargs: object) -> LogisticRegression:
            fitted.append(self)
            return super().fit(*args, **kwargs)

    monkeypatch.setattr(linear_model, "LogisticRegression", Kept)
    rows, named = examples(labels)
    features = scipy.sparse.csr_matrix(rows) if sparse else rows

    model = LinearModel.fit(features, named, **SETTINGS)  # type: ignore[arg-type]

    assert model.labels == sorted(labels)
    np.testing.assert_allclose(model.probabilities(features), fitted[0].predict_proba(features), atol=1e-5)
    np.testing.assert_allclose(model.probabilities(features).sum(axis=1), 1.0, atol=1e-5)


def test_a_saved_model_gives_the_same_probabilities(tmp_path: Path) -> None:
    rows, named = examples(["a", "b", "c"])
    model = LinearModel.fit(rows, named, **SETTINGS)  # type: ignore[arg-type]

    model.save(tmp_path)
    loaded = LinearModel.load(tmp_path)

    assert loaded.labels == model.labels
    np.testing.assert_array_equal(loaded.probabilities(rows), model.probabilities(rows))


def test_fitting_twice_gives_the_same_weights() -> None:
    rows, named = examples(["a", "b", "c"])
    first, second = (LinearModel.fit(rows, named, **SETTINGS) for _ in range(2))  # type: ignore[arg-type]

    np.testing.assert_array_equal(first.weights, second.weights)


@pytest.mark.parametrize("named", [["a"] * 12, []])
def test_one_label_is_nothing_to_tell_apart(named: list[str]) -> None:
    with pytest.raises(ValueError, match="at least two intents"):
        LinearModel.fit(examples(["a"])[0][: len(named)], named, **SETTINGS)  # type: ignore[arg-type]


def test_a_rare_label_counts_as_much_as_a_frequent_one() -> None:
    rows, named = examples(["a", "b"])
    kept = [*range(12), 12]  # twelve of one, one of the other

    model = LinearModel.fit(rows[kept], [named[index] for index in kept], **SETTINGS)  # type: ignore[arg-type]

    assert model.ranking(rows[12:13])[0][0] == "b"


def test_a_ranking_is_sorted_and_complete() -> None:
    rows, named = examples(["a", "b", "c"])
    model = LinearModel.fit(rows, named, **SETTINGS)  # type: ignore[arg-type]

    ranking = model.ranking(rows[:1])

    assert sorted(label for label, _ in ranking) == ["a", "b", "c"]
    assert [score for _, score in ranking] == sorted((score for _, score in ranking), reverse=True)


def test_large_scores_do_not_overflow() -> None:
    model = LinearModel(["a", "b"], np.array([[1000.0, -1000.0]], dtype=np.float32), np.zeros(2, dtype=np.float32))

    np.testing.assert_array_equal(model.probabilities(np.array([[1.0], [-1.0]])), [[1.0, 0.0], [0.0, 1.0]])


def test_the_files_are_arrays_and_json(tmp_path: Path) -> None:
    rows, named = examples(["a", "b"])
    LinearModel.fit(rows, named, **SETTINGS).save(tmp_path)  # type: ignore[arg-type]

    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.json", "weights.npz"]
    assert json.loads((tmp_path / "labels.json").read_text(encoding="utf-8")) == ["a", "b"]


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (pytest.fail, ("a pickle was loaded",))


def test_a_pickle_in_the_place_of_the_weights_is_never_loaded(tmp_path: Path) -> None:
    rows, named = examples(["a", "b"])
    LinearModel.fit(rows, named, **SETTINGS).save(tmp_path)  # type: ignore[arg-type]
    trapped = np.empty(1, dtype=object)
    trapped[0] = Trap()
    np.savez(tmp_path / "weights.npz", weights=trapped, bias=np.zeros(2))

    with pytest.raises(ValueError, match="allow_pickle"):
        LinearModel.load(tmp_path)

    buffer = io.BytesIO()
    pickle.dump(Trap(), buffer)
    (tmp_path / "weights.npz").write_bytes(buffer.getvalue())
    with pytest.raises((ValueError, OSError)):
        LinearModel.load(tmp_path)
