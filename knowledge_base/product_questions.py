"""Questions about one product that the catalogue's tables answer: specification, price, stock.

The tables are asked by typed queries of `catalog`, which are open to everyone; no SQL is made from what was said.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy.orm import Session

from knowledge_base import catalog
from knowledge_base.catalog_views import ProductView
from knowledge_base.product_names import tokens

# Names that a message shares a word with are looked at; the message has to hold the telling words of exactly one.
CANDIDATES = 5

_WORD = re.compile(r"[a-z]{3,}")
_PRICE = re.compile(r"\b(?:price|cost|costs|how much is|how much are|how expensive)\b", re.IGNORECASE)
_RUNNING = re.compile(r"\b(?:run|running|repair|electricity|deliver\w*|postage)\b", re.IGNORECASE)
_STOCK = re.compile(r"\b(?:in stock|sold out|available|availability|any left|back in)\b", re.IGNORECASE)

# What customers say and the label that it is found under.
_SPECIFICATION_HINTS = {
    "heavy": "weight", "weigh": "weight", "weighs": "weight", "big": "dimensions", "size": "dimensions",
    "large": "dimensions", "tall": "dimensions", "wide": "dimensions", "watts": "power", "watt": "power",
    "powerful": "power", "litres": "capacity", "hold": "capacity", "holds": "capacity", "long": "cord",
    "loud": "noise", "quiet": "noise", "last": "battery", "lasts": "battery", "charge": "charging",
}  # fmt: skip


@dataclass(frozen=True)
class ProductFacts:
    """What a question asks of a product: whether its price, its stock, and which rows of its specifications."""

    product: ProductView
    price: bool
    stock: bool
    specifications: tuple[tuple[str, str], ...]  # label and value


def facts_asked(session: Session, question: str) -> ProductFacts | None:
    """The facts that answer a question; None where it names no product, several, or nothing that a table has."""
    product = _named_product(session, question)
    if product is None:
        return None
    price = bool(_PRICE.search(question)) and not _RUNNING.search(question)
    stock = bool(_STOCK.search(question))
    rows = asked_specifications(product, question)
    return ProductFacts(product, price, stock, tuple(rows)) if price or stock or rows else None


def asked_specifications(product: ProductView, question: str) -> list[tuple[str, str]]:
    """Rows of the specifications that a question names ("how heavy": Weight), in their order."""
    words = set(_WORD.findall(question.lower())) - set(_WORD.findall(product.name.lower()))
    words |= {meant for hint, meant in _SPECIFICATION_HINTS.items() if hint in words}
    return [
        (label, value) for label, value in product.specifications.items() if words & set(_WORD.findall(label.lower()))
    ]


def _named_product(session: Session, question: str) -> ProductView | None:
    """The one product whose name stands in the question, its brand or not."""
    said = set(tokens(question))
    named = [
        match.product
        for match in catalog.match_products(session, question, limit=CANDIDATES)
        if (telling := set(tokens(match.product.name)) - set(tokens(match.product.brand))) and telling <= said
    ]
    # "Boom 2" stands in "Boom 2 Mini" too: the longest name is meant.
    named.sort(key=lambda product: -len(tokens(product.name)))
    if len(named) > 1 and len(tokens(named[0].name)) == len(tokens(named[1].name)):
        return None
    return named[0] if named else None
