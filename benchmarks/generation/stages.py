"""Perplexity and BLEU of each stage of training in one table, and their loss curves in one picture."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.generation.systems import Model, replies_of
from llm_component.evaluation import perplexity
from llm_component.evaluation.cases import Case, EvaluationError
from llm_component.evaluation.citations import without_marks
from llm_component.evaluation.measures import model_alone, overlap_measures
from llm_component.evaluation.run import Options, Row
from llm_component.evaluation.run import perplexity as of_references
from llm_component.evaluation.texts import load_masked, rows_of
from llm_component.settings import Settings
from llm_component.training.journal import FILE, read_lines
from llm_component.training.plots import draw, smoothed

COLOURS = ("#1f5fbf", "#d95f02", "#1b9e77", "#7570b3", "#a6761d", "#666666")
MASKED_TEXTS = 200  # of a masked model each token costs a pass


def stage(said: str) -> tuple[str, Path]:
    """A stage from `NAME=FOLDER`. Raises `EvaluationError` where it is not written so, or there is no such folder."""
    name, mark, folder = said.partition("=")
    if not mark or not name or not Path(folder).expanduser().is_dir():
        raise EvaluationError(f"--stage {said}: write NAME=FOLDER with the folder of a trained model")
    return name, Path(folder).expanduser()


def stage_rows(name: str, folder: Path, cases: Sequence[Case], settings: Settings, options: Options) -> list[Row]:
    """Of a model that writes: perplexity and BLEU of the replies; of a masked one: pseudo-perplexity of the same texts.

    Raises:
        EvaluationError: the folder holds no model.
    """
    try:
        said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise EvaluationError(f"{folder} holds no model: {error}") from error
    settings = dataclasses.replace(settings, model=str(folder))
    kinds = " ".join(said.get("architectures") or [])
    if "MaskedLM" in kinds or "PreTraining" in kinds:
        model, tokenizer = load_masked(folder, settings)
        texts = [without_marks(case.example.target) for case in cases[:MASKED_TEXTS]]
        found = perplexity.of_masked_text(model, tokenizer, texts)
        return rows_of("stages", name, "pseudo_perplexity", found)
    rows = [Row.of("stages", name, one) for one in of_references(settings, cases, options)]
    replies = [model_alone(reply) for reply in replies_of(Model(name, settings), cases, options)]
    found_overlap = overlap_measures(
        [one.text for one in replies], [case.reference for case in cases], samples=options.samples, seed=options.seed
    )
    return rows + [Row.of("stages", name, one) for one in found_overlap]


def loss_curves(stages: Sequence[tuple[str, Path]]) -> str | None:
    """The moving means of all stages that left a record of their losses, as one SVG; None where none did."""
    series = []
    for name, folder in stages:
        record = next((path for path in (folder / FILE, folder.parent / FILE) if path.is_file()), None)
        lines = read_lines(record) if record else []
        points = [(float(line["step"]), float(line["loss"])) for line in lines if "loss" in line]
        if points:
            series.append((name, COLOURS[len(series) % len(COLOURS)], 2.0, smoothed(points)))
    return draw(series, "Loss of each stage, moving mean") if series else None
