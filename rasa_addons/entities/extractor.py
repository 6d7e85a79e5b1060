"""The entity tagger as a Rasa graph component."""

from __future__ import annotations

import logging
import random
from typing import Any, Dict, List, Optional, Sequence, Text

from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.constants import ENTITY_ATTRIBUTE_CONFIDENCE_TYPE
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import (
    ENTITIES,
    ENTITY_ATTRIBUTE_END,
    ENTITY_ATTRIBUTE_ROLE,
    ENTITY_ATTRIBUTE_START,
    ENTITY_ATTRIBUTE_TYPE,
    ENTITY_ATTRIBUTE_VALUE,
    TEXT,
)
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_addons.entities.copies import Example, in_haste, values_of, with_other_values
from rasa_addons.entities.tagger import CrfSettings, EntityTagger, Knowledge, Span
from rasa_addons.entities.words import split_words
from rasa_addons.graph_components import StoredComponent
from rasa_addons.lookup_tables import lookup_tables
from rasa_addons.normalising.component import ORIGINAL_TEXT, READABLE_TEXT

logger = logging.getLogger(__name__)

# A kind of the tagger is an entity or, with a role, "entity|role".
ROLE_MARK = "|"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class EntityTaggerExtractor(EntityExtractorMixin, StoredComponent):
    """Sets `entities` in Rasa's stock format, roles included; needs no tokenizer and no featurizer before it.

    Settings in config.yml: `l1`, `l2`, `iterations` (of the CRF), `other_values` and `in_haste` (changed copies of
    each training example, see `copies`), `seed` (of these copies), and `names`: lookup tables whose entries are
    entities wherever a message names them beyond doubt, with slips of spelling, even where the CRF says nothing.
    Patterns and lookup tables come from the training data.
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {
            "l1": 0.05,
            "l2": 0.01,
            "iterations": 100,
            "other_values": 1,
            "in_haste": 3,
            "seed": 1,
            "names": [],
        }

    @staticmethod
    def required_packages() -> List[Text]:
        return ["rapidfuzz"]  # Rasa looks distributions up by the module's name, which python-crfsuite has not

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        tagger: Optional[EntityTagger] = None,
    ) -> None:
        super().__init__(config, model_storage, resource)
        self.tagger = tagger

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> EntityTaggerExtractor:
        try:
            with model_storage.read_from(resource) as folder:
                return cls(config, model_storage, resource, EntityTagger.load(folder))
        except (ValueError, FileNotFoundError):  # nothing was persisted: no training example had an entity
            logger.warning("%s was trained without entities and will find none.", cls.__name__)
            return cls(config, model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        examples = [_example(message) for message in training_data.nlu_examples if message.get(TEXT)]
        if not any(spans for _, spans in examples):
            logger.warning("No training example has an entity: %s learns nothing.", type(self).__name__)
            return self._resource
        tables = lookup_tables(training_data)
        knowledge = Knowledge(_patterns(training_data), tables, ordinary_words(examples))
        values, rng = values_of(examples, tables), random.Random(self.config["seed"])
        other = [with_other_values(each, values, rng) for each in examples * self.config["other_values"]]
        hasty = [in_haste(each, rng) for each in examples * self.config["in_haste"]]
        settings = CrfSettings(self.config["l1"], self.config["l2"], self.config["iterations"])
        with self._model_storage.write_to(self._resource) as folder:
            self.tagger = EntityTagger.train([*examples, *other, *hasty], knowledge, settings, folder)
            self.tagger.save(folder)
        return self._resource

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            if self.tagger is None or not message.get(TEXT):
                continue
            spans = self._spans(self.tagger, _readable(message))
            original = message.get(ORIGINAL_TEXT) or message.get(TEXT)
            entities = self.add_extractor_name([_entity(original, span) for span in spans])
            message.set(ENTITIES, message.get(ENTITIES, []) + entities, add_to_output=True)
        return messages

    def _spans(self, tagger: EntityTagger, text: str) -> List[Span]:
        spans = tagger.spans(text)
        for table in self.config["names"]:
            for named in tagger.named(text, table):
                overlapping = [span for span in spans if span.start < named.end and named.start < span.end]
                if any(span.kind == table for span in overlapping):
                    continue
                spans = [span for span in spans if span not in overlapping] + [named]
        return sorted(spans, key=lambda span: span.start)


def ordinary_words(examples: Sequence[Example]) -> List[str]:
    """Words in small letters that stand outside every entity of the training texts, sorted."""
    found = set()
    for text, spans in examples:
        for word in split_words(text):
            if not any(span.start < word.end and word.start < span.end for span in spans):
                found.add(word.text.casefold())
    return sorted(found)


def _example(message: Message) -> Example:
    spans = []
    for entity in message.get(ENTITIES, []):
        kind, role = entity[ENTITY_ATTRIBUTE_TYPE], entity.get(ENTITY_ATTRIBUTE_ROLE)
        kind = f"{kind}{ROLE_MARK}{role}" if role else kind
        spans.append(Span(entity[ENTITY_ATTRIBUTE_START], entity[ENTITY_ATTRIBUTE_END], kind))
    return _readable(message), spans


def _readable(message: Message) -> Text:
    """The text that positions of entities refer to, whatever a normaliser before has made of `text`."""
    return message.get(READABLE_TEXT) or message.get(TEXT)


def _entity(text: str, span: Span) -> Dict[Text, Any]:
    kind, _, role = span.kind.partition(ROLE_MARK)
    entity = {
        ENTITY_ATTRIBUTE_TYPE: kind,
        ENTITY_ATTRIBUTE_START: span.start,
        ENTITY_ATTRIBUTE_END: span.end,
        ENTITY_ATTRIBUTE_CONFIDENCE_TYPE: span.confidence,
        ENTITY_ATTRIBUTE_VALUE: text[span.start : span.end],
    }
    return {**entity, ENTITY_ATTRIBUTE_ROLE: role} if role else entity


def _patterns(training_data: TrainingData) -> Dict[Text, List[Text]]:
    found: Dict[Text, List[Text]] = {}
    for feature in training_data.regex_features:
        found.setdefault(feature["name"], []).append(feature["pattern"])
    return found
