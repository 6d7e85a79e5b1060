"""Two graph components: one lets the pipeline read the pieces of a message too, the other decides if they are parts.

`MessageCutter` stands first. Where a message may be cut, it puts the texts of its possible parts behind it in the
list that Rasa hands from component to component, so that tokenizer, featurizers, classifier, entity extractor and
router read them like messages of their own, in the same batch. `PartsJudge` stands last, takes them out again and
writes down what it decided. Neither knows the components between them: they work with every pipeline of Rasa that sets
`intent` and `intent_ranking`.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, fields
from typing import Any, Dict, List, Optional, Sequence, Text

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.core.constants import REQUESTED_SLOT
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import ENTITIES, INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message

from frontdesk.metrics import SEVERAL_WISHES
from rasa_addons.graph_components import StatelessComponent
from rasa_addons.parts.cutting import Segment, runs, segments
from rasa_addons.parts.judging import Part, Reading, Rules, judge

logger = logging.getLogger(__name__)

SEVERAL_WISHES_INTENT = "several_wishes"
# Of a message that is a possible part of another: indices of the first and the last piece.
PART_OF_MESSAGE = "part_of_message"
PARTS = "parts"
ROUTING = "routing"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class MessageCutter(StatelessComponent):
    """Adds the possible parts of each message behind it; a message without a place to cut costs nothing."""

    def process(self, messages: List[Message]) -> List[Message]:
        """The messages, each followed by one message for every run of its pieces but the whole."""
        return [entry for message in messages for entry in (message, *self._parts(message))]

    @staticmethod
    def _parts(message: Message) -> List[Message]:
        text = message.get(TEXT) or ""
        if text.startswith(INTENT_MESSAGE_PREFIX):  # a pressed button
            return []
        pieces = segments(text)
        return [
            Message({TEXT: text[pieces[first].start : pieces[last].end], PART_OF_MESSAGE: (first, last)})
            for first, last in runs(pieces)
            if last - first + 1 < len(pieces)
        ]


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class PartsJudge(GraphComponent):
    """Takes the possible parts out of the list and, where a message has several wishes, writes them into it.

    The message then has the intent `several_wishes`, and `parts`: for each part its text, where it stands in the
    message (`start`, `end`), its `role` (`wish`, or `answer` to the running form), its intent with confidence, the
    `candidates` of the router, and its entities, whose places count from the part's own first character.

    Settings in config.yml: those of `judging.Rules`.
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {**asdict(Rules()), "never": [], "stated": [], "same_matter": []}

    def __init__(self, config: Dict[Text, Any]) -> None:
        settings = {**self.get_default_config(), **config}
        sets = {name: frozenset(settings[name]) for name in ("never", "stated")}
        groups = tuple(frozenset(group) for group in settings["same_matter"])
        known = {entry.name: settings[entry.name] for entry in fields(Rules)}
        self._rules = Rules(**{**known, **sets, "same_matter": groups})

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> PartsJudge:
        return cls(config)

    def process(self, messages: List[Message], tracker: Optional[DialogueStateTracker] = None) -> List[Message]:
        """The messages that customers sent; `tracker` says whether a form has asked something."""
        in_form = bool(tracker and tracker.active_loop_name and tracker.get_slot(REQUESTED_SLOT))
        sent: List[Message] = []
        read: List[Dict[Any, Message]] = []
        for message in messages:
            if message.get(PART_OF_MESSAGE) is None:
                sent.append(message)
                read.append({})
            elif read:
                read[-1][message.get(PART_OF_MESSAGE)] = message
        for message, possible in zip(sent, read, strict=True):
            if possible:
                self._judge(message, possible, in_form)
        return sent

    def _judge(self, message: Message, possible: Dict[Any, Message], in_form: bool) -> None:
        pieces = segments(message.get(TEXT))
        by_run = {**possible, (0, len(pieces) - 1): message}
        readings = {run: reading_of(entry, pieces[run[0] : run[1] + 1]) for run, entry in by_run.items()}
        parts = judge(readings, len(pieces), self._rules, in_form)
        if parts is None:
            return
        # Readings are told apart by identity: two parts may have the same words.
        places = {id(reading): (by_run[run], pieces[run[0]]) for run, reading in readings.items()}
        written = [_written(part, *places[id(part.reading)]) for part in parts]
        SEVERAL_WISHES.labels(parts=str(len(parts))).inc()
        intents = [part.intent for part in parts]
        logger.info("a message has several wishes", extra={"intents": intents})
        intent = {"name": SEVERAL_WISHES_INTENT, "confidence": min(part.confidence for part in parts)}
        routing = {**(message.get(ROUTING) or {}), "decision": SEVERAL_WISHES_INTENT, "reason": ", ".join(intents)}
        message.set(PARTS, written, add_to_output=True)
        message.set(INTENT, intent, add_to_output=True)
        message.set(INTENT_RANKING_KEY, [intent, *(message.get(INTENT_RANKING_KEY) or [])], add_to_output=True)
        message.set(ROUTING, routing, add_to_output=True)


def reading_of(message: Message, pieces: Sequence[Segment]) -> Reading:
    """What the pipeline wrote into a message whose text is made of these pieces."""
    intent = message.get(INTENT) or {}
    return Reading(
        text=message.get(TEXT),
        intent=intent.get("name") or "",
        confidence=float(intent.get("confidence") or 0.0),
        entities=tuple(message.get(ENTITIES) or ()),
        ranking=tuple((entry["name"], entry["confidence"]) for entry in message.get(INTENT_RANKING_KEY) or ()),
        asks=any(piece.asks for piece in pieces),
        added=pieces[0].added,
    )


def _written(part: Part, message: Message, begin: Segment) -> Dict[Text, Any]:
    """A part as it stands in the tracker."""
    return {
        "text": part.reading.text,
        "start": begin.start,
        "end": begin.start + len(part.reading.text),
        "role": part.role,
        "intent": {"name": part.intent, "confidence": part.confidence},
        "candidates": list((message.get(ROUTING) or {}).get("candidates") or ()),
        "entities": [dict(entity) for entity in part.reading.entities],
    }
