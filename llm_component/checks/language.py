"""The word lists of the checks (language.json), and words as the checks compare them: stems, one a synonym group."""

from __future__ import annotations

import json
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from llm_component.checks.stemming import porter

LANGUAGE_FILE = Path(__file__).with_name("language.json")
# A word may hold apostrophes, hyphens and, inside numbers, points and commas.
_WORD = re.compile(r"[^\W_]+(?:[.,](?=\d)[^\W_]+)*(?:['’\-][^\W_]+)*")


@cache
def lists() -> dict[str, Any]:
    """The content of language.json."""
    loaded: dict[str, Any] = json.loads(LANGUAGE_FILE.read_text(encoding="utf-8"))
    return loaded


@cache
def word_set(name: str) -> frozenset[str]:
    """The words of one list, as they are written."""
    return frozenset(str(lists()[name]).split())


@cache
def patterns(name: str) -> tuple[re.Pattern[str], ...]:
    """The regular expressions of one list, compiled without regard to case."""
    return tuple(re.compile(each, re.IGNORECASE) for each in lists()[name])


def words(text: str) -> list[str]:
    """The words of `text` in lower case; "can't" stays one word, typographic apostrophes become plain ones."""
    return [match.group().lower().replace("’", "'") for match in _WORD.finditer(text)]


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A word's stem, so that "refunded" and "refunds" are one; irregular forms as language.json lists them."""
    word = word.removesuffix("'s").removesuffix("'")
    word = str(lists()["irregular"].get(word, word))
    return porter(word) if word.isascii() and word.isalpha() else word


@cache
def _representatives() -> dict[str, str]:
    found: dict[str, str] = {}
    for group in lists()["synonyms"]:
        stems = [stem(word) for word in group.split()]
        for each in stems:
            found.setdefault(each, stems[0])
    return found


@lru_cache(maxsize=65536)
def key(word: str) -> str:
    """What two words must share to count as the same: the stem, or the stem of their synonym group."""
    stemmed = stem(word)
    return _representatives().get(stemmed, stemmed)


@cache
def _stop_words() -> frozenset[str]:
    return word_set("stop")


def is_content(word: str) -> bool:
    """Whether a word in lower case carries content: no stop word, no negator, no contraction."""
    return len(word) > 1 and "'" not in word.removesuffix("'s") and word not in _stop_words() and not is_negator(word)


def is_negator(word: str) -> bool:
    """Whether a word in lower case turns a statement round."""
    return word in word_set("negators") or word.endswith("n't")


def content_keys(text: str) -> list[str]:
    """The keys of the content words of `text`, in order; numbers are left to the comparison of facts."""
    found: list[str] = []
    for word in words(text):
        for part in word.split("-") if "-" in word else (word,):
            if is_content(part) and not part[0].isdigit():
                found.append(key(part))
    return found
