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


class TrainedModel:
    """The NLU half of a model archive."""

    def __init__(self, archive: Path) -> None:
        from rasa.core.agent import load_agent
        from rasa.utils.log_utils import configure_structlog

        configure_structlog(logging.WARNING)  # else a line a message
        self._loop = asyncio.new_event_loop()
        self._agent = self._loop.run_until_complete(load_agent(model_path=str(archive)))

    def parse(self, text: str, form: str | None = None, asked: str | None = None) -> dict[str, Any]:
        """What Rasa makes of a message: `intent`, `intent_ranking`, `entities`, `routing`, `response_selector`.

        With `form`, as if that form were running and had just asked for the slot `asked`.
        """
        tracker = None
        if form is not None:
            from rasa.shared.core.events import ActiveLoop, SlotSet
            from rasa.shared.core.trackers import DialogueStateTracker

            events = [ActiveLoop(form), SlotSet("requested_slot", asked)]
            tracker = DialogueStateTracker.from_events("measured", events, self._agent.domain.slots)
        from rasa.core.channels.channel import UserMessage

        return self._loop.run_until_complete(self._agent.processor.parse_message(UserMessage(text), tracker))
