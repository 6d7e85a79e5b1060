"""One evaluation from end to end: a model from the settings, its replies to cases, measures, baselines, perplexity."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llm_component.answers.generation import AnswerChecks
from llm_component.engines.build import build_engine
from llm_component.engines.interface import EngineError
from llm_component.evaluation import bootstrap, measures
from llm_component.evaluation.baselines import quoted_passage
from llm_component.evaluation.cases import Case, EvaluationError
from llm_component.evaluation.measures import Measure, Said
from llm_component.evaluation.replies import NoChecks, Replier, Reply, answer_request
from llm_component.settings import ECHO_MODEL, Settings

if TYPE_CHECKING:
    from llm_component.models.loaded import LoadedModel

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Row:
    """A measure of one system on one data set, as it goes into a result file."""

    dataset: str
    system: str
    metric: str
    value: float
    unit: str
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, dataset: str, system: str, measure: Measure) -> Row:
        return cls(
            dataset, system, measure.metric, measure.value, measure.unit, measure.low, measure.high, measure.count
        )


@dataclass(frozen=True)
class Options:
    """How to measure. `checked`: beside the model alone also with the checks, as customers get it."""

    samples: int = bootstrap.SAMPLES
    seed: int = 1
    at_once: int = 16
    checked: bool = True
    perplexity: bool = True
    progress: Progress = field(default=lambda text: None)


@dataclass(frozen=True)
class Outcome:
    """All replies of one model to one data set, and what they measured."""

    model: str
    replies: list[Reply]
    rows: list[Row]
    seconds: float


def evaluate(settings: Settings, dataset: str, cases: Sequence[Case], options: Options) -> Outcome:
    """Measures the model that the settings name.

    Raises:
        EvaluationError: the settings name no model, or it cannot be loaded.
    """
    began = time.monotonic()
    checks: AnswerChecks = NoChecks()
    if options.checked and any(case.example.task == "answer" for case in cases):
        from llm_component.checks.gate import Checks
        from llm_component.encoder import load_encoder

        checks = Checks(load_encoder(settings.encoder), settings.support_threshold or None)
    model, replies = asyncio.run(all_replies(settings, cases, checks, options))
    rows = [Row.of(dataset + kind, system, one) for kind, system, one in _measured(model, cases, replies, options)]
    if options.perplexity:
        rows += [Row.of(dataset, model, one) for one in perplexity(settings, cases, options)]
    return Outcome(model, replies, rows, time.monotonic() - began)


async def all_replies(
    settings: Settings, cases: Sequence[Case], checks: AnswerChecks, options: Options
) -> tuple[str, list[Reply]]:
    """The model's name and its reply to each case. Raises `EvaluationError` where there is no model."""
    # A measurement must not get replies from a cache, and all cases may wait.
    settings = dataclasses.replace(settings, cache_entries=0, max_waiting=max(settings.max_waiting, len(cases)))
    engine = build_engine(settings)
    if engine is None:
        raise EvaluationError("no model is set: name a folder, a hub id or upstream:URL with --model")
    try:
        try:
            await engine.start()
        except EngineError as error:
            raise EvaluationError(str(error)) from error
        replier = Replier(engine, checks, at_once=options.at_once)
        every = max(1, len(cases) // 20)

        def done(count: int) -> None:
            if count % every == 0 or count == len(cases):
                options.progress(f"{count} of {len(cases)} replies")

        return engine.model_name, await replier.replies(cases, done)
    finally:
        await engine.close()


def _measured(
    model: str, cases: Sequence[Case], replies: Sequence[Reply], options: Options
) -> list[tuple[str, str, Measure]]:
    """Measures by task ("" for answers) and system: the model alone, with the checks, and the quoted passage."""
    found: list[tuple[str, str, Measure]] = []
    answers = [index for index, case in enumerate(cases) if case.example.task == "answer"]
    if answers:
        chosen = [cases[index] for index in answers]
        said = {model: [measures.model_alone(replies[index]) for index in answers]}
        if options.checked:
            said[f"{model}, checked"] = [measures.as_read(replies[index]) for index in answers]
        said["quoted passage"] = [quoted(case) for case in chosen]
        for system, one in said.items():
            found += [
                ("", system, each)
                for each in measures.answer_measures(chosen, one, samples=options.samples, seed=options.seed)
            ]
    for task in ("summary", "rewrite"):
        written = [index for index, case in enumerate(cases) if case.example.task == task]
        if written:
            chosen = [cases[index] for index in written]
            texts = [Said(replies[index].raw, cites=False) for index in written]
            found += [(f"_{task}", model, one) for one in written_measures(chosen, texts, options)]
    return found


def written_measures(cases: Sequence[Case], said: Sequence[Said], options: Options) -> list[Measure]:
    """Overlap with references, and what must be said, of summaries or rewritten questions."""
    found = measures.overlap_measures(
        [one.text for one in said],
        [case.reference for case in cases],
        samples=options.samples,
        seed=options.seed,
    )
    return found + measures.fact_measures(cases, said, samples=options.samples, seed=options.seed)


def quoted(case: Case) -> Said:
    """What a customer gets without a model. It never abstains where there is a passage."""
    text, cited = quoted_passage(case.example.passages)
    return Said(text, cited, abstained=not text)


def perplexity(settings: Settings, cases: Sequence[Case], options: Options) -> list[Measure]:
    """Of the references given what the model is asked; nothing for a model on another server, which does not say."""
    if settings.upstream_url is not None or settings.model == ECHO_MODEL:
        return []
    from llm_component.evaluation.perplexity import of_replies
    from llm_component.models.loading import load_model

    options.progress("perplexity of the references")
    loaded = load_model(settings)
    # Cases without a reference have nothing to be likely.
    pairs = [pair for pair in (ids_of(loaded, case) for case in cases if case.example.target) if pair is not None]
    if not pairs:
        return []
    found = of_replies(
        loaded.model,
        [source for source, _, _ in pairs],
        [target for _, target, _ in pairs],
        [text for _, _, text in pairs],
        pad=loaded.pad_token_id,
        encoder_decoder=loaded.kind == "encoder_decoder",
    )
    return measures.perplexity_measures(found, samples=options.samples, seed=options.seed)


def ids_of(loaded: LoadedModel, case: Case) -> tuple[list[int], list[int], str] | None:
    """Source ids, target ids with the end, and the target as text; None where the model has no form for the task."""
    from llm_component.compact.examples import example_ids
    from llm_component.engines.interface import RequestRefused
    from llm_component.evaluation.replies import PROFILE
    from llm_component.prompts.builder import fit
    from llm_component.prompts.retelling import fit_summary
    from llm_component.protocol import SummaryRequest

    example = case.example
    if loaded.source is not None:
        source, target = example_ids(loaded.source, example)
        return source, target, example.target
    try:
        if example.task == "answer":
            request = answer_request(example, PROFILE, 200)
            messages = fit(request, lambda said: len(loaded.prompt_ids(said)), loaded.context_tokens).messages
            text = example.target if example.answerable else PROFILE.abstention
        elif example.task == "summary":
            asked = SummaryRequest(list(example.history), "", dict(example.facts))
            messages = fit_summary(asked, lambda said: len(loaded.prompt_ids(said)), loaded.context_tokens).messages
            text = example.target
        else:
            return None
    except RequestRefused:
        return None
    return list(loaded.prompt_ids(messages)), [*loaded.text_ids(text), min(loaded.end_token_ids)], text
