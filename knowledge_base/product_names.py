"""How well a text names a product: tokens compared with tolerance for slips, weighted by how telling they are.

The score of a product is the F-measure of two shares, from 0 to 100. *Recall*: how much of the product's name the
text holds. *Precision*: how much of the text is the product's name, words that never name a product left aside.
Precision counts more (beta 0.5), because people shorten names ("the CrispAir 5") far more often than they add to them.
A token weighs by its rarity among the catalogue's names (inverse document frequency); a brand weighs little, because
it stands in a dozen names and is often left out. Figures must be equal: 700 is not 70. A figure alone ("2000"), or a
category's word alone ("tv"), names no product.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

MATCH_FLOOR = 60.0
"""Below this score a text does not name a product (checked in the tests against slips and against other sentences)."""

BETA_SQUARED = 0.25  # beta 0.5
BRAND_WEIGHT = 0.35  # of a token's rarity; for the words of categories too
# "sonara" and "sonarra" are 92 alike, "quite" and "quiet" 80, "quiet" and "quilt" 80, "boom" and "room" 75.
TOKEN_FLOOR = 79.0
PAIR_FLOOR = 92.0  # two words written as one, or one as two: "pellworth oil" is no "pellworth" (86)
SHORT_TOKEN = 3  # up to here a slip makes another word: equal or nothing

_TOKEN = re.compile(r"\d+(?:\.\d+)?|[^\W\d_]+(?:\d+)?", re.UNICODE)


def word_set(text: str) -> frozenset[str]:
    """The words of a list written as running text."""
    return frozenset(text.split())


# Words around a product's name in a question about it. They are no part of the name and count for nothing.
FILLER = word_set(
    """
    a about ah an and any anything are available be buy by can check compare cost could deal did
    difference do does for from get give got have hello help hi how i if in info information interested is
    it its know like long look looking many me model much my need of on or order ordered our please price
    product really return said send show some stock tell than thank thanks that the their them then there
    these they thing this those to us versus vs want was we what when where which who why will with would
    you your
    """
)


@dataclass(frozen=True)
class NamedProduct:
    """What is needed to recognise a product in a text."""

    sku: str
    name: str
    brand: str


def tokens(text: str) -> list[str]:
    """Lower-case words and figures of `text`; "CrispAir-5" gives `crispair`, `5`, "V8" stays one token."""
    return _TOKEN.findall(text.casefold())


def rank_names(text: str, products: Sequence[NamedProduct], common_words: frozenset[str]) -> list[tuple[str, float]]:
    """SKU and score of every product that `text` may mean, best first.

    `common_words` are the names of categories: they tell little, and alone they name no product.
    """
    query = _telling_tokens(text)
    names = {product.sku: _telling_tokens(product.name) for product in products}
    names = {sku: name for sku, name in names.items() if name}
    if not query or not names:
        return []
    rarity = _rarity(names.values())
    general = common_words.union(*(tokens(product.brand) for product in products))
    # A word of the text weighs what it weighs in names; one that stands in no name weighs like the rarest.
    unknown = max(rarity.values())
    query_weights = [_weight(rarity.get(token, unknown), token in general) for token in query]
    scored = []
    for sku, name in names.items():
        weights = [_weight(rarity[token], token in general) for token in name]
        covered, used = _overlap(query, name)
        score = _f_measure(_share(weights, covered), _share(query_weights, used))
        if score > 0 and _is_telling([token for token, share in zip(name, covered, strict=True) if share], general):
            scored.append((sku, round(score, 1)))
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]))


def _telling_tokens(text: str) -> list[str]:
    return [token for token in tokens(text) if token not in FILLER]


def _rarity(names: Iterable[list[str]]) -> dict[str, float]:
    lists = list(names)
    counts = Counter(token for name in lists for token in set(name))
    return {token: math.log(1 + len(lists) / count) for token, count in counts.items()}


def _weight(rarity: float, is_general: bool) -> float:
    return rarity * BRAND_WEIGHT if is_general else rarity


def _overlap(query: list[str], name: list[str]) -> tuple[list[float], list[float]]:
    """How far each token of the name is found in the query, and each of the query in the name, from 0 to 1."""
    covered, used = [0.0] * len(name), [0.0] * len(query)
    for query_span, query_text in _spans(query):
        for name_span, name_text in _spans(name):
            if len(query_span) > 1 and len(name_span) > 1:
                continue  # the single tokens have been compared
            floor = TOKEN_FLOOR if len(query_span) == len(name_span) else PAIR_FLOOR
            alike = _alike(query_text, name_text, floor)
            for position in name_span:
                covered[position] = max(covered[position], alike)
            for position in query_span:
                used[position] = max(used[position], alike)
    return covered, used


def _share(weights: list[float], found: list[float]) -> float:
    return sum(weight * share for weight, share in zip(weights, found, strict=True)) / sum(weights)


def _f_measure(recall: float, precision: float) -> float:
    if recall == 0 or precision == 0:
        return 0.0
    return 100 * (1 + BETA_SQUARED) * precision * recall / (BETA_SQUARED * precision + recall)


def _is_telling(found: list[str], general: frozenset[str]) -> bool:
    """Whether the tokens of a name that a text holds can mean the product: one of its own, or two with a word."""
    words = [token for token in found if not token.replace(".", "").isdigit()]
    return any(word not in general for word in words) or (bool(words) and len(found) > 1)


def _spans(words: list[str]) -> list[tuple[tuple[int, ...], str]]:
    """Single tokens and pairs written as one, so that "crisp air" meets "crispair"."""
    single = [((position,), word) for position, word in enumerate(words)]
    pairs = [((position, position + 1), words[position] + words[position + 1]) for position in range(len(words) - 1)]
    return [*single, *pairs]


def _alike(left: str, right: str, floor: float) -> float:
    """Likeness of two tokens, 0 or from floor / 100 to 1."""
    if left == right:
        return 1.0
    if min(len(left), len(right)) <= SHORT_TOKEN or _figures(left) != _figures(right):
        return 0.0
    likeness = fuzz.ratio(left, right)
    return likeness / 100 if likeness >= floor else 0.0


def _figures(token: str) -> str:
    return "".join(character for character in token if character.isdigit())
