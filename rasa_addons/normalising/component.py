"""Graph components around a pipeline: the text is made plain before it is read, and put back behind it.

The customer's words are never changed in the tracker: `MessageNormaliser` keeps them in the message, and
`OriginalText`, behind all that reads the plain text, puts them back. Positions of entities refer to the
original: `rasa_addons.entities` reads `READABLE_TEXT`, which is as long as the original. Extractors that
read `text` itself do not belong between the two.
"""

from __future__ import annotations

import json
from itertools import chain
from typing import Any, Dict, List, Optional, Text

from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_addons.graph_components import StatelessComponent, StoredComponent
from rasa_addons.lookup_tables import lookup_tables
from rasa_addons.normalising.pasted import without_pasted
from rasa_addons.normalising.spelling import FEWEST_USES, SpellingCorrector, words_by_use
from rasa_addons.shared_encoder import encoder_name, shared_encoder

ORIGINAL_TEXT = "original_text"  # what the customer wrote
READABLE_TEXT = "readable_text"  # the same without greeting, signature and emoji, as long as the original
_FILE = "words.json"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class MessageNormaliser(StoredComponent):
    """Replaces `text` by what there is to understand. Stands first in the pipeline.

    Settings in config.yml: `model` as in `SentenceTransformerFeaturizer`, whose tokenizer says what is a word, and
    `spelling` (whether slips are mended).
    """

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {"model": None, "spelling": True}

    def __init__(
        self,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        corrector: Optional[SpellingCorrector] = None,
    ) -> None:
        super().__init__(config, model_storage, resource)
        self.corrector = corrector

    @classmethod
    def load(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> MessageNormaliser:
        with model_storage.read_from(resource) as folder:
            words = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return cls(config, model_storage, resource, SpellingCorrector(words["trained"], words["known"]))

    @classmethod
    def fingerprint_addon(cls, config: Dict[str, Any]) -> Optional[str]:
        """Another encoder knows other words: its fingerprint is part of Rasa's training cache key."""
        return shared_encoder(encoder_name(config)).fingerprint()

    def train(self, training_data: TrainingData) -> Resource:
        used = words_by_use(message.get(TEXT) for message in training_data.nlu_examples if message.get(TEXT))
        trained = [word for word, uses in used if uses >= FEWEST_USES]
        once = [word for word, uses in used if uses < FEWEST_USES]
        listed = [word for word, _ in words_by_use(chain.from_iterable(lookup_tables(training_data).values()))]
        known = dict.fromkeys([*listed, *shared_encoder(encoder_name(self.config)).words(), *once])
        self.corrector = SpellingCorrector(trained, [word for word in known if word not in set(trained)])
        with self._model_storage.write_to(self._resource) as folder:
            words = {"trained": self.corrector.trained, "known": self.corrector.known}
            (folder / _FILE).write_text(json.dumps(words), encoding="utf-8")
        return self._resource

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            text = message.get(TEXT)
            if not text or text.startswith(INTENT_MESSAGE_PREFIX):
                continue
            readable = without_pasted(text)
            message.set(ORIGINAL_TEXT, text)
            message.set(READABLE_TEXT, readable)
            message.set(TEXT, self._plain(readable))
        return messages

    def _plain(self, readable: str) -> str:
        single_spaced = " ".join(readable.split())
        if self.corrector is None or not self.config["spelling"]:
            return single_spaced
        return self.corrector.corrected(single_spaced)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class OriginalText(StatelessComponent):
    """Puts the customer's words back where `MessageNormaliser` has replaced them."""

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            original = message.get(ORIGINAL_TEXT)
            if original is not None:
                message.set(TEXT, original, add_to_output=True)
        return messages
