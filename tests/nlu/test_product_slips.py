"""A slip of spelling in a product's name still finds the product, and ordinary messages name none."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import yaml
from evaluation import TrainedModel, read_examples

from benchmarks.nlu.perturbations import mistyped
from knowledge_base.product_names import MATCH_FLOOR, NamedProduct, rank_names, tokens
from rasa_addons.routing.turns import OPEN_QUESTION, OUT_OF_SCOPE, read_turns

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
SEED = 5
SLIPS_A_PRODUCT = 3
SHORTEST_SLIP = 4  # letters of a word that is mistyped
FRAMES = ("how much is the {}", "{}", "is the {} in stock?", "my {} order, where is it")
# Measured values stand in docs/nlu.md ("Entities"); a floor lies about two points below.
SPANS_FOUND_FLOOR = 0.97
PRODUCTS_FOUND_FLOOR = 0.85
FALSE_PRODUCTS_MOST = 0.02  # of the messages that name no product


def entries(table: str) -> list[str]:
    """The entries of a lookup table as the training reads them."""
    file = ROOT / "data" / "nlu" / "lookups" / f"{table}.yml"
    lines = yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"][0]["examples"].splitlines()
    return [line.removeprefix("- ").strip() for line in lines if line.strip()]


def catalogue() -> list[NamedProduct]:
    """All products by their full names."""
    brands = entries("brand")
    named = [(name, name.split()[0]) for name in entries("product") if name.split()[0] in brands]
    return [NamedProduct(sku=name, name=name, brand=brand) for name, brand in named]


def with_a_slip(name: str, rng: random.Random) -> str:
    words = name.split()
    long = [place for place, word in enumerate(words) if len(word) >= SHORTEST_SLIP and word.isalpha()]
    place = rng.choice(long)
    words[place] = mistyped(words[place].lower(), rng)
    return " ".join(words)


@pytest.fixture(scope="module")
def found(model: TrainedModel) -> list[tuple[bool, bool]]:
    """For each product and slip: whether a product was found in its place, and whether the catalogue knows which."""
    rng = random.Random(SEED)
    products = catalogue()
    common = frozenset(token for word in entries("category") for token in tokens(word) if not token.isdigit())
    outcomes = []
    for product in products:
        for _ in range(SLIPS_A_PRODUCT):
            name, frame = with_a_slip(product.name, rng), rng.choice(FRAMES)
            text = frame.format(name)
            start = text.index(name)
            said = [
                text[entity["start"] : entity["end"]]
                for entity in model.parse(text)["entities"]
                if entity["entity"] == "product" and entity["start"] < start + len(name) and start < entity["end"]
            ]
            ranked = rank_names(said[0], products, common)[:1] if said else []
            meant = [sku for sku, score in ranked if score >= MATCH_FLOOR]
            outcomes.append((bool(said), meant == [product.sku]))
    return outcomes


def test_a_product_is_found_in_the_place_of_the_misspelt_name(found: list[tuple[bool, bool]]) -> None:
    assert sum(span for span, _ in found) / len(found) >= SPANS_FOUND_FLOOR


def test_the_catalogue_knows_which_product_it_is(found: list[tuple[bool, bool]]) -> None:
    assert sum(product for _, product in found) / len(found) >= PRODUCTS_FOUND_FLOOR


def test_messages_without_a_product_name_none(model: TrainedModel) -> None:
    turns = [turn for part in ("dev", "test") for turn in read_turns(FOLDER / f"routing_{part}.yml")]
    questions = [turn.text for turn in turns if turn.kind in (OPEN_QUESTION, OUT_OF_SCOPE)]
    examples = [example for file in ("in_scope_dev.yml", "heldout.yml") for example in read_examples(FOLDER / file)]
    products = [name.casefold() for name in entries("product")]
    texts = [
        *(text for text in questions if not any(name in text.casefold() for name in products)),
        *(example.text for example in examples if not any(span[2] == "product" for span in example.spans)),
    ]
    false = [text for text in texts if any(entity["entity"] == "product" for entity in model.parse(text)["entities"])]
    assert len(false) / len(texts) <= FALSE_PRODUCTS_MOST
