"""What the tagger sees of each word: the word, its form, its neighbours, and what patterns and lookup tables say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rasa_addons.entities.lookups import LookupTables
from rasa_addons.entities.words import Word

WINDOW = 2  # neighbours on each side whose words are seen
AFFIXES = (1, 2, 3, 4, 5)  # letters at both ends of a word
_LONGEST_FIGURE = 6  # figures of more digits look alike


def word_features(
    text: str, words: Sequence[Word], patterns: Mapping[str, re.Pattern[str]], lookups: LookupTables
) -> list[list[str]]:
    """The features of each word, as crfsuite takes them: a list of strings a word."""
    marks = _pattern_marks(text, words, patterns)
    for run in lookups.runs([word.text for word in words]):
        kind = "whole" if run.whole else "part"
        details = f"{kind}{'-near' if run.near else ''}{'-telling' if run.telling else ''}"
        for position in range(run.start, run.end):
            place = "first" if position == run.start else "later"
            marks[position] += [f"in:{run.table}:{place}", f"in:{run.table}:{place}:{details}"]
    lowered = [word.text.casefold() for word in words]
    shapes = [shape(word.text) for word in words]
    return [_features(position, lowered, shapes, marks) for position in range(len(words))]


def shape(word: str) -> str:
    """The form of a word: "Norvane" is Xx, "V8" Xd1, "1043" d4, "1.7" d1.d1."""
    kinds = "".join("X" if c.isupper() else "x" if c.isalpha() else "d" if c.isdigit() else c for c in word)
    letters = re.sub(r"x+", "x", re.sub(r"X+", "X", kinds))
    return re.sub(r"d+", lambda digits: f"d{min(len(digits[0]), _LONGEST_FIGURE)}", letters)


def _features(
    position: int, lowered: Sequence[str], shapes: Sequence[str], marks: Sequence[Sequence[str]]
) -> list[str]:
    word = lowered[position]
    found = ["bias", f"shape={shapes[position]}", *marks[position]]
    found += [f"start{length}={word[:length]}" for length in AFFIXES if len(word) > length]
    found += [f"end{length}={word[-length:]}" for length in AFFIXES if len(word) > length]
    for offset in range(-WINDOW, WINDOW + 1):
        place = position + offset
        if 0 <= place < len(lowered):
            found.append(f"{offset}:word={lowered[place]}")
            if abs(offset) == 1:
                found.append(f"{offset}:shape={shapes[place]}")
                found += [f"{offset}:{mark}" for mark in marks[place]]
        elif abs(offset) == 1:
            found.append(f"{offset}:edge")
    for left in (position - 1, position):
        if left >= 0 and left + 1 < len(lowered):
            found.append(f"{left - position}:pair={lowered[left]} {lowered[left + 1]}")
    return found


def _pattern_marks(text: str, words: Sequence[Word], patterns: Mapping[str, re.Pattern[str]]) -> list[list[str]]:
    """For each word the patterns that match it or a part of the text that it begins or belongs to."""
    marks: list[list[str]] = [[] for _ in words]
    for name, pattern in patterns.items():
        spans = [match.span() for match in pattern.finditer(text) if match[0]]
        for position, word in enumerate(words):
            for start, end in spans:
                if start <= word.start and word.end <= end:
                    marks[position].append(f"like:{name}:{'first' if word.start == start else 'later'}")
                    break
    return marks
