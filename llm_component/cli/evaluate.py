"""`evaluate`: measures a model on examples with references, beside what costs no model, with confidence intervals."""

from __future__ import annotations

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_component.cli import serve
from llm_component.settings import Settings, SettingsError

if TYPE_CHECKING:
    from llm_component.evaluation.cases import Case
    from llm_component.evaluation.run import Options

SUMMARY = "measure a model: overlap, exact facts, citations, abstention, perplexity"
EXIT_CANNOT = 2
MODEL_FLAGS = ("model", "engine", "device", "dtype", "quantization", "adapters", "context_tokens", "max_rows")
JUDGING_FLAGS = ("upstream_model", "encoder", "support_threshold")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model's settings, the data, and how to measure."""
    add_model_arguments(parser)
    parser.add_argument("--data", action="append", default=[], metavar="FILE|NAME", help=DATA_HELP)
    parser.add_argument("--data-root", default="", metavar="FOLDER", help="where named data sets lie, unpacked")
    parser.add_argument("--text", action="append", default=[], type=Path, metavar="FILE", help=TEXT_HELP)
    parser.add_argument("--window", type=int, default=0, help="tokens of a window for --text; 0: the model's context")
    parser.add_argument("--stride", type=int, default=0, help="tokens between two windows; 0: half a window")
    parser.add_argument("--limit", type=int, default=0, help="examples of each set, drawn by the seed; 0: all")
    parser.add_argument("--seed", type=int, default=1, help="of the draw and of the intervals")
    parser.add_argument("--samples", type=int, default=1000, help="draws of the bootstrap")
    parser.add_argument("--at-once", type=int, default=16, help="requests under way together")
    parser.add_argument("--no-checks", action="store_true", help="measure the model alone, not also with the checks")
    parser.add_argument("--no-perplexity", action="store_true", help="leave the likelihood of the references out")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the results there as JSON")
    parser.add_argument("--replies", type=Path, metavar="FILE", help="write every reply there as JSON lines")
    parser.add_argument("--card", type=Path, metavar="FILE", help="write a model card there as Markdown")
    parser.add_argument("--describe", type=Path, metavar="FILE", help="JSON with what the card says beside numbers")


DATA_HELP = "a file of examples as JSON lines, or a named data set that is meant for evaluation; may be repeated"
TEXT_HELP = "a text file whose perplexity is measured in sliding windows; of a masked model its pseudo-perplexity"


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of `serve`'s flags that say which model runs where."""
    every = argparse.ArgumentParser(add_help=False)
    serve.add_arguments(every)
    wanted = {"--" + name.replace("_", "-") for name in (*MODEL_FLAGS, *JUDGING_FLAGS)}
    for action in every._actions:
        if wanted & set(action.option_strings):
            parser._add_action(action)


def run(arguments: argparse.Namespace) -> int:
    """0; 2 where nothing could be measured, with one sentence on standard error."""
    from llm_component.evaluation.cases import EvaluationError
    from llm_component.models.files import ModelError
    from llm_component.training.errors import TrainingError

    try:
        settings = serve.settings_of(arguments, os.environ)
        result = _result(arguments, settings)
    except (EvaluationError, ModelError, SettingsError, TrainingError) as error:
        print(f"llm_component evaluate: {error}", file=sys.stderr)
        return EXIT_CANNOT
    except ModuleNotFoundError as error:
        if error.name not in ("sacrebleu", "rouge_score"):
            raise
        print(f"llm_component evaluate: {error.name} is missing; make setup installs it", file=sys.stderr)
        return EXIT_CANNOT
    print(table(result["rows"]))
    if result["meta"]["bleu_signature"]:
        print(f"BLEU: {result['meta']['bleu_signature']}")
    if arguments.out:
        arguments.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if arguments.card:
        arguments.card.write_text(_card(arguments, settings, result), encoding="utf-8")
    return 0


def _result(arguments: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    from llm_component.evaluation.cases import EvaluationError, sample
    from llm_component.evaluation.run import Options, evaluate

    if not arguments.data and not arguments.text:
        raise EvaluationError("say what to measure on: --data FILE or NAME, or --text FILE")
    options = Options(
        samples=arguments.samples,
        seed=arguments.seed,
        at_once=arguments.at_once,
        checked=not arguments.no_checks,
        perplexity=not arguments.no_perplexity,
        progress=lambda text: print(f"  {text}", file=sys.stderr, flush=True),
    )
    rows: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    model = settings.model
    for named in arguments.data:
        cases = sample(read_data(named, arguments.data_root), arguments.limit, arguments.seed)
        dataset = Path(named).stem
        outcome = evaluate(settings, dataset, cases, options)
        model = outcome.model
        rows += [asdict(row) for row in outcome.rows]
        kept += [
            {"dataset": dataset, "id": case.name, "question": case.example.question, "reference": case.example.target}
            | asdict(reply)
            for case, reply in zip(cases, outcome.replies, strict=True)
        ]
    rows += _text_rows(arguments, settings, options)
    if arguments.replies:
        lines = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in kept)
        arguments.replies.write_text(lines, encoding="utf-8")
    meta = {"model": model, "seed": arguments.seed, "limit": arguments.limit, "samples": arguments.samples}
    return {"meta": meta | {"bleu_signature": _signature() if arguments.data else ""}, "rows": rows}


def read_data(named: str, root: str) -> list[Case]:
    """The cases of a file, or of a named data set. Raises `EvaluationError` or `TrainingError`."""
    from llm_component.evaluation.cases import EvaluationError, from_examples, read_cases
    from llm_component.training.data.readers import DATA_SETS, data_root, read

    if Path(named).is_file():
        return read_cases(Path(named))
    if named not in DATA_SETS:
        known = ", ".join(name for name, one in DATA_SETS.items() if one.evaluation is not None)
        raise EvaluationError(f"{named} is no file and no data set for evaluation; known are {known}")
    return from_examples(read(named, data_root(root), "evaluation"))


def _text_rows(arguments: argparse.Namespace, settings: Settings, options: Options) -> list[dict[str, Any]]:
    if not arguments.text:
        return []
    from llm_component.evaluation.cases import EvaluationError
    from llm_component.evaluation.texts import text_rows

    if settings.upstream_url is not None:
        raise EvaluationError("a model on another server does not say how likely a text is: leave --text out")
    return [
        asdict(row) for row in text_rows(settings, arguments.text, window=arguments.window, stride=arguments.stride)
    ]


def _signature() -> str:
    from llm_component.evaluation.text_scores import bleu_counts

    return bleu_counts(["a"], ["a"]).signature


def _card(arguments: argparse.Namespace, settings: Settings, result: dict[str, Any]) -> str:
    from dataclasses import replace

    from llm_component.evaluation.model_card import Described, card, facts_of, read_description

    said = read_description(arguments.describe) if arguments.describe else Described(result["meta"]["model"])
    folder = Path(settings.model).expanduser()
    if folder.is_dir():
        said = replace(said, facts={**facts_of(folder), **said.facts})
    return card(said, [result])


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as columns for a terminal."""
    from llm_component.evaluation.model_card import shown

    lines = [("data", "system", "metric", "value", "95 % interval", "n")]
    for row in rows:
        between = "" if row["low"] == row["high"] else f"{row['low']:.4g} to {row['high']:.4g}"
        value = shown(row["value"], row["unit"])
        lines.append((row["dataset"], row["system"], row["metric"], value, between, str(row["count"])))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
