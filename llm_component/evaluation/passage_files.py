"""Passages from files: JSON, JSON lines, or Markdown and plain text cut at headings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from llm_component.evaluation.cases import EvaluationError
from llm_component.protocol import Passage

_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$", re.MULTILINE)


def read_passages(path: Path) -> list[Passage]:
    """The passages of a file.

    `.json`: a list; `.jsonl`: one a line; each an object with `text` and, as far as there are any, `title`, `heading`
    and `url`. Any other file is text: its first heading is the title, each further one begins a passage.

    Raises:
        EvaluationError: the file cannot be read or holds no passage.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}") from error
    try:
        if path.suffix == ".jsonl":
            found = [_passage(json.loads(line)) for line in text.splitlines() if line.strip()]
        elif path.suffix == ".json":
            found = [_passage(one) for one in json.loads(text)]
        else:
            found = _sections(text)
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(f"{path} holds no passages: each needs a text ({error})") from error
    if not found:
        raise EvaluationError(f"{path} holds no text")
    return found


def _passage(said: Any) -> Passage:
    if isinstance(said, str):
        return Passage("", said)
    return Passage(
        title=str(said.get("title", "")),
        text=str(said["text"]),
        url=str(said.get("url", "")),
        heading=str(said.get("heading", "")),
        quote=str(said.get("quote", "")),
    )


def _sections(text: str) -> list[Passage]:
    found: list[Passage] = []
    title = heading = ""
    position = 0
    for match in [*_HEADING.finditer(text), None]:
        body = text[position : match.start() if match else len(text)].strip()
        if body:
            found.append(Passage(title=title, heading=heading, text=body))
        if match is not None:
            position = match.end()
            if title:
                heading = match[2]
            else:
                title = match[2]
    return found
