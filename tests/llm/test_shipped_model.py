"""The model that ships: small enough, whole, made from data that may be passed on, and able to do what it is for."""

from __future__ import annotations

import json

import pytest

from llm_component.compact.source import SourceBuilder
from llm_component.compact.weights import MANIFEST, load_compact
from llm_component.engines.interface import Grounding, GroundingPassage
from llm_component.models.compact import SHIPPED

MOST_BYTES, MOST_SHARD_BYTES = 40_000_000, 16_000_000
PRICES = GroundingPassage("Delivery", "Charges", "Standard delivery costs £4.95. Express delivery costs £9.95.")
RETURNS = GroundingPassage("Returns", "How long", "You have 30 days from delivery to send an item back.")


@pytest.fixture(scope="module")
def shipped() -> tuple:  # type: ignore[type-arg]
    return load_compact(SHIPPED)


def written(shipped: tuple, question: str, *passages: GroundingPassage) -> str:  # type: ignore[type-arg]
    import torch

    model, tokenizer = shipped
    ids = SourceBuilder(tokenizer).build(Grounding("answer", question, passages=passages)).ids
    with torch.inference_mode():
        [out] = model.generate(torch.tensor([ids]), max_new_tokens=60, do_sample=False)
    text: str = tokenizer.decode(out, skip_special_tokens=True)
    return text


def test_it_is_small() -> None:
    sizes = {file.name: file.stat().st_size for file in SHIPPED.iterdir()}
    assert sum(sizes.values()) < MOST_BYTES
    assert max(sizes.values()) < MOST_SHARD_BYTES


def test_its_data_may_be_passed_on() -> None:
    stages = json.loads((SHIPPED / MANIFEST).read_text(encoding="utf-8"))["model"]["stages"]
    assert set(stages) == {"denoise", "answer"}
    assert not any(stage["research_only"] for stage in stages.values())
    assert all(source["licence"] for stage in stages.values() for source in stage["sources"])


@pytest.mark.parametrize(
    ("question", "fact", "citation"),
    [
        ("how much is express delivery?", "£9.95", "[1]"),
        ("How long can I send something back?", "30 days", "[2]"),
    ],
)
def test_it_answers_with_the_fact_and_its_passage(shipped: tuple, question: str, fact: str, citation: str) -> None:  # type: ignore[type-arg]
    said = written(shipped, question, PRICES, RETURNS)
    assert fact in said and citation in said


def test_it_says_that_it_does_not_know(shipped: tuple) -> None:  # type: ignore[type-arg]
    assert written(shipped, "Do you sell bicycles in Berlin?", PRICES, RETURNS) == "I don't know."
