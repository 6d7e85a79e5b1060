"""One system on one data set: trained, asked for the test part once, scored."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.nlu import metrics
from benchmarks.nlu.annotations import Example
from benchmarks.nlu.datasets import OUT_OF_SCOPE, IntentSet, in_scope, out_of_scope
from benchmarks.nlu.metrics import Point, codes, rejecting
from benchmarks.nlu.rejection import LEARNED, Judge, held_out, rules
from benchmarks.nlu.systems import System
from llm_component.evaluation import bootstrap
from llm_component.evaluation.run import Row

SHOWN = 15  # confusions and mistakes of a table


@dataclass(frozen=True)
class Answers:
    """What a system says of the test part: `(n,)` codes and probabilities of the best intents, wanted codes."""

    labels: list[str]
    wanted: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class Mistake:
    """A message that was taken for another intent, or for an intent though it has none."""

    text: str
    wanted: str
    predicted: str
    confidence: float


@dataclass
class Report:
    """Everything that one system showed on one set."""

    rows: list[Row]
    confusions: list[tuple[str, str, int]]
    mistakes: list[Mistake]
    curve: list[Point] = field(default_factory=list)
    chosen: Point | None = None


@dataclass(frozen=True)
class Scorer:
    """Makes rows with intervals for one set and system."""

    dataset: str
    system: str
    wanted: np.ndarray
    samples: int
    seed: int

    def row(self, metric: str, score: Callable[[np.ndarray, np.ndarray], float], predicted: np.ndarray) -> Row:
        """A score of wanted and predicted codes with its bootstrap interval."""
        interval = bootstrap.interval_of(
            len(self.wanted),
            lambda drawn: score(self.wanted[drawn], predicted[drawn]),
            samples=self.samples,
            seed=self.seed,
        )
        return Row(self.dataset, self.system, metric, interval.value, "", interval.low, interval.high, len(self.wanted))

    def plain(self, metric: str, value: float, unit: str = "") -> Row:
        """A figure without an interval."""
        return Row(self.dataset, self.system, metric, value, unit, value, value, len(self.wanted))


def evaluate(found: IntentSet, system: System, outliers: Sequence[Example], *, seed: int, samples: int) -> Report:
    """Trains on the training part and scores the test part; a threshold comes from elsewhere (`rejection`)."""
    train = in_scope(found.train)
    began, worked = time.perf_counter(), time.process_time()
    fitted = system.fit(train, seed)
    took, work = time.perf_counter() - began, time.process_time() - worked
    probabilities = fitted.probabilities([one.text for one in found.test])
    places = codes(fitted.labels, found.labels)
    answers = Answers(
        found.labels,
        codes([one.intent for one in found.test], found.labels),
        places[probabilities.argmax(axis=1)],
        probabilities.max(axis=1),
    )
    scorer = Scorer(found.name, system.name, answers.wanted, samples, seed)
    report = plain_report(found, answers, scorer)
    report.rows += [scorer.plain("train_s", took, "s"), scorer.plain("train_cpu_s", work, "s")]
    if out_of_scope(found.test):
        judge = Judge(fitted, train, found.labels)
        add_rejection(report, found, system, judge, outliers, scorer, seed)
    return report


def plain_report(found: IntentSet, answers: Answers, scorer: Scorer) -> Report:
    """The scores without a threshold. `mcc_best_on_test` is what papers print, not a result: it was chosen on test."""
    inside = answers.wanted != metrics.REJECTED
    mixed = not inside.all()
    accuracy = "in_scope_accuracy" if mixed else "accuracy"
    narrow = Scorer(scorer.dataset, scorer.system, answers.wanted[inside], scorer.samples, scorer.seed)
    rows = [
        narrow.row(accuracy, metrics.in_scope_accuracy, answers.predicted[inside]),
        narrow.row("macro_f1", metrics.macro_f1, answers.predicted[inside]),
    ]
    if mixed:
        _, best = metrics.best_threshold(answers.wanted, answers.predicted, answers.confidence)
        rows.append(scorer.plain("mcc_best_on_test", best))
    return Report(rows, confusions(answers), mistakes(found.test, answers))


def add_rejection(
    report: Report,
    found: IntentSet,
    system: System,
    judge: Judge,
    outliers: Sequence[Example],
    scorer: Scorer,
    seed: int,
) -> None:
    """The test part once with each rejection score at its chosen threshold; the curve of the learned one."""
    held = held_out(found, system, judge, outliers, seed)
    test = judge.see(found.test)
    for rule in rules(held):
        scores = rule.scores(test.signs)
        predicted = rejecting(test.predicted, scores, rule.threshold)
        if rule.score != LEARNED:
            report.rows.append(scorer.plain(f"mcc_by_{rule.score}", metrics.mcc(test.wanted, predicted)))
            continue
        report.rows += [
            scorer.row("mcc", metrics.mcc, predicted),
            scorer.row("in_scope_accuracy_at_threshold", metrics.in_scope_accuracy, predicted),
            scorer.row("oos_recall", metrics.oos_recall, predicted),
            scorer.plain("mcc_where_chosen", rule.chosen_mcc),
        ]
        report.curve = metrics.curve(test.wanted, test.predicted, scores)
        report.chosen = Point(
            rule.threshold,
            metrics.in_scope_accuracy(test.wanted, predicted),
            metrics.oos_recall(test.wanted, predicted),
            metrics.mcc(test.wanted, predicted),
        )


def confusions(answers: Answers) -> list[tuple[str, str, int]]:
    """The most frequent pairs of wanted and predicted intent that differ, in scope."""
    wrong = (answers.wanted != answers.predicted) & (answers.wanted != metrics.REJECTED)
    pairs = Counter(zip(answers.wanted[wrong].tolist(), answers.predicted[wrong].tolist(), strict=True))
    named = [(answers.labels[want], answers.labels[got], count) for (want, got), count in pairs.items()]
    return sorted(named, key=lambda pair: (-pair[2], pair[0], pair[1]))[:SHOWN]


def mistakes(examples: Sequence[Example], answers: Answers) -> list[Mistake]:
    """The wrong answers that the system was most sure of."""
    wrong = np.flatnonzero(answers.wanted != answers.predicted)
    surest = wrong[np.argsort(-answers.confidence[wrong], kind="stable")][:SHOWN]
    return [
        Mistake(
            examples[place].text,
            examples[place].intent if answers.wanted[place] != metrics.REJECTED else OUT_OF_SCOPE,
            answers.labels[answers.predicted[place]],
            float(answers.confidence[place]),
        )
        for place in surest
    ]
