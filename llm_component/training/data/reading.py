"""What the readers share: opening files, and turns in one form."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from llm_component.protocol import Turn
from llm_component.training.data.examples import Example
from llm_component.training.errors import TrainingError

ASSISTANTS = frozenset({"assistant", "agent", "system", "s", "bot"})
HISTORY_TURNS = 8
_SPACE_BEFORE_SIGN = re.compile(r"\s+([,.;:!?])")


def load_json(path: Path) -> Any:
    """The value in a JSON file, or in the first one of a .zip. Raises `TrainingError` where it is missing or broken."""
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read(archive.namelist()[0]))
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise TrainingError(f"there is no {path}; unpack the data set there") from error
    except json.JSONDecodeError as error:
        raise TrainingError(f"{path} is no JSON: {error}") from error


def load_lines(path: Path) -> Iterator[Any]:
    """The values of a file with one JSON value a line; of a .zip, those of the first file in it.

    Raises:
        TrainingError: the file is missing, or a line is broken.
    """
    if not path.is_file():
        raise TrainingError(f"there is no {path}; unpack the data set there")
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as raw:
            yield from _values(io.TextIOWrapper(raw, encoding="utf-8"), path)
    else:
        with path.open(encoding="utf-8") as file:
            yield from _values(file, path)


def _values(lines: Iterable[str], path: Path) -> Iterator[Any]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise TrainingError(f"{path}, line {number}: no JSON ({error.msg})") from error


def tidy(text: str) -> str:
    """Text whose words and signs stand apart, as it is written."""
    return _SPACE_BEFORE_SIGN.sub(r"\1", " ".join(text.split()))


def turn(speaker: str, text: str) -> Turn:
    """A turn, whatever the data set calls who speaks."""
    return Turn("assistant" if speaker.casefold() in ASSISTANTS else "user", " ".join(text.split()))


def joined(turns: Iterable[Turn]) -> list[Turn]:
    """The turns that say something, neighbours of one speaker made one."""
    result: list[Turn] = []
    for each in turns:
        if not each.content:
            continue
        if result and result[-1].role == each.role:
            result[-1] = Turn(each.role, f"{result[-1].content} {each.content}")
        else:
            result.append(each)
    return result


def replies(turns: Sequence[Turn], source: str) -> Iterator[Example]:
    """An example for each of the assistant's turns that follows one of the customer's; nothing it could rest on."""
    turns = joined(turns)
    for at in range(1, len(turns)):
        if turns[at].role == "assistant" and turns[at - 1].role == "user":
            history = tuple(turns[max(0, at - 1 - HISTORY_TURNS) : at - 1])
            yield Example("answer", turns[at - 1].content, turns[at].content, history=history, source=source)


def cited(text: str, number: int = 1) -> str:
    """The sentences of `text`, each with the citation of passage `number` behind it; a question claims nothing."""
    from llm_component.checks.sentences import split_sentences

    parts = [" ".join(part.split()) for part in split_sentences(" ".join(text.split()))]
    claims = [part for part in parts if part and not part.endswith("?")]
    if not claims:
        return " ".join(f"{part} [{number}]" for part in parts if part)
    return " ".join(f"{part} [{number}]" if part in claims else part for part in parts if part)
