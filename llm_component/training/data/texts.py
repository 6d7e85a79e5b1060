"""Plain text from folders and files, one document at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llm_component.training.errors import TrainingError

SUFFIXES = (".txt", ".md", ".jsonl")
TEXT_KEYS = ("text", "content", "body")


def text_files(path: Path) -> list[Path]:
    """The files of text under `path`, in a fixed order.

    Raises:
        TrainingError: there is none.
    """
    if path.is_file():
        found = [path] if path.suffix in SUFFIXES else []
    elif path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES and file.is_file())
    else:
        raise TrainingError(f"there is no {path}; name a folder or file of text, or a data set")
    if not found:
        raise TrainingError(f"{path} holds no text: files that end in {', '.join(SUFFIXES)} are read")
    return found


def documents(path: Path) -> Iterator[str]:
    """The documents under `path`: a .txt or .md file is one, a .jsonl file has one a line.

    Raises:
        TrainingError: a line is no JSON, or holds no text.
    """
    for file in text_files(path):
        if file.suffix == ".jsonl":
            yield from _lines(file)
        else:
            text = file.read_text(encoding="utf-8", errors="replace").strip()
            if text:
                yield text


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="replace") as opened:
        for number, line in enumerate(opened, 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                raise TrainingError(f"{file}, line {number}: no JSON ({error.msg})") from error
            text = _text_of(value)
            if text is None:
                raise TrainingError(f"{file}, line {number}: no text; give it under {' or '.join(TEXT_KEYS)}")
            if text.strip():
                yield text.strip()


def _text_of(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        for key in TEXT_KEYS:
            if isinstance(value.get(key), str):
                return str(value[key])
        turns = value.get("messages") or value.get("turns")
        if isinstance(turns, list):
            said = [str(turn.get("content") or turn.get("text") or "") for turn in turns if isinstance(turn, dict)]
            return "\n".join(filter(None, said))
    return None
