"""The trained model on messages it has never seen: floors, so that a change that makes it worse is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluation import TrainedModel, read_examples
from scores import FOLDER, Scores, score

ROOT = Path(__file__).resolve().parents[2]

# Measured values stand in docs/numbers.md; a floor lies about two points below its value.
INTENT_F1_FLOOR = 0.92
ENTITY_F1_FLOOR = 0.905
TOPIC_FLOOR = 0.85


@pytest.fixture(scope="module")
def scores(model: TrainedModel) -> Scores:
    return score(model)


def test_intents_of_unseen_messages_are_recognised(scores: Scores) -> None:
    assert scores.intent_f1 >= INTENT_F1_FLOOR


def test_small_talk_gets_the_reply_of_its_topic(scores: Scores) -> None:
    assert scores.topic_accuracy >= TOPIC_FLOOR


def test_entities_of_unseen_messages_are_found(scores: Scores) -> None:
    assert scores.entity_f1 >= ENTITY_F1_FLOOR


def test_no_held_out_message_was_trained_on() -> None:
    trained = {
        example.text.lower() for path in (ROOT / "data" / "nlu").glob("*.yml") for example in read_examples(path)
    }
    both = [example.text for example in read_examples(FOLDER / "heldout.yml") if example.text.lower() in trained]
    assert both == []
