"""What is compared in the measurement of entities: pipelines of Rasa graph components, trained without a server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent, GraphSchema
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.nlu.classifiers.diet_classifier import DIETClassifier
from rasa.nlu.extractors.crf_entity_extractor import CRFEntityExtractor
from rasa.nlu.featurizers.sparse_featurizer.count_vectors_featurizer import CountVectorsFeaturizer
from rasa.nlu.featurizers.sparse_featurizer.lexical_syntactic_featurizer import LexicalSyntacticFeaturizer
from rasa.nlu.featurizers.sparse_featurizer.regex_featurizer import RegexFeaturizer
from rasa.nlu.tokenizers.whitespace_tokenizer import WhitespaceTokenizer
from rasa.shared.nlu.constants import ENTITIES, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from rasa_addons.entities.extractor import EntityTaggerExtractor

Settings = Mapping[str, Any]
Step = tuple[type[GraphComponent], Settings]
Span = tuple[int, int, str]  # start, end, entity

# The featurizers of the pipeline that `rasa init` writes, and DIET as it stands there, without its intents.
STOCK_FEATURES: tuple[Step, ...] = (
    (WhitespaceTokenizer, {}),
    (RegexFeaturizer, {}),
    (LexicalSyntacticFeaturizer, {}),
    (CountVectorsFeaturizer, {}),
    (CountVectorsFeaturizer, {"analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4}),
)
STOCK_EPOCHS = 100
# The two featurizers of config.yml that the extractors read.
WORDS_AND_PATTERNS: tuple[Step, ...] = (
    (WhitespaceTokenizer, {}),
    (RegexFeaturizer, {"case_sensitive": False, "use_word_boundaries": True}),
)


def diet(seed: int, epochs: int = STOCK_EPOCHS) -> tuple[Step, ...]:
    """Rasa's transformer, trained for entities alone."""
    return (*STOCK_FEATURES, (DIETClassifier, {"epochs": epochs, "intent_classification": False, "random_seed": seed}))


def stock_crf() -> tuple[Step, ...]:
    """Rasa's linear-chain CRF with its default features.

    It passes over messages that no featurizer has touched, as all are where there are no patterns; it reads none of
    the features.
    """
    return (*WORDS_AND_PATTERNS, (LexicalSyntacticFeaturizer, {}), (CRFEntityExtractor, {}))


def tagger(seed: int, names: Sequence[str], copies: int = 1) -> tuple[Step, ...]:
    """This project's CRF. `names`: lookup tables whose entries count wherever a message names them."""
    settings = {"seed": seed, "names": list(names), "other_values": copies, "in_haste": copies}
    return ((EntityTaggerExtractor, settings),)


@dataclass(frozen=True)
class TrainedPipeline:
    """Components after training, in order."""

    components: tuple[GraphComponent, ...]

    def spans(self, texts: Sequence[str]) -> list[set[Span]]:
        """The entities found in each text."""
        messages = [Message(data={TEXT: text}) for text in texts]
        for component in self.components:
            messages = component.process(messages)  # type: ignore[attr-defined]
        return [
            {(entity["start"], entity["end"], entity["entity"]) for entity in message.get(ENTITIES, [])}
            for message in messages
        ]


def train(steps: Sequence[Step], data: TrainingData, folder: Path) -> TrainedPipeline:
    """Trains a pipeline on `data` as Rasa's graph would; `folder` (which must exist) takes what components persist."""
    storage = LocalModelStorage(folder)
    context = ExecutionContext(GraphSchema({}))
    components: list[GraphComponent] = []
    for position, (component_class, settings) in enumerate(steps):
        context.node_name = f"{component_class.__name__}{position}"
        config = {**component_class.get_default_config(), **settings}
        component = component_class.create(config, storage, Resource(context.node_name), context)
        if hasattr(component, "train"):
            component.train(data)
        if hasattr(component, "process_training_data"):
            data = component.process_training_data(data)
        components.append(component)
    return TrainedPipeline(tuple(components))
