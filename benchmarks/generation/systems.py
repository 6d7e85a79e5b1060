"""What answers: models named on the command line, each once for a data set, and the rows that come of it."""

from __future__ import annotations

import asyncio
import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass

from llm_component.answers.generation import AnswerChecks
from llm_component.evaluation import bootstrap, measures, text_scores
from llm_component.evaluation.cases import Case
from llm_component.evaluation.measures import POINTS, Measure, Said
from llm_component.evaluation.replies import NoChecks, Reply
from llm_component.evaluation.run import Options, Row, all_replies, perplexity
from llm_component.settings import Settings

SHIPPED = "frontdesk"


@dataclass(frozen=True)
class Model:
    """A model to be measured. `name` stands in the table."""

    name: str
    settings: Settings


def models(said: Sequence[str]) -> list[Model]:
    """The models that the command line names: a folder, a hub id, `upstream:URL`; "" or "shipped" is our own.

    Everything else about them (device, key of an upstream) comes from the environment's FRONTDESK_LLM_ settings.
    """
    found = []
    for name in said:
        shipped = name in ("", "shipped")
        settings = dataclasses.replace(Settings.from_environment(os.environ), model="" if shipped else name)
        shown = SHIPPED if shipped else settings.upstream_model or name.rstrip("/").split("/")[-1]
        found.append(Model(shown, settings))
    return found


def replies_of(
    model: Model, cases: Sequence[Case], options: Options, checks: AnswerChecks | None = None
) -> list[Reply]:
    """The model's replies. Raises `EvaluationError` where it cannot be loaded."""
    _, replies = asyncio.run(all_replies(model.settings, cases, checks or NoChecks(), options))
    return replies


def overlap_rows(dataset: str, system: str, cases: Sequence[Case], said: Sequence[Said], options: Options) -> list[Row]:
    """SacreBLEU and ROUGE of one system."""
    found = measures.overlap_measures(
        [one.text for one in said], [case.reference for case in cases], samples=options.samples, seed=options.seed
    )
    return [Row.of(dataset, system, one) for one in found]


def dstc9_rows(dataset: str, system: str, cases: Sequence[Case], said: Sequence[Said], options: Options) -> list[Row]:
    """The same with BLEU-4 under its own name, and counted as the challenge counted it."""
    rows = [
        dataclasses.replace(row, metric="bleu4") if row.metric == "sacrebleu" else row
        for row in overlap_rows(dataset, system, cases, said, options)
    ]
    sentence = [text_scores.sentence_bleu4(one.text, case.reference) for one, case in zip(said, cases, strict=True)]
    interval = bootstrap.mean_interval(sentence, samples=options.samples, seed=options.seed)
    return [*rows, Row.of(dataset, system, Measure.of("bleu4_challenge", interval, len(sentence), POINTS))]


def perplexity_rows(dataset: str, model: Model, cases: Sequence[Case], options: Options) -> list[Row]:
    """Perplexity of the references, where the model says it."""
    if not options.perplexity:
        return []
    return [Row.of(dataset, model.name, one) for one in perplexity(model.settings, cases, options)]


def aim_row(dataset: str, metric: str, value: float, unit: str, source: str) -> Row:
    """A figure that others published, as a row beside ours."""
    return Row(dataset, source, metric, value, unit, value, value, 0)
