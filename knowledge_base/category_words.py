"""What customers call the categories ("hoover", "telly", "earbuds"), and which category a text means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import yaml
from rapidfuzz import fuzz, process

from knowledge_base.catalog_views import CategoryView
from knowledge_base.product_names import tokens

WORDS_FILE = Path(__file__).with_name("category_words.yml")
# "microwve" and "microwave" are 94 alike, "headfones" and "headphones" 84; "iron" and "icon" 75.
SPELLING_FLOOR = 82.0


@dataclass(frozen=True)
class CategoryMatch:
    """The category that a text means: `kind` holds the words that narrow it ("robot" of "robot vacuum"), or ""."""

    slug: str
    kind: str = ""
    phrase: str = ""  # the text's words in full ("robot vacuum")


@dataclass(frozen=True)
class CategoryWords:
    """Names of one category: `same` mean all of it, `kinds` a part of it. Lower case, sorted."""

    same: tuple[str, ...]
    kinds: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        """Both, sorted."""
        return tuple(sorted({*self.same, *self.kinds}))


@lru_cache(maxsize=1)
def _file() -> Mapping[str, Mapping[str, list[str]]]:
    content = yaml.safe_load(WORDS_FILE.read_text(encoding="utf-8"))
    return content or {}


def words_of(category: CategoryView) -> CategoryWords:
    """Names of `category`: its own and those of category_words.yml, in singular and plural."""
    listed = _file().get(category.slug, {})
    same = _with_plurals([category.singular.casefold(), *(word.casefold() for word in listed.get("same", []))])
    same.add(category.name.casefold())  # a plural already, or a mass noun
    kinds = _with_plurals(word.casefold() for word in listed.get("kinds", []))
    return CategoryWords(same=tuple(sorted(same)), kinds=tuple(sorted(kinds - same)))


def match_category(text: str, categories: Sequence[CategoryView]) -> CategoryMatch | None:
    """The category that `text` names, spelling slips allowed, or None; a slug means itself.

    A name that stands in the text as written wins over one that only resembles a part of it; the longest wins.
    """
    if any(text == category.slug for category in categories):
        return CategoryMatch(slug=text)
    wanted = " ".join(tokens(text))
    if not wanted:
        return None
    entries = {word: category for category in categories for word in words_of(category).all}
    plain = {" ".join(tokens(word)): word for word in entries}
    contained = [name for name in plain if f" {name} " in f" {wanted} "]
    if contained:
        found = max(contained, key=lambda name: (len(name), name))
    else:
        nearest = _nearest(wanted, list(plain))
        if nearest is None:
            return None
        found = wanted = nearest
    category = entries[plain[found]]
    return CategoryMatch(slug=category.slug, kind=_kind(wanted, words_of(category)), phrase=wanted)


def _nearest(wanted: str, names: list[str]) -> str | None:
    words = wanted.split()
    spans = {wanted, *words, *(" ".join(pair) for pair in pairwise(words))}
    best: tuple[float, str] | None = None
    for span in sorted(spans):
        match = process.extractOne(span, names, scorer=fuzz.ratio, score_cutoff=SPELLING_FLOOR)
        if match is not None and (best is None or match[1] > best[0]):
            best = (match[1], match[0])
    return best[1] if best else None


def _kind(wanted: str, words: CategoryWords) -> str:
    """The words of `wanted` that say more than the category's own names."""
    if wanted in words.same:
        return ""
    general = {token for word in words.same for token in tokens(word)}
    return " ".join(token for token in wanted.split() if token not in general)


def _with_plurals(words: Iterable[str]) -> set[str]:
    result = set()
    for word in words:
        result.add(word)
        if word.endswith("y") and word[-2:-1] not in "aeiou":
            result.add(f"{word[:-1]}ies")
        elif not word.endswith("s"):
            result.add(f"{word}s")
    return result
