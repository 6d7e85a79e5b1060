"""Scores of the trained model on the held-out examples, as the tests demand them and docs/numbers.md reports them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from evaluation import Example, TrainedModel, read_examples
from sklearn.metrics import f1_score

FOLDER = Path(__file__).parent
UNTRAINED = {"nlu_fallback", "clarify", "out_of_scope", "several_wishes"}


@dataclass(frozen=True)
class Scores:
    """All as fractions from 0 to 1."""

    intent_f1: float  # macro, over the classifier's best intent, whatever the router decides
    intent_accuracy: float
    topic_accuracy: float  # of small talk, where the intent was right
    entity_f1: float  # micro, exact span and type


def intent_of(parsed: dict) -> str:
    """The classifier's best intent: the router's replacements are no intents of the classifier."""
    return next(entry["name"] for entry in parsed["intent_ranking"] if entry["name"] not in UNTRAINED)


def score(model: TrainedModel) -> Scores:
    """Parses every held-out message once."""
    examples = read_examples(FOLDER / "heldout.yml")
    parsed = [model.parse(example.text) for example in examples]
    wanted = [example.intent.split("/")[0] for example in examples]
    found = [intent_of(result) for result in parsed]
    small_talk = [
        (example.intent, result["intent"].get("full_retrieval_intent_name"))
        for example, result in zip(examples, parsed, strict=True)
        if "/" in example.intent and result["intent"]["name"] == "chitchat"
    ]
    return Scores(
        intent_f1=float(f1_score(wanted, found, average="macro")),
        intent_accuracy=_share(want == got for want, got in zip(wanted, found, strict=True)),
        topic_accuracy=_share(want == got for want, got in small_talk),
        entity_f1=entity_f1(examples, parsed),
    )


def entity_f1(examples: list[Example], parsed: list[dict]) -> float:
    """Micro F1 over exact spans with their type; roles are not compared."""
    hits = expected = predicted = 0
    for example, result in zip(examples, parsed, strict=True):
        gold = {(start, end, entity) for start, end, entity, _ in example.spans}
        said = {(entity["start"], entity["end"], entity["entity"]) for entity in result["entities"]}
        hits += len(gold & said)
        expected += len(gold)
        predicted += len(said)
    return 2 * hits / (expected + predicted)


def _share(outcomes: object) -> float:
    values = [bool(outcome) for outcome in outcomes]  # type: ignore[attr-defined]
    return sum(values) / len(values)
