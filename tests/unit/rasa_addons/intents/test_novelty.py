"""Novelty: what its signs say of messages near to and far from the training data, and the score learned from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rasa_addons.intents.novelty import SIGNS, InScopeScore, Novelty, TrainingSpace, unseen_intent_rounds

TARGETS = np.repeat(np.arange(4), 6)


def on_the_sphere(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def vectors_near(axes: np.ndarray, seed: int) -> np.ndarray:
    """Vectors of length 1 around coordinate axes of a space of eight dimensions."""
    noise = np.random.default_rng(seed).normal(scale=0.15, size=(len(axes), 8))
    return on_the_sphere(np.eye(8)[axes] + noise)


def sure_of(targets: np.ndarray) -> np.ndarray:
    return 0.1 + 0.6 * np.eye(4)[targets]


def space() -> TrainingSpace:
    return TrainingSpace.fit(vectors_near(TARGETS, seed=1), TARGETS)


def column(signs: np.ndarray, name: str) -> np.ndarray:
    return signs[:, SIGNS.index(name)]


def test_signs_of_probabilities_are_those_computed_by_hand() -> None:
    probabilities = np.array([[0.7, 0.1, 0.1, 0.1], [0.25, 0.25, 0.25, 0.25]])

    signs = space().signs(vectors_near(np.array([0, 0]), seed=2), probabilities)

    entropy = -(0.7 * np.log(0.7) + 0.3 * np.log(0.1))
    assert column(signs, "probability") == pytest.approx([0.7, 0.25])
    assert column(signs, "margin") == pytest.approx([0.6, 0.0])
    assert column(signs, "certainty") == pytest.approx([1 - entropy / np.log(4), 0.0], abs=1e-6)


def test_a_training_example_is_its_own_neighbour() -> None:
    built = space()

    signs = built.signs(built.vectors[:3], sure_of(TARGETS[:3]))

    assert column(signs, "nearest") == pytest.approx([1.0, 1.0, 1.0], abs=1e-5)
    assert column(signs, "nearest_of_intent") == pytest.approx([1.0, 1.0, 1.0], abs=1e-5)


def test_the_nearest_of_the_intent_is_of_the_intent_that_the_classifier_prefers() -> None:
    built = space()

    signs = built.signs(built.vectors[:1], sure_of(np.array([3])))

    expected = (built.vectors[TARGETS == 3] @ built.vectors[0]).max()
    assert column(signs, "nearest_of_intent")[0] == pytest.approx(expected)


@pytest.mark.parametrize("sign", ["nearest", "neighbours", "nearest_of_intent", "relative_mahalanobis"])
def test_messages_of_a_trained_intent_score_above_those_of_none(sign: str) -> None:
    built = space()
    known = column(built.signs(vectors_near(TARGETS, seed=2), sure_of(TARGETS)), sign)
    other = column(built.signs(vectors_near(TARGETS + 4, seed=3), sure_of(TARGETS)), sign)

    assert known.min() > other.max()


def test_the_score_separates_what_the_classifier_is_equally_sure_of_and_survives_saving(tmp_path: Path) -> None:
    built = space()
    vectors = np.concatenate([vectors_near(TARGETS, seed=2), vectors_near(TARGETS + 4, seed=3)])
    probabilities = np.concatenate([sure_of(TARGETS)] * 2)
    inside = np.arange(48) < 24
    novelty = Novelty(built, InScopeScore.fit(built.signs(vectors, probabilities), inside))

    novelty.save(tmp_path)
    scores = Novelty.load(tmp_path).in_scope(vectors, probabilities)

    assert scores == pytest.approx(novelty.in_scope(vectors, probabilities))
    assert scores[inside].min() > 0.5 > scores[~inside].max()


def test_a_score_cannot_be_learned_from_one_kind() -> None:
    with pytest.raises(ValueError, match="out of scope"):
        InScopeScore.fit(np.zeros((5, len(SIGNS))), np.ones(5, dtype=bool))


def test_a_sign_that_is_unknown_is_named() -> None:
    with pytest.raises(ValueError, match="closeness"):
        InScopeScore.fit(np.zeros((5, len(SIGNS))), np.arange(5) < 2, names=["closeness"])


def test_files_of_another_version_are_refused(tmp_path: Path) -> None:
    (tmp_path / "score.json").write_text('{"names": []}', encoding="utf-8")

    with pytest.raises(ValueError, match="another version"):
        Novelty.load(tmp_path)


def test_each_example_is_held_out_once_with_its_intent_trained_and_once_without() -> None:
    rounds = list(unseen_intent_rounds(TARGETS, rounds=3, seed=1))

    assert sorted(np.concatenate([one.known for one in rounds])) == list(range(24))
    assert sorted(np.concatenate([one.unseen for one in rounds])) == list(range(24))
    for one in rounds:
        trained = set(TARGETS[one.train])
        assert trained.isdisjoint(TARGETS[one.unseen])
        assert trained.issuperset(TARGETS[one.known])
        assert set(one.train).isdisjoint(one.known)


def test_the_only_example_of_an_intent_is_always_trained_when_its_intent_is() -> None:
    rounds = list(unseen_intent_rounds(np.array([0, 0, 0, 1, 1, 2]), rounds=3, seed=1))

    assert 5 not in np.concatenate([one.known for one in rounds])
    assert sum(5 in one.unseen for one in rounds) == 1


def test_more_rounds_than_intents_are_refused() -> None:
    with pytest.raises(ValueError, match="4 intents"):
        list(unseen_intent_rounds(TARGETS, rounds=5, seed=1))
