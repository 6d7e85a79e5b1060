"""Decides who owns a turn: the shop's dialogue, the knowledge base, or a short question back.

The router reads the classifier's ranking and writes one decision with its scores and its reason into the
message (`latest_message["routing"]`), and, where the dialogue does not own the turn, replaces the intent by
`nlu_fallback` (open question) or `clarify` (two intents too close to call). It only decides; actions act.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Text, Tuple

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.constants import INTENT_MESSAGE_PREFIX
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message

from frontdesk.metrics import ROUTED

IN_SCOPE = "in_scope"
OPEN_QUESTION = "open_question"
CLARIFY = "clarify"

OPEN_QUESTION_INTENT = "nlu_fallback"
CLARIFY_INTENT = "clarify"


@dataclass(frozen=True)
class Routing:
    """One decision: `decision`, the two best intents with probabilities, and why in words."""

    decision: str
    reason: str
    candidates: List[Text]
    confidence: float
    margin: float


def decide(
    ranking: List[Tuple[str, float]],
    *,
    in_scope_from: float,
    clarify_from: float,
    clear_margin: float,
    never_clarified: frozenset[str] = frozenset(),
) -> Routing:
    """The decision for one ranking of intents, most probable first.

    * probability >= `in_scope_from` and the lead over the second >= `clear_margin`: in scope;
    * both leading intents together >= `in_scope_from`, each >= `clarify_from`: one of the two, ask which;
    * else an open question.
    """
    (first, confidence), (second, runner_up) = (*ranking, ("", 0.0))[:2]
    margin = confidence - runner_up
    candidates = [intent for intent in (first, second) if intent]
    may_ask = not {first, second} & never_clarified and runner_up >= clarify_from
    if confidence >= in_scope_from and (margin >= clear_margin or not may_ask):
        return Routing(IN_SCOPE, f"{first} at {confidence:.2f}, {margin:.2f} ahead", [first], confidence, margin)
    if may_ask and confidence + runner_up >= in_scope_from:
        reason = f"{first} at {confidence:.2f} and {second} at {runner_up:.2f} are too close to call"
        return Routing(CLARIFY, reason, candidates, confidence, margin)
    return Routing(OPEN_QUESTION, f"best intent {first} only at {confidence:.2f}", candidates, confidence, margin)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class Router(GraphComponent):
    """Applies `decide` to each message; thresholds stand in config.yml with the measurement behind them."""

    @staticmethod
    def get_default_config() -> Dict[Text, Any]:
        return {
            "in_scope_from": 0.4,
            "clarify_from": 0.2,
            "clear_margin": 0.1,
            # Intents for which "did you mean ...?" is never the right question.
            "never_clarified": [],
        }

    def __init__(self, config: Dict[Text, Any]) -> None:
        self.config = {**self.get_default_config(), **config}

    @classmethod
    def create(
        cls,
        config: Dict[Text, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> Router:
        return cls(config)

    def process(self, messages: List[Message]) -> List[Message]:
        for message in messages:
            self._route(message)
        return messages

    def _route(self, message: Message) -> None:
        ranking = [(entry["name"], entry["confidence"]) for entry in message.get("intent_ranking") or []]
        # A pressed button (`/intent`) has been parsed by Rasa already and needs no routing.
        if not ranking or (message.get(TEXT) or "").startswith(INTENT_MESSAGE_PREFIX):
            return
        routing = decide(
            ranking,
            in_scope_from=self.config["in_scope_from"],
            clarify_from=self.config["clarify_from"],
            clear_margin=self.config["clear_margin"],
            never_clarified=frozenset(self.config["never_clarified"]),
        )
        ROUTED.labels(decision=routing.decision).inc()
        message.set("routing", asdict(routing), add_to_output=True)
        replacement = {OPEN_QUESTION: OPEN_QUESTION_INTENT, CLARIFY: CLARIFY_INTENT}.get(routing.decision)
        if replacement:
            intent = {"name": replacement, "confidence": 1.0 - routing.confidence}
            message.set("intent", intent, add_to_output=True)
            message.set("intent_ranking", [intent, *message.get("intent_ranking")], add_to_output=True)
