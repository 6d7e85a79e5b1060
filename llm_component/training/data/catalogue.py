"""Examples from a file of a shop's products: the names and labels of the catalogue, values drawn anew."""

from __future__ import annotations

import functools
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from llm_component.training.data.answering import answer_about
from llm_component.training.data.draws import texts
from llm_component.training.data.examples import Example
from llm_component.training.data.worlds import Fact, FactKind, Kind, Subject, is_or_are, label_in_text, product_kinds

OTHER_VALUE_SHARE = 0.7  # of facts take the value of another product, so that none is learnt by heart
_WORD = re.compile(r"[a-z]{4,}")
_PRICES = texts("£<8..990>.99 | £<8..600>.<00/49/95>")


@dataclass(frozen=True)
class Catalogue:
    """Products by kind, each with its labels and values; `kinds` are the sorts of facts by label, `values` all
    that occur for a kind's noun and a label."""

    products: Mapping[Kind, Sequence[tuple[str, Mapping[str, str]]]]
    kinds: Mapping[str, FactKind]
    values: Mapping[tuple[str, str], Sequence[str]]


def read_catalogue(file: Path) -> Catalogue:
    """What `python -m knowledge_base catalog export-facts` wrote. Raises ValueError where that is something else."""
    data = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(data, dict) or not isinstance(data.get("products"), list):
        raise ValueError(f"{file} is no file of products")
    values: dict[tuple[str, str], list[str]] = defaultdict(list)
    by_category: dict[str, list[tuple[str, Mapping[str, str]]]] = defaultdict(list)
    for product in data["products"]:
        facts = _facts(product)
        noun = str(product["singular"])
        by_category[noun].append((str(product["name"]), facts))
        for label, value in facts.items():
            values[noun, label].append(value)
    products = {Kind(noun, {}, nouns=(noun,)): tuple(group) for noun, group in by_category.items() if len(group) > 1}
    if not products:
        raise ValueError(f"{file} has no category with two products")
    labels = tuple(dict.fromkeys(label for _, label in values))
    kinds = {label: _fact_kind(label, labels) for label in labels}
    return Catalogue(products, kinds, {place: tuple(dict.fromkeys(some)) for place, some in values.items()})


def _facts(product: Mapping[str, Any]) -> dict[str, str]:
    facts = {str(label): str(value) for label, value in product["specifications"].items()}
    facts["Price"] = f"£{product['price']}"
    facts["Warranty"] = f"{product['warranty_months']} months"
    return facts


@functools.cache
def _asks() -> Mapping[str, tuple[str, ...]]:
    """Phrasings for labels that invented products have too."""
    found: dict[str, tuple[str, ...]] = {}
    for kind in product_kinds():
        for fact_kind in kind.facts.values():
            for label in fact_kind.labels:
                found.setdefault(label.casefold(), fact_kind.ask)
    return found


def _fact_kind(label: str, labels: Sequence[str]) -> FactKind:
    own = set(_WORD.findall(label.casefold()))
    near = frozenset(other for other in labels if other != label and own & set(_WORD.findall(other.casefold())))
    return FactKind(label, (label,), ask=_asks().get(label.casefold(), ()), near=near)


def make_from_catalogue(catalogue: Catalogue, rng: Random, unanswerable: bool) -> Example:
    """One question about a product of the catalogue, beside other products of its kind."""
    kind = rng.choice(list(catalogue.products))
    group = catalogue.products[kind]
    chosen = rng.sample(list(group), min(len(group), rng.choice((2, 2, 3))))
    labels = [label for label in chosen[0][1] if all(label in facts for _, facts in chosen)]
    labels = rng.sample(labels, min(len(labels), rng.randint(3, 6)))
    kinds = [catalogue.kinds[label] for label in labels]
    subjects = []
    for name, facts in chosen:
        subject = Subject(kind, name, f"the {name}", kind.name)
        for fact_kind in kinds:
            subject.facts[fact_kind.key] = _fact(catalogue, kind.name, fact_kind, facts[fact_kind.key], rng)
        subjects.append(subject)
    example = answer_about(subjects, kinds, rng, unanswerable)
    return Example(
        example.task,
        example.question,
        example.target,
        example.history,
        example.facts,
        example.passages,
        example.cites,
        "shop catalogue",
    )


def _fact(catalogue: Catalogue, noun: str, kind: FactKind, value: str, rng: Random) -> Fact:
    label = kind.key
    if label == "Price":
        value = rng.choice(_PRICES)(rng)
    elif rng.random() < OTHER_VALUE_SHARE:
        value = rng.choice(catalogue.values[noun, label])
        value = re.sub(
            r"(?<![\w.])[2-9]\d?(?![\w.])", lambda match: str(rng.randint(2, 10 ** len(match[0]) - 1)), value
        )
    short = label_in_text(label)
    if value in ("Yes", "No"):
        own = f"{{P}} has {'' if value == 'Yes' else 'no '}{short}."
        return Fact(kind, label, value, own, value)
    return Fact(kind, label, value, f"The {short} of {{p}} {is_or_are(short)} {value}.")
