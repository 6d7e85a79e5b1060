"""Examples in files of your own: JSON lines with the fields of `Example`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from llm_component.training.data.examples import Example
from llm_component.training.data.reading import load_lines
from llm_component.training.errors import TrainingError

SAMPLE = (
    '{"task": "answer", "question": "...", "passages": [{"title": "", "heading": "", "text": "..."}], '
    '"target": "... [1]"}'
)


def read_examples(path: Path) -> Iterator[Example]:
    """The examples of a .jsonl file; `task` is answer where it is not given.

    Raises:
        TrainingError: a line is no example; the message names the line and the field.
    """
    for number, value in enumerate(load_lines(path), 1):
        try:
            yield msgspec.convert({"task": "answer", "question": "", "source": path.name, **value}, Example)
        except (msgspec.ValidationError, TypeError) as error:
            raise TrainingError(f"{path}, example {number}: {error}; a line looks like {SAMPLE}") from error


def write_examples(examples: Iterable[Example], path: Path) -> int:
    """Writes examples as such a file and returns how many."""
    count = 0
    with path.open("wb") as file:
        for example in examples:
            file.write(msgspec.json.encode(example) + b"\n")
            count += 1
    return count
