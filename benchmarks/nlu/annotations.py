"""Messages with an intent and annotated entities, from Rasa's two file formats, read by Rasa's own parsers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from rasa.shared.nlu.constants import ENTITIES, INTENT, TEXT
from rasa.shared.nlu.training_data.entities_parser import find_entities_in_training_example, replace_entities
from rasa.shared.nlu.training_data.formats import RasaYAMLReader

INTENT_HEADING = "## intent:"
ITEM = re.compile(r"^\s*[-*+]\s+(?P<example>.*\S)\s*$")

Span = tuple[int, int, str]  # start, end, entity


@dataclass(frozen=True)
class Example:
    """A message with its intent; spans are positions in the text."""

    text: str
    intent: str
    spans: tuple[Span, ...] = ()


def markdown_examples(file: Path) -> tuple[Example, ...]:
    """The examples of a file in Rasa's old Markdown format, which Rasa 3 reads no more; other sections are left out.

    Raises:
        ValueError: the file has no intent.
    """
    found, intent = [], ""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            intent = line.removeprefix(INTENT_HEADING).strip() if line.startswith(INTENT_HEADING) else ""
        elif intent and (item := ITEM.match(line)):
            annotated = item["example"]
            found.append(
                Example(replace_entities(annotated), intent, _spans(find_entities_in_training_example(annotated)))
            )
    if not found:
        raise ValueError(f"{file} has no section {INTENT_HEADING!r} with examples; is it Rasa's Markdown format?")
    return tuple(found)


def yaml_examples(file: Path) -> tuple[Example, ...]:
    """The examples of a Rasa NLU file in YAML; of `chitchat/ask_name` the intent is `chitchat`, as Rasa trains it."""
    return tuple(
        Example(message.get(TEXT), message.get(INTENT), _spans(message.get(ENTITIES) or []))
        for message in RasaYAMLReader().read(str(file)).intent_examples
    )


def _spans(entities: list[dict]) -> tuple[Span, ...]:
    return tuple((entity["start"], entity["end"], entity["entity"]) for entity in entities)
