"""The model card: what a model is, what it was made from, and what it was measured to do, as Markdown."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llm_component.evaluation.cases import EvaluationError

NOT_STATED = "not stated"


@dataclass(frozen=True)
class Described:
    """What only whoever made the model can say; empty parts are left out of the card, and the card says so."""

    name: str
    summary: str = ""
    licence: str = ""
    made: str = ""  # how it was trained, and on which machine
    data: Sequence[Mapping[str, str]] = ()  # rows with source, licence and examples
    uses: Sequence[str] = ()
    limits: Sequence[str] = ()
    facts: Mapping[str, str] = field(default_factory=dict)  # parameters, size, context ...


def read_description(path: Path) -> Described:
    """A description from a JSON file whose keys are the fields of `Described`.

    Raises:
        EvaluationError: the file cannot be read, or names a field that there is none of.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return Described(**said)
    except (OSError, json.JSONDecodeError, TypeError) as error:
        raise EvaluationError(f"{path} does not describe a model: {error}") from error


def facts_of(folder: Path) -> dict[str, str]:
    """What the files of a model in a folder say: type, parameters, bytes of weights, vocabulary.

    Raises:
        EvaluationError: the folder holds no config.json.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise EvaluationError(f"{folder} holds no readable config.json: {error}") from error
    parameters = size = 0
    kinds: set[str] = set()
    for file in sorted(folder.glob("*.safetensors")):
        size += file.stat().st_size
        for part in _header(file).values():
            parameters += math.prod(part["shape"])
            kinds.add(part["dtype"])
    found = {"type": str(config.get("model_type", NOT_STATED))}
    if parameters:
        found |= {
            "stored values": f"{parameters / 1e6:.1f} million ({', '.join(sorted(kinds))})",
            "weights": f"{size / 2**20:.1f} MiB",
        }
    if "vocab_size" in config:
        found["vocabulary"] = f"{config['vocab_size']} pieces"
    return found


def _header(file: Path) -> dict[str, Any]:
    """What a safetensors file says of its tensors: eight bytes with the length, then JSON."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        said: dict[str, Any] = json.loads(opened.read(length))
    said.pop("__metadata__", None)
    return said


def card(described: Described, results: Sequence[Mapping[str, Any]]) -> str:
    """The card from results in the form of benchmarks: objects with `meta` and `rows`.

    Rows have dataset, system, metric, value and unit, and where there is an interval `low` and `high`.
    """
    parts = [f"# Model card: {described.name}", ""]
    if described.summary:
        parts += [described.summary, ""]
    parts += ["| | |", "| --- | --- |", f"| licence | {described.licence or NOT_STATED} |"]
    parts += [f"| {name} | {value} |" for name, value in described.facts.items()]
    parts += [""]
    parts += _listed("What it is for", described.uses)
    parts += _listed("What it cannot do", described.limits)
    if described.made:
        parts += ["## How it was made", "", described.made, ""]
    if described.data:
        parts += ["## Data", "", "| source | licence | examples |", "| --- | --- | ---: |"]
        parts += [f"| {row['source']} | {row['licence']} | {row.get('examples', '')} |" for row in described.data]
        parts += [""]
    parts += ["## Measured", ""]
    if not results:
        parts += ["Not measured yet.", ""]
    for result in results:
        parts += _measured(result)
    return "\n".join(parts)


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *(f"- {line}" for line in lines), ""] if lines else []


def _measured(result: Mapping[str, Any]) -> list[str]:
    lines = ["| data | system | metric | value | 95 % interval | examples |", "| --- | --- | --- | ---: | --- | ---: |"]
    for row in result["rows"]:
        lines.append(
            f"| {row['dataset']} | {row['system']} | {row['metric']} | {shown(row['value'], row.get('unit', ''))} "
            f"| {_between(row)} | {row.get('count') or ''} |"
        )
    meta = result.get("meta", {})
    made = [f"Machine: {meta['machine']}."] if "machine" in meta else []
    made += [f"Commit {meta['commit']}."] if "commit" in meta else []
    made += [f"Seed {meta['seed']}."] if "seed" in meta else []
    made += [f"BLEU: `{meta['bleu_signature']}`."] if meta.get("bleu_signature") else []
    return [*lines, "", *([" ".join(made), ""] if made else [])]


def shown(value: float, unit: str) -> str:
    """A value as it stands in a table: shares with three digits, points with one."""
    if not unit:
        return f"{value:.3f}"
    return f"{value:.1f}" if unit == "points" else f"{value:.4g} {unit}"


def _between(row: Mapping[str, Any]) -> str:
    low, high, unit = row.get("low"), row.get("high"), row.get("unit", "")
    if low is None or high is None or low == high:
        return ""
    plain = unit if unit in ("", "points") else "points"
    return f"{shown(low, plain)} to {shown(high, plain)}"
