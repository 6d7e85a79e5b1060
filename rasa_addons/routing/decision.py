"""From the probabilities of each kind of turn to one decision: neither Rasa nor a model is known here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rasa_addons.routing.turns import CLARIFY, IN_SCOPE, OPEN_QUESTION, OUT_OF_SCOPE, TOPICS


@dataclass(frozen=True)
class Thresholds:
    """How sure a decision has to be. The first rule whose threshold is reached decides, in the order of the fields.

    `python -m rasa_addons.routing calibrate` chooses the values and writes them down.
    """

    # Probability that nobody here owns the turn.
    out_of_scope_from: float
    # Probability that the matter is named and the wish is not.
    clarify_from: float
    # Probability that the dialogue owns it, against an open question: `p(in scope) / (p(in scope) + p(open question))`.
    in_scope_from: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0.0 < value < 1.0:
                raise ValueError(f"{name} is {value}; a threshold of routing lies between 0 and 1")


@dataclass(frozen=True)
class Routing:
    """One decision: with its reason in words, and what it was made from.

    `candidates` are the likeliest intents: one for a turn in scope, two otherwise. `topic` says why a turn is out of
    scope.
    `confidence` and `margin` are the classifier's; `scores` the probabilities of the four decisions, which sum to 1.
    """

    decision: str
    reason: str
    candidates: list[str]
    confidence: float
    margin: float
    scores: dict[str, float]
    topic: str | None = None


def decide(
    probabilities: Mapping[str, float],
    ranking: Sequence[tuple[str, float]],
    thresholds: Thresholds,
    never_clarified: frozenset[str] = frozenset(),
) -> Routing:
    """The decision for one turn.

    `probabilities` are those of the labels (in scope, open question, clarify, and each topic of out of scope) and sum
    to 1; `ranking` are the intents, most probable first. A turn is only asked about if two intents are left to
    choose from without `never_clarified` (yes, thanks: nothing to be asked about).
    """
    scores = {name: probabilities.get(name, 0.0) for name in (IN_SCOPE, OPEN_QUESTION, CLARIFY)}
    scores[OUT_OF_SCOPE] = sum(probabilities.get(topic, 0.0) for topic in TOPICS)
    first, confidence = ranking[0] if ranking else ("", 0.0)
    margin = confidence - (ranking[1][1] if len(ranking) > 1 else 0.0)
    choices = [intent for intent, _ in ranking if intent not in never_clarified][:2]
    scope = scores[IN_SCOPE] / max(scores[IN_SCOPE] + scores[OPEN_QUESTION], 1e-9)
    topic = None
    if scores[OUT_OF_SCOPE] >= thresholds.out_of_scope_from:
        decision, candidates = OUT_OF_SCOPE, [intent for intent, _ in ranking[:2]]
        topic = max(TOPICS, key=lambda name: probabilities.get(name, 0.0))
        reason = f"not for this shop ({topic}) at {scores[OUT_OF_SCOPE]:.2f}"
    elif scores[CLARIFY] >= thresholds.clarify_from and len(choices) == 2:
        decision, candidates = CLARIFY, choices
        reason = f"unclear at {scores[CLARIFY]:.2f}: {choices[0]} or {choices[1]}"
    elif scope >= thresholds.in_scope_from:
        decision, candidates = IN_SCOPE, [first] if first else []
        reason = f"{first or 'an answer'} at {confidence:.2f}, {margin:.2f} ahead; for the dialogue at {scope:.2f}"
    else:
        decision, candidates = OPEN_QUESTION, [intent for intent, _ in ranking[:2]]
        reason = f"open question at {1 - scope:.2f}; best intent {first or 'none'} at {confidence:.2f}"
    return Routing(decision, reason, candidates, confidence, margin, scores, topic)
