"""Thresholds come from training and validation parts; the test part is never looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.nlu.annotations import Example
from benchmarks.nlu.datasets import OUT_OF_SCOPE, IntentSet, in_scope
from benchmarks.nlu.metrics import REJECTED
from benchmarks.nlu.rejection import LEARNED, HeldOut, Judge, balanced, held_out, rules
from rasa_addons.intents.novelty import SIGNS
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder

WORDS = {"track": "parcel", "refund": "money", "greet": "hello", "opening": "hours", "price": "cost"}
TRAIN = tuple(Example(f"{word} {filler} {word}", intent) for intent, word in WORDS.items() for filler in "abcdef")
OUTLIERS = [Example(f"volcano {filler} {filler}{filler}", OUT_OF_SCOPE) for filler in "uvwxyz"]
PLAIN = IntentSet("set", TRAIN, (), (Example("parcel", "track"),), (), "")


class Nearest:
    """A classifier by the nearest centre; remembers what it was trained on."""

    def __init__(self, examples: Sequence[Example], encoder: HashingEncoder) -> None:
        self._encoder = encoder
        self.labels = sorted({one.intent for one in examples})
        vectors = self.vectors([one.text for one in examples])
        places = np.array([self.labels.index(one.intent) for one in examples])
        self._centres = np.stack([vectors[places == place].mean(axis=0) for place in range(len(self.labels))])

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        return self._encoder.encode(list(texts))

    def probabilities(self, texts: Sequence[str]) -> np.ndarray:
        exponents = np.exp(5 * self.vectors(texts) @ self._centres.T)
        return exponents / exponents.sum(axis=1, keepdims=True)


class NearestSystem:
    name = "nearest"

    def __init__(self) -> None:
        self.trained: list[list[Example]] = []
        self._encoder = HashingEncoder()

    def fit(self, examples: Sequence[Example], seed: int) -> Nearest:
        self.trained.append(list(examples))
        return Nearest(examples, self._encoder)


def chosen(found: IntentSet, system: NearestSystem) -> HeldOut:
    train = in_scope(found.train)
    judge = Judge(system.fit(train, 1), train, found.labels)
    return held_out(found, system, judge, OUTLIERS, seed=1)


@pytest.mark.parametrize("validation", [(), (Example("parcel", "track"), Example("volcano", OUT_OF_SCOPE))])
def test_another_test_part_changes_no_rule(validation: tuple[Example, ...]) -> None:
    found = replace(PLAIN, validation=validation)
    other = replace(found, test=(Example("volcano", OUT_OF_SCOPE), Example("hours", "opening")))
    system = NearestSystem()

    before = [(rule.score, rule.threshold) for rule in rules(chosen(found, system))]
    after = [(rule.score, rule.threshold) for rule in rules(chosen(other, system))]

    assert before == after
    assert not {one.text for one in (*found.test, *other.test)} & {one.text for seen in system.trained for one in seen}


def test_without_a_validation_part_whole_intents_are_left_out_of_training() -> None:
    system = NearestSystem()

    held = chosen(PLAIN, system)

    rounds = system.trained[1:]
    assert all({one.intent for one in train} < set(WORDS) for train in rounds)
    # Each example once with its intent trained, once without; the outliers once a round.
    assert (held.messages.wanted != REJECTED).sum() == len(TRAIN)
    assert (held.messages.wanted == REJECTED).sum() == len(TRAIN) + len(rounds) * len(OUTLIERS)


def test_a_validation_part_with_messages_out_of_scope_is_used_as_it_is() -> None:
    system = NearestSystem()
    validation = (Example("parcel", "track"), Example("volcano", OUT_OF_SCOPE))

    held = chosen(replace(PLAIN, validation=validation), system)

    assert len(system.trained) == 1
    assert held.messages.wanted.tolist() == [PLAIN.labels.index("track"), REJECTED]


def test_kinds_of_messages_out_of_scope_weigh_alike_however_many_they_are() -> None:
    wanted = np.array([0, 1, 1, REJECTED, REJECTED, REJECTED])

    weights = balanced(wanted, np.array([0, 0, 0, 0, 1, 1]), share=0.4)

    assert weights.mean() == pytest.approx(1.0)
    assert weights[:3].sum() == pytest.approx(0.6 * 6)
    assert weights[3] == pytest.approx(0.2 * 6)
    assert weights[4:].sum() == pytest.approx(0.2 * 6)


def test_there_is_a_rule_for_each_sign_and_the_learned_one() -> None:
    found = rules(chosen(PLAIN, NearestSystem()))

    assert [rule.score for rule in found] == [*SIGNS, LEARNED]
    best = {rule.score: rule.chosen_mcc for rule in found}
    assert best[LEARNED] > 0.8
