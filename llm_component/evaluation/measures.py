"""From cases and replies to named measures with confidence intervals; shares are fractions, BLEU and ROUGE points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llm_component.evaluation import bootstrap, text_scores
from llm_component.evaluation.bootstrap import Interval
from llm_component.evaluation.cases import Case
from llm_component.evaluation.citations import matches, without_marks
from llm_component.evaluation.facts_score import contains, score_facts
from llm_component.evaluation.perplexity import Perplexity
from llm_component.evaluation.replies import Reply

POINTS = "points"
BLEU_SAMPLES = 300  # draws for a corpus score, which costs more than a mean


@dataclass(frozen=True)
class Measure:
    """A score with its interval over `count` examples (of a perplexity: tokens or words). Shares have no unit."""

    metric: str
    value: float
    low: float
    high: float
    count: int
    unit: str = ""

    @classmethod
    def of(cls, metric: str, interval: Interval, count: int, unit: str = "") -> Measure:
        return cls(metric, interval.value, interval.low, interval.high, count, unit)


@dataclass(frozen=True)
class Said:
    """What one system answered to one case, whoever it was: a model, a model with checks, or a baseline."""

    text: str
    citations: tuple[int, ...] = ()
    abstained: bool = False
    cites: bool = True  # whether the system gives citations at all


def model_alone(reply: Reply) -> Said:
    """The reply as the model wrote it."""
    return Said(without_marks(reply.raw), reply.raw_citations, reply.raw_abstained)


def as_read(reply: Reply) -> Said:
    """The reply as the customer gets it, after the checks."""
    return Said(reply.text, reply.citations, reply.abstained)


def answer_measures(cases: Sequence[Case], said: Sequence[Said], *, samples: int, seed: int) -> list[Measure]:
    """All measures of answers. Overlap, facts and citations are of the answerable cases, abstained ones included."""
    answerable = [index for index, case in enumerate(cases) if case.example.answerable]
    found: list[Measure] = []
    if answerable:
        chosen = [cases[index] for index in answerable]
        texts = [said[index] for index in answerable]
        pairs = [(one.text, case.reference) for one, case in zip(texts, chosen, strict=True) if case.reference]
        if pairs:
            found += overlap_measures([one for one, _ in pairs], [one for _, one in pairs], samples=samples, seed=seed)
        found += fact_measures(chosen, texts, samples=samples, seed=seed)
        found += citation_measures(chosen, texts, samples=samples, seed=seed)
    found += abstention_measures(cases, said, samples=samples, seed=seed)
    return found


def overlap_measures(
    texts: Sequence[str], references: Sequence[str], *, samples: int, seed: int, bleu: bool = True
) -> list[Measure]:
    """sacrebleu, ROUGE-1, ROUGE-2 and ROUGE-L in points, distinct-1 and distinct-2."""
    count = len(texts)
    found: list[Measure] = []
    if bleu:
        counts = text_scores.bleu_counts(texts, references)
        interval = bootstrap.interval_of(count, counts.score, samples=min(samples, BLEU_SAMPLES), seed=seed)
        found.append(Measure.of("sacrebleu", interval, count, POINTS))
    scores = text_scores.rouge(texts, references)
    for name, metric in zip(text_scores.ROUGES, ("rouge_1", "rouge_2", "rouge_l"), strict=True):
        found.append(
            Measure.of(metric, bootstrap.mean_interval(scores[name], samples=samples, seed=seed), count, POINTS)
        )
    for n in (1, 2):
        value = text_scores.distinct(texts, n)
        found.append(Measure(f"distinct_{n}", value, value, value, count))
    return found


def fact_measures(cases: Sequence[Case], said: Sequence[Said], *, samples: int, seed: int) -> list[Measure]:
    """Whether the facts of an answer are right, of the cases that have any.

    What has to be said is `must`, or, without it, the facts of the reference. `facts_exact`: all of it, and no fact
    that is neither there nor in the reference (only of cases with a reference). `facts_right`: all of it, and no fact
    that the passages do not hold. `must_recall`: of each thing in `must`, whether it is said.
    """
    exact: list[float] = []
    right: list[float] = []
    wanted: list[float] = []
    there: list[float] = []
    for case, one in zip(cases, said, strict=True):
        example = case.example
        sources = [f"{passage.title} {passage.heading}: {passage.text}" for passage in example.passages]
        if example.task != "answer":  # what was said is what a summary rests on
            sources += [turn.content for turn in example.history]
        given = [example.question, *(turn.content for turn in example.history), *example.facts.values()]
        allowed = " \n".join([case.reference, *(form for must in case.must for form in must)])
        score = score_facts(one.text, case.reference if not case.must else "", [*sources, allowed], given)
        hits = sum(any(contains(one.text, form) for form in must) for must in case.must)
        complete = hits == len(case.must) if case.must else not score.missing
        if case.must or holds_facts(case.reference):
            right.append(float(complete and not score.foreign))
            if case.reference:
                exact.append(float(complete and not score_facts(one.text, allowed, (), given).added))
        if case.must:
            wanted.append(float(len(case.must)))
            there.append(float(hits))
    found = []
    for metric, values in (("facts_exact", exact), ("facts_right", right)):
        if values:
            found.append(Measure.of(metric, bootstrap.mean_interval(values, samples=samples, seed=seed), len(values)))
    if wanted:
        interval = bootstrap.ratio_interval(there, wanted, samples=samples, seed=seed)
        found.append(Measure.of("must_recall", interval, int(sum(wanted))))
    return found


def holds_facts(reference: str) -> bool:
    """Whether a reference says any number, price, date or the like."""
    return any(fact for fact in score_facts("", reference).missing)


def citation_measures(cases: Sequence[Case], said: Sequence[Said], *, samples: int, seed: int) -> list[Measure]:
    """Precision of what is cited and recall of what should be, over the answerable cases whose gold is known; where it
    was not found, every citation is wrong.
    """
    pairs = [
        (one.citations, case.example.cites)
        for case, one in zip(cases, said, strict=True)
        if (case.example.cites or case.unfound) and one.cites
    ]
    if not pairs:
        return []
    right = [float(matches(ours, gold)) for ours, gold in pairs]
    found = []
    for metric, of in (
        ("citation_precision", [float(len(set(ours))) for ours, _ in pairs]),
        ("citation_recall", [float(len(set(gold))) for _, gold in pairs]),
    ):
        interval = bootstrap.ratio_interval(right, of, samples=samples, seed=seed)
        found.append(Measure.of(metric, interval, int(sum(of))))
    return found


def abstention_measures(cases: Sequence[Case], said: Sequence[Said], *, samples: int, seed: int) -> list[Measure]:
    """Abstentions among the unanswerable (`abstention_recall`) and among the answerable (`false_abstention`)."""
    found = []
    for metric, wanted in (("abstention_recall", False), ("false_abstention", True)):
        values = [
            float(one.abstained) for case, one in zip(cases, said, strict=True) if case.example.answerable is wanted
        ]
        if values:
            found.append(Measure.of(metric, bootstrap.mean_interval(values, samples=samples, seed=seed), len(values)))
    return found


def perplexity_measures(replies: Sequence[Perplexity], *, samples: int, seed: int) -> list[Measure]:
    """Perplexity per token and per word over all replies, drawn by reply."""
    nats = np.array([one.nats for one in replies])
    found = []
    for metric, counts in (
        ("perplexity", np.array([one.tokens for one in replies])),
        ("perplexity_per_word", np.array([one.words for one in replies])),
    ):
        if counts.sum():

            def value(drawn: np.ndarray, counts: np.ndarray = counts) -> float:
                return float(np.exp(nats[drawn].sum() / max(1, counts[drawn].sum())))

            interval = bootstrap.interval_of(len(replies), value, samples=samples, seed=seed)
            found.append(
                Measure.of(metric, interval, int(counts.sum()), "per token" if metric == "perplexity" else "per word")
            )
    return found
