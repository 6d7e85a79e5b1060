"""Which product a text names: slips and short forms are understood, other sentences name none."""

from __future__ import annotations

from datetime import date

import pytest

from frontdesk.brand import load_brand
from knowledge_base.catalog_views import CategoryView
from knowledge_base.category_words import words_of
from knowledge_base.product_names import MATCH_FLOOR, NamedProduct, rank_names, tokens
from knowledge_base.seed.catalogue_files import load_catalogue

CATALOGUE = load_catalogue(date(2026, 3, 10), load_brand())
PRODUCTS = [NamedProduct(product.sku, product.name, product.row["brand"]) for product in CATALOGUE.products]
NAMES = {product.sku: product.name for product in PRODUCTS}
COMMON = frozenset(
    token
    for row in CATALOGUE.categories
    for word in words_of(CategoryView(row["slug"], row["name"], row["singular"])).all
    for token in tokens(word)
    if not token.isdigit()
)


def named(text: str) -> list[str]:
    """Names at or above the floor, best first."""
    return [NAMES[sku] for sku, score in rank_names(text, PRODUCTS, COMMON) if score >= MATCH_FLOOR]


@pytest.mark.parametrize("name", sorted(NAMES.values()))
def test_a_full_name_means_its_product(name: str) -> None:
    ranked = rank_names(name, PRODUCTS, COMMON)

    assert NAMES[ranked[0][0]] == name
    assert ranked[0][1] == 100.0


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CrispAir 5", "Orbiq CrispAir 5"),
        ("crisp air 5", "Orbiq CrispAir 5"),
        ("the crispair dual", "Orbiq CrispAir Dual 9"),
        ("sonara quite 700", "Sonarra Quiet 700"),
        ("sonarra headphones 700", "Sonarra Quiet 700"),
        ("is the sonnara buds 3 in stock?", "Sonarra Buds 3"),
        ("baristaone", "Kestrelle Barista One"),
        ("kestrel barista", "Kestrelle Barista One"),
        ("robo clean s2", "Quillon RoboClean S2"),
        ("V8", "Quillon V8 Cordless"),
        ("steam glide 3000", "Tamsin SteamGlide 3000"),
        ("oled 55", "Veridia 55 OLED"),
        ("hearthlyn soupmaker", "Hearthlyn Soup Maker"),
        ("what is the price of the bar 300", "Sonarra Bar 300"),
        ("the black swift", "Norvane Swift 1.7 Black"),
        ("swift", "Norvane Swift 1.7"),
        ("gooseneck pro", "Pellworth Gooseneck Pro"),
        ("pure air 300", "Aldergate PureAir 300"),
        ("dawn glas kettel", "Tamsin Dawn Glass Kettle"),
    ],
)
def test_short_forms_and_slips_find_the_product(text: str, name: str) -> None:
    assert named(text)[0] == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "--",
        "hello",
        "where is my order 1043",
        "order 2000",
        "i want a refund",
        "how do i descale my kettle",
        "do you have a red one",
        "robot vacuum",
        "a quiet kettle",
        "i need a new toaster",
        "tv",
        "cheap headphones",
        "can i pay with paypal",
        "my parcel is late",
        "wireless headphones with noise cancelling",
        "my name is brevik",
        "1.7 litre kettle",
        "when do you open on sunday",
    ],
)
def test_other_sentences_name_no_product(text: str) -> None:
    assert named(text) == []


def test_figures_must_be_equal() -> None:
    assert "Sonarra Quiet 500" not in named("quiet 700")


def test_tokens_keep_model_numbers_together() -> None:
    assert tokens("CrispAir-5, V8 & 1.7 L") == ["crispair", "5", "v8", "1.7", "l"]
