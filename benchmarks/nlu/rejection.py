"""Where to draw the line to what is out of scope, from training and validation parts alone.

A validation part that holds messages out of scope is used as it is. Else they are made up: whole intents are left out
of training in turn, and messages of another set that no intent owns are added, both kinds weighing the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.nlu.annotations import Example
from benchmarks.nlu.datasets import IntentSet, in_scope, out_of_scope
from benchmarks.nlu.metrics import REJECTED, best_threshold, codes
from benchmarks.nlu.systems import Fitted, System
from rasa_addons.intents.novelty import SIGNS, InScopeScore, TrainingSpace, unseen_intent_rounds

ROUNDS = 4
LEARNED = "learned"  # the score that weighs several signs
# The share of messages out of scope that a threshold is chosen for: that of the set as its paper describes it.
OOS_SHARES = {"clinc150_full": 0.18}
OOS_SHARE = 0.5


@dataclass(frozen=True)
class Scored:
    """Messages as a trained system sees them: wanted and predicted codes `(n,)`, signs `(n, len(SIGNS))`."""

    wanted: np.ndarray
    predicted: np.ndarray
    signs: np.ndarray

    def __add__(self, other: Scored) -> Scored:
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Scored(*(np.concatenate(pair) for pair in pairs))


@dataclass(frozen=True)
class Rule:
    """A score with its threshold; `chosen_mcc` is what it reached where it was chosen."""

    score: str
    threshold: float
    chosen_mcc: float
    learned: InScopeScore | None = None

    def scores(self, signs: np.ndarray) -> np.ndarray:
        """`(n,)`, higher for in scope."""
        return self.learned(signs) if self.learned else signs[:, SIGNS.index(self.score)]


@dataclass(frozen=True)
class HeldOut:
    """Messages that the system was not trained on, with what each weighs when a threshold is chosen."""

    messages: Scored
    weights: np.ndarray


class Judge:
    """A trained system beside the space of its training data; codes are positions in `labels`."""

    def __init__(self, fitted: Fitted, examples: Sequence[Example], labels: Sequence[str]) -> None:
        self._fitted = fitted
        self._labels = labels
        targets = codes([one.intent for one in examples], fitted.labels)
        self._space = TrainingSpace.fit(fitted.vectors([one.text for one in examples]), targets)
        self._places = codes(fitted.labels, labels)

    def see(self, examples: Sequence[Example]) -> Scored:
        """Examples of intents that are not in `labels` must be labelled out of scope."""
        texts = [one.text for one in examples]
        probabilities = self._fitted.probabilities(texts)
        signs = self._space.signs(self._fitted.vectors(texts), probabilities)
        wanted = codes([one.intent for one in examples], self._labels)
        return Scored(wanted, self._places[probabilities.argmax(axis=1)], signs)


def held_out(found: IntentSet, system: System, judge: Judge, outliers: Sequence[Example], seed: int) -> HeldOut:
    """The messages that rules for this set are chosen on; its test part is not read.

    Args:
        judge: of the system trained on the whole training part.
        outliers: messages of another set that no intent owns, for a set whose validation part has none.
    """
    share = OOS_SHARES.get(found.name, OOS_SHARE)
    if out_of_scope(found.validation):
        messages = judge.see((*found.validation, *out_of_scope(found.train)))
        return HeldOut(messages, balanced(messages.wanted, np.zeros(len(messages.wanted), dtype=np.int64), share))
    examples, labels = in_scope(found.train), found.labels
    targets = codes([one.intent for one in examples], labels)
    parts: list[Scored] = []
    kinds: list[int] = []
    for split in unseen_intent_rounds(targets, ROUNDS, seed):
        train = [examples[place] for place in split.train]
        inner = Judge(system.fit(train, seed), train, labels)
        seen = inner.see([examples[place] for place in split.known])
        unseen = inner.see([examples[place] for place in split.unseen])
        far = inner.see(outliers)
        nobodys = np.full(len(split.unseen), REJECTED)
        parts += [seen, Scored(nobodys, unseen.predicted, unseen.signs), far]
        kinds += [0] * len(split.known) + [0] * len(split.unseen) + [1] * len(outliers)
    messages = parts[0]
    for part in parts[1:]:
        messages = messages + part
    return HeldOut(messages, balanced(messages.wanted, np.array(kinds), share))


def balanced(wanted: np.ndarray, kinds: np.ndarray, share: float) -> np.ndarray:
    """Weights, `(n,)`, mean 1: what is out of scope weighs `share`, each of its kinds alike; the rest what is left."""
    weights = np.zeros(len(wanted))
    inside = wanted != REJECTED
    weights[inside] = (1 - share) / max(inside.sum(), 1)
    present = np.unique(kinds[~inside])
    for kind in present:
        chosen = ~inside & (kinds == kind)
        weights[chosen] = share / len(present) / chosen.sum()
    return weights * len(wanted) / weights.sum()


def rules(held: HeldOut) -> list[Rule]:
    """One rule a sign, and the learned one, each with the threshold of the highest weighted MCC on these messages."""
    messages, weights = held.messages, held.weights
    learned = InScopeScore.fit(messages.signs, messages.wanted != REJECTED, sample_weights=weights)
    found = []
    for name, score in (*((sign, None) for sign in SIGNS), (LEARNED, learned)):
        rule = Rule(name, 0.0, 0.0, score)
        threshold, value = best_threshold(messages.wanted, messages.predicted, rule.scores(messages.signs), weights)
        found.append(Rule(name, threshold, value, score))
    return found
