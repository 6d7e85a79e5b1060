"""How well products fit a need in free words ("quiet, for pet hair"): weighted word overlap with what they state."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from knowledge_base.catalog_views import ProductView
from knowledge_base.product_names import FILLER, tokens, word_set

# What a word counts by where it stands. The type of a product ("robot") says most about what it is.
FIELD_WEIGHTS = {"name": 3.0, "type": 3.0, "features": 2.0, "specifications": 1.5, "description": 1.0}
TYPE_LABELS = frozenset({"Type", "Panel", "Design", "Condition"})
# A specification that is denied does not fulfil a need: "Noise cancelling: No".
DENIED = frozenset({"no", "none"})
# Words of wishes that say nothing about a product.
WISH_WORDS = word_set(
    """
    best better cheap cheapest good great home house kind nice one people person recommend something sort
    suggest type use used want work works
    """
)

NUMBERS = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6"}
# "espresso machine with grinder" is an espresso machine.
_ADDITION = re.compile(r"\s*\(.*|\s+with\s.*|\s+for\s.*")


def need_scores(need: str, products: Sequence[ProductView]) -> list[float]:
    """A score for each product, 0 where no word of `need` is found in it; higher fits better.

    A word weighs by its rarity among `products` and by the field that holds it (`FIELD_WEIGHTS`).
    """
    wanted = need_words(need)
    held = [_words_by_field(product) for product in products]
    counts = Counter(word for fields in held for word in wanted if any(word in words for words in fields.values()))
    rarity = {word: math.log(1 + len(products) / counts[word]) for word in wanted if counts[word]}
    return [
        sum(
            weight * max((FIELD_WEIGHTS[field] for field, words in fields.items() if word in words), default=0.0)
            for word, weight in rarity.items()
        )
        for fields in held
    ]


def of_kind(products: Sequence[ProductView], phrase: str, kind: str) -> list[ProductView]:
    """The products that a customer's word for a part of a category means; all of them where it narrows nothing.

    First those that are called so: a "fan" is a pedestal fan, and no fan heater. Where none is, those that state
    every word of `kind`, which is `phrase` without the category's own words ("robot" of "robot vacuum").
    """
    words = need_words(kind)
    if not words:
        return list(products)
    called = need_words(phrase)
    named = [product for product in products if _is_called(product, called) or _is_called(product, ["".join(called)])]
    if named:
        return named
    stating = [
        product
        for product in products
        if set(words) <= set().union(*(held for held in _words_by_field(product).values()))
    ]
    return stating or list(products)


def _is_called(product: ProductView, words: Sequence[str]) -> bool:
    """Whether `words` stand in the product's name and type, the last of them as the noun that the others describe."""
    titles = [product.name, *(value for label, value in product.specifications.items() if label in TYPE_LABELS)]
    nouns, told = set(), set()
    for title in titles:
        held = [_stem(token) for token in tokens(_ADDITION.sub("", title))]
        told.update(held)
        nouns.update([word for word in held if word.isalpha()][-1:])
    return set(words) <= told and words[-1] in nouns


def need_words(text: str) -> list[str]:
    """The telling words of a need, in the form in which products are compared: lower case, without plural s."""
    words = [_stem(token) for token in tokens(text) if token not in FILLER]
    return list(dict.fromkeys(word for word in words if word not in WISH_WORDS))


def _words_by_field(product: ProductView) -> dict[str, set[str]]:
    stated = {label: value for label, value in product.specifications.items() if not _denied(value)}
    kinds = [value for label, value in stated.items() if label in TYPE_LABELS]
    texts = {
        "name": product.name,
        "type": " ".join([*kinds, product.category_name]),
        "features": " ".join(product.features),
        "specifications": " ".join(f"{label} {value}" for label, value in stated.items()),
        "description": product.description,
    }
    return {field: {_stem(token) for token in tokens(text)} for field, text in texts.items()}


def _denied(value: str) -> bool:
    first = tokens(value)[:1]
    return bool(first) and first[0] in DENIED


def _stem(word: str) -> str:
    word = NUMBERS.get(word, word)
    for ending, stem in (("ies", "y"), ("sses", "ss"), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 2 and not word.endswith("ss"):
            return word[: -len(ending)] + stem
    return word
