"""Texts with a class each: from CSV, JSON lines, or the NLU files of a Rasa project."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path

from llm_component.training.data.reading import load_lines
from llm_component.training.errors import TrainingError

# `[value](entity)` and `[value]{"entity": ...}`: the value is what the customer wrote.
_ANNOTATION = re.compile(r"\[([^\[\]]+)\](?:\([^()]*\)|\{[^{}]*\})")
TEXT_COLUMNS, LABEL_COLUMNS = ("text", "sentence", "utterance", "query"), ("label", "category", "intent", "class")


def read_labelled(path: Path) -> Iterator[tuple[str, str]]:
    """Texts and labels of a file, or of all such files of a folder.

    Raises:
        TrainingError: it is missing, of another kind, or holds no labelled text.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in (".csv", ".jsonl", ".yml", ".yaml"))
    else:
        files = [path]
    found = False
    for file in files:
        for pair in _pairs(file):
            found = True
            yield pair
    if not found:
        raise TrainingError(f"{path} holds no labelled text: .csv or .jsonl with text and label, or Rasa's NLU as .yml")


def _pairs(file: Path) -> Iterator[tuple[str, str]]:
    if not file.is_file():
        raise TrainingError(f"there is no {file}")
    if file.suffix == ".csv":
        with file.open(encoding="utf-8", newline="") as opened:
            lines = csv.DictReader(opened)
            names = [name.strip().lower() for name in lines.fieldnames or ()]
            text, label = _column(file, names, TEXT_COLUMNS), _column(file, names, LABEL_COLUMNS)
            for line in lines:
                values = list(line.values())
                if values[text] and values[label]:
                    yield values[text].strip(), values[label].strip()
    elif file.suffix == ".jsonl":
        for value in load_lines(file):
            names = list(value)
            text, label = _column(file, names, TEXT_COLUMNS), _column(file, names, LABEL_COLUMNS)
            yield str(value[names[text]]), str(value[names[label]])
    elif file.suffix in (".yml", ".yaml"):
        yield from _rasa(file)
    else:
        raise TrainingError(f"{file} is no .csv, .jsonl or .yml")


def _column(file: Path, names: list[str], known: tuple[str, ...]) -> int:
    for name in known:
        if name in names:
            return names.index(name)
    raise TrainingError(f"{file} has no {known[0]}: name it {' or '.join(known)}; there is {', '.join(names)}")


def _rasa(file: Path) -> Iterator[tuple[str, str]]:
    """Intents with their examples. Raises `TrainingError` where the file is no YAML."""
    import yaml

    try:
        value = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise TrainingError(f"{file} is no YAML: {json.dumps(str(error))}") from error
    for entry in (value or {}).get("nlu") or []:
        intent, examples = entry.get("intent"), entry.get("examples")
        if not intent or not isinstance(examples, str):
            continue  # synonyms, lookups and patterns
        for line in examples.splitlines():
            text = _ANNOTATION.sub(r"\1", line.strip().removeprefix("- ")).strip()
            if text:
                yield text, str(intent)
