"""The trained model on held-out messages typed in haste or pasted from a letter: it may lose only a little."""

from __future__ import annotations

import pytest
from evaluation import TrainedModel

from benchmarks.nlu.perturbations import PERTURBATIONS
from benchmarks.nlu.robustness import PLAIN, Held, measure

# Measured falls stand in docs/nlu.md ("Robustness"); a limit lies about a point above what was measured.
MOST_LOST_INTENT_F1 = dict.fromkeys(PERTURBATIONS, 0.03)
MOST_LOST_ENTITY_F1 = dict.fromkeys(PERTURBATIONS, 0.03)


@pytest.fixture(scope="module")
def scores(model: TrainedModel) -> dict[str, Held]:
    return measure(model)


@pytest.mark.parametrize("change", PERTURBATIONS)
def test_intents_are_still_recognised(scores: dict[str, Held], change: str) -> None:
    assert scores[change].intent_f1 >= scores[PLAIN].intent_f1 - MOST_LOST_INTENT_F1[change]


@pytest.mark.parametrize("change", PERTURBATIONS)
def test_entities_are_still_found(scores: dict[str, Held], change: str) -> None:
    assert scores[change].entity_f1 >= scores[PLAIN].entity_f1 - MOST_LOST_ENTITY_F1[change]
