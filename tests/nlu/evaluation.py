"""Runs the trained model over files of examples; what the tests and the measurement of the numbers share."""

from __future__ import annotations

import asyncio
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ANNOTATION = re.compile(r"\[(?P<text>[^\]]+)\](?:\((?P<entity>\w+)\)|(?P<json>\{[^}]+\}))")


@dataclass(frozen=True)
class Example:
    """A message with the intent and the entities it should have; a span is `(start, end, entity, role)`."""

    text: str
    intent: str
    spans: tuple[tuple[int, int, str, str | None], ...]


def read_examples(path: Path) -> list[Example]:
    """The examples of a Rasa NLU file, annotations taken out of the text."""
    examples: list[Example] = []
    for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
        if "intent" not in block:
            continue  # synonyms, patterns, lookups
        for line in block.get("examples", "").splitlines():
            if line.strip().startswith("- "):
                text, spans = _without_annotations(line.strip()[2:].strip())
                examples.append(Example(text, block["intent"], spans))
    return examples


def _without_annotations(text: str) -> tuple[str, tuple[tuple[int, int, str, str | None], ...]]:
    plain, spans, position = "", [], 0
    for match in ANNOTATION.finditer(text):
        plain += text[position : match.start()]
        details = yaml.safe_load(match["json"]) if match["json"] else {"entity": match["entity"]}
        spans.append((len(plain), len(plain) + len(match["text"]), details["entity"], details.get("role")))
        plain += match["text"]
        position = match.end()
    return plain + text[position:], tuple(spans)


def read_questions(path: Path) -> list[str]:
    """The messages of a plain list under `questions:`."""
    return list(yaml.safe_load(path.read_text(encoding="utf-8"))["questions"])


class TrainedModel:
    """The NLU half of a model archive."""

    def __init__(self, archive: Path) -> None:
        from rasa.core.agent import load_agent
        from rasa.utils.log_utils import configure_structlog

        configure_structlog(logging.WARNING)  # else a line a message
        self._loop = asyncio.new_event_loop()
        self._agent = self._loop.run_until_complete(load_agent(model_path=str(archive)))

    def parse(self, text: str, asked: tuple[str, str] | None = None) -> dict[str, Any]:
        """What Rasa makes of a message: `intent` with its ranking, `entities`, `routing`, `parts`, `response_selector`.

        Args:
            asked: form and slot, where a form has asked for something when the message comes.
        """
        from rasa.core.channels.channel import UserMessage
        from rasa.shared.core.events import ActiveLoop, SlotSet
        from rasa.shared.core.trackers import DialogueStateTracker

        tracker = DialogueStateTracker("measured", self._agent.processor.domain.slots)
        if asked is not None:
            tracker.update_with_events(
                [ActiveLoop(asked[0]), SlotSet("requested_slot", asked[1])], self._agent.processor.domain
            )
        return self._loop.run_until_complete(self._agent.processor.parse_message(UserMessage(text), tracker))
