"""How much data an intent needs: accuracy by the number of training examples of each."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from benchmarks.nlu.annotations import Example
from benchmarks.nlu.datasets import IntentSet, in_scope
from benchmarks.nlu.metrics import codes
from benchmarks.nlu.systems import System
from llm_component.evaluation import bootstrap
from llm_component.evaluation.run import Row

SETS = ("clinc150_full", "banking77_full")
METRIC = "accuracy_of_"  # "accuracy_of_10_an_intent"
SIZES = (2, 5, 10, 20, 50, 100)


def draw(examples: Sequence[Example], most: int, seed: int) -> list[Example]:
    """At most so many examples of each intent. A larger draw with the same seed holds the smaller one."""
    by_intent: dict[str, list[Example]] = {}
    for example in examples:
        by_intent.setdefault(example.intent, []).append(example)
    generator = random.Random(seed)
    return [
        example
        for intent in sorted(by_intent)
        for example in generator.sample(by_intent[intent], len(by_intent[intent]))[:most]
    ]


def measure(found: IntentSet, system: System, *, seed: int, samples: int) -> list[Row]:
    """Accuracy on the messages of the test part that belong to an intent, one row a size."""
    test = in_scope(found.test)
    rows = []
    for size in SIZES:
        fitted = system.fit(draw(in_scope(found.train), size, seed), seed)
        wanted = codes([one.intent for one in test], fitted.labels)
        right = fitted.probabilities([one.text for one in test]).argmax(axis=1) == wanted
        interval = bootstrap.mean_interval(right.astype(np.float64), samples=samples, seed=seed)
        metric = f"{METRIC}{size}_an_intent"
        rows.append(Row(found.name, system.name, metric, interval.value, "", interval.low, interval.high, len(test)))
    return rows
