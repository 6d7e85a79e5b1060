"""Word stems as SQLite's full-text index makes them, so that words can be compared outside of it."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterable
from functools import lru_cache

# The same in migrations/versions/0001: Porter's stemmer over words without accents.
TOKENIZER = "porter unicode61 remove_diacritics 2"
WORDS_KEPT = 100_000  # a large shop's vocabulary

_WORD = re.compile(r"\w+", re.UNICODE)
_lock = threading.Lock()


@lru_cache(maxsize=1)
def _tokenizer() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    connection.execute(f"CREATE VIRTUAL TABLE words USING fts5(word, tokenize='{TOKENIZER}')")
    connection.execute("CREATE VIRTUAL TABLE stems USING fts5vocab(words, 'row')")
    return connection


@lru_cache(maxsize=WORDS_KEPT)
def stem(word: str) -> str:
    """The stem of one word; a word that the index would not take is its own."""
    with _lock:
        connection = _tokenizer()
        connection.execute("DELETE FROM words")
        connection.execute("INSERT INTO words (word) VALUES (?)", (word.encode("utf-8", "ignore").decode(),))
        row = connection.execute("SELECT term FROM stems").fetchone()
    return str(row[0]) if row else word


def stems(texts: Iterable[str]) -> set[str]:
    """The stems of all words of some texts."""
    return {stem(word) for text in texts for word in set(_WORD.findall(text.casefold()))}
