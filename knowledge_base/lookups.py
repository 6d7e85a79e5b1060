"""Writes the catalogue's names as lookup tables for training the language understanding: product, category, brand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from knowledge_base import catalog
from knowledge_base.category_words import words_of
from knowledge_base.product_names import tokens
from knowledge_base.schema import Product

FORMAT_VERSION = "3.1"
HEADER = "# Made from the catalogue by: python -m knowledge_base catalog export-lookups. Changes are overwritten.\n"
# A name without its brand has to be this long to stand for the product: "Swift 1.7" does, "Run" does not.
SHORTEST_PRODUCT_TOKENS = 2

_ADDITION = re.compile(r"\s*\([^)]*\)")  # "(Refurbished)"


def lookup_entries(session: Session) -> dict[str, list[str]]:
    """Entries of each lookup table, sorted, without doubles."""
    categories = {word for category in catalog.categories(session) for word in words_of(category).all}
    products = session.execute(select(Product.name, Product.brand)).all()
    general = frozenset(token for word in categories for token in tokens(word))
    names = {name for row in products for name in product_names(row.name, row.brand, general)}
    return {
        "product": _sorted(names),
        "category": _sorted(categories),
        "brand": _sorted(catalog.brands(session)),
    }


def product_names(name: str, brand: str, general: frozenset[str]) -> set[str]:
    """The name of a product, and without its brand where the rest is no mere category ("Desk Fan")."""
    full = _ADDITION.sub("", name)
    names = {full}
    short = full.removeprefix(f"{brand} ")
    short_tokens = tokens(short)
    if len(short_tokens) >= SHORTEST_PRODUCT_TOKENS and not all(token in general for token in short_tokens):
        names.add(short)
    return names


def export_lookups(session: Session, folder: Path) -> list[Path]:
    """Write one file a table into `folder` and give the files that changed.

    A file is only touched when its content changes, so that nothing is trained anew without need. A table without
    entries gets no file: an empty lookup would match everything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, entries in lookup_entries(session).items():
        file = folder / f"{name}.yml"
        if not entries:
            if file.exists():
                file.unlink()
                changed.append(file)
            continue
        content = _content(name, entries)
        if not file.exists() or file.read_text(encoding="utf-8") != content:
            file.write_text(content, encoding="utf-8")
            changed.append(file)
    return changed


def _content(name: str, entries: list[str]) -> str:
    lines = "".join(f"      - {entry}\n" for entry in entries)
    return f'{HEADER}version: "{FORMAT_VERSION}"\nnlu:\n  - lookup: {name}\n    examples: |\n{lines}'


def _sorted(words: Iterable[str]) -> list[str]:
    return sorted(set(words), key=lambda word: (word.casefold(), word))
