"""Where a message names something of a lookup table, whole or in part, slips of spelling allowed.

Names are compared word by word: customers shorten them ("the CrispAir 5"), and a slip changes one word. Neighbouring
words that may stand in one and the same name make up a run. Figures have to be equal: a 700 is no 500.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

from rasa_addons.entities.words import split_words

# A slip: a letter left out, added or changed, or two neighbours swapped (optimal string alignment distance).
LONG_WORD = 8  # letters from which a word may have two slips
SHORTEST_NAME = 4  # letters of a name's word that may be misspelt
SHORTEST_SLIP = 3  # letters of a slip beside another word of the same name: "55 qld" is the 55 QLED
SHORTEST_ALONE = 5  # letters of a slip that stands alone: of a shorter one, any other word may be meant
_REMEMBERED = 20_000  # words whose meaning is kept, so that a stream of strange words fills no memory


@dataclass(frozen=True)
class Run:
    """Neighbouring words `start` to `end` (exclusive) of a message that stand in one name of `table`.

    `whole`: they are all of the name's words. `near`: at least one is a slip. `telling`: a word among them stands in
    names of this table alone, not in another table's (a brand, a category).
    """

    start: int
    end: int
    table: str
    whole: bool
    near: bool
    telling: bool


class _Table:
    """One table's names as words, indexed both ways."""

    def __init__(self, name: str, phrases: Iterable[str]) -> None:
        self.name = name
        self.names = sorted({tuple(folded(phrase)) for phrase in phrases} - {()})
        self.holders: dict[str, set[int]] = {}  # word -> names that hold it
        for index, words in enumerate(self.names):
            for word in words:
                self.holders.setdefault(word, set()).add(index)
        self.slippable = sorted(word for word in self.holders if len(word) >= SHORTEST_NAME and word[0].isalpha())


class LookupTables:
    """Finds the names of several tables in messages.

    Args:
        tables: the phrases of each table by its name.
        ordinary: words that are no slips although they may look like one, such as those of the training texts.
    """

    def __init__(self, tables: Mapping[str, Sequence[str]], ordinary: Collection[str]) -> None:
        self._tables = [_Table(name, phrases) for name, phrases in sorted(tables.items())]
        self._ordinary = frozenset(ordinary)
        self._meant: dict[tuple[str, str], str | None] = {}  # table and word of a message -> the table's word

    def runs(self, words: Sequence[str]) -> list[Run]:
        """The runs in the words of a message; those of one table do not overlap, the longest comes first in doubt."""
        return [run for table in self._tables for run in self._runs_of(table, [word.casefold() for word in words])]

    def _runs_of(self, table: _Table, words: Sequence[str]) -> list[Run]:
        found, position = [], 0
        while position < len(words):
            run = self._run_from(table, words, position)
            if run is not None:
                found.append(run)
            position = run.end if run is not None else position + 1
        return found

    def _run_from(self, table: _Table, words: Sequence[str], start: int) -> Run | None:
        """The longest run that begins with this word."""
        held: set[int] | None = None
        meant: list[str] = []
        position, near = start, False
        while position < len(words):
            taken, word, slip = self._meaning(table, words, position)
            if word is None:
                break
            holders = table.holders[word] if held is None else held & table.holders[word]
            if not holders or word in meant:
                break
            held, position, near = holders, position + taken, near or slip
            meant.append(word)
        if held is None or (near and len(meant) == 1 and len(words[start]) < SHORTEST_ALONE):
            return None
        whole = any(sorted(meant) == sorted(set(table.names[index])) for index in held)
        others = [other for other in self._tables if other is not table]
        telling = any(self._is_own(word, others) for word in meant)
        return Run(start, position, table.name, whole, near, telling)

    def _is_own(self, word: str, others: Sequence[_Table]) -> bool:
        return any(letter.isalpha() for letter in word) and not any(word in other.holders for other in others)

    def _meaning(self, table: _Table, words: Sequence[str], position: int) -> tuple[int, str | None, bool]:
        """How many words of the message make up which word of the table, and whether with a slip."""
        word = words[position]
        if word in table.holders:
            return 1, word, False
        if position + 1 < len(words) and word + words[position + 1] in table.holders:
            return 2, word + words[position + 1], True  # "crisp air" for "crispair"
        if word in self._ordinary or len(word) < SHORTEST_SLIP:
            return 1, None, False
        return 1, self._nearest(table, word), True

    def _nearest(self, table: _Table, word: str) -> str | None:
        key = (table.name, word)
        if key not in self._meant:
            if len(self._meant) >= _REMEMBERED:
                self._meant.clear()
            match = process.extractOne(word, table.slippable, scorer=OSA.distance, score_cutoff=2)
            self._meant[key] = match[0] if match is not None and _is_slip(word, match[0], match[1]) else None
        return self._meant[key]


def folded(phrase: str) -> list[str]:
    """The words of a phrase in small letters, signs left out."""
    return [word.text.casefold() for word in split_words(phrase) if any(letter.isalnum() for letter in word.text)]


def _is_slip(word: str, meant: str, distance: int) -> bool:
    long = max(len(word), len(meant)) >= LONG_WORD
    return distance <= (2 if long else 1) and _figures(word) == _figures(meant)


def _figures(word: str) -> str:
    return "".join(letter for letter in word if letter.isdigit())
