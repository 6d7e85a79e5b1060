"""Whole documents cut into sections, and examples asked of several sections instead of the one span that answers."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from llm_component.checks.sentences import split_sentences
from llm_component.protocol import Turn
from llm_component.training.data.examples import Example, Passage
from llm_component.training.data.reading import tidy

SECTION_WORDS = 120  # of a passage that a document is cut into; 192 tokens hold it
LEAST_SECTIONS, MOST_SECTIONS = 2, 5  # of one example
HISTORY_TURNS = 6
BEGINNING = 12  # words of a span that find it where its end was joined from elsewhere
_WORD = re.compile(r"[a-z0-9]+")


def sections(text: str) -> list[str]:
    """A document in passages of at most `SECTION_WORDS` words, cut at the ends of sentences."""
    found: list[list[str]] = [[]]
    for paragraph in re.split(r"\n\s*\n", text):
        for sentence in split_sentences(paragraph):
            words = sentence.split()
            if found[-1] and len(found[-1]) + len(words) > SECTION_WORDS:
                found.append([])
            found[-1] += words
    return [tidy(" ".join(words)) for words in found if words]


def plain(text: str) -> str:
    """Words and numbers alone, a space before and after each: texts from several exports compare so."""
    return " " + " ".join(_WORD.findall(text.casefold())) + " "


@dataclass(frozen=True)
class Document:
    """A document's title, its sections, and the sections' plain words."""

    title: str
    sections: Sequence[str]
    words: Sequence[str]


class Documents:
    """Finds the section that a span is from and makes examples of it. Examples come in the order of their dialogues.

    Args:
        texts: id and text of each document; what stands before "#" in an id is the title.
    """

    def __init__(self, texts: Iterable[tuple[str, str]]) -> None:
        self._documents = []
        for name, text in texts:
            cut = sections(text)
            self._documents.append(Document(name.split("#")[0], cut, [plain(one) for one in cut]))
        self._last: Document | None = None
        self._said: list[Turn] = []

    def placed(self, example: Example, number: int) -> Example | None:
        """The example with the section of its span among others of the document; None where the span is not found.

        Args:
            example: with its span as the only passage.
            number: decides what is drawn; the same one draws the same.
        """
        found = self._find(plain(example.passages[0].text))
        if found is None:
            self._last, self._said = None, []
            return None
        document, gold = found
        if document is not self._last:
            self._last, self._said = document, []
        draw = random.Random(number)
        others = [index for index in range(len(document.sections)) if index != gold]
        count = min(draw.randint(LEAST_SECTIONS, MOST_SECTIONS) - 1, len(others))
        shown = [gold, *draw.sample(others, count)]
        draw.shuffle(shown)
        place = shown.index(gold) + 1
        placed = replace(
            example,
            target=example.target.replace("[1]", f"[{place}]"),
            history=tuple(self._said[-HISTORY_TURNS:]),
            passages=tuple(Passage(document.title, "", document.sections[index]) for index in shown),
            cites=(place,),
        )
        self._said += [Turn("user", example.question), Turn("assistant", example.target.replace(" [1]", ""))]
        return placed

    def _find(self, span: str) -> tuple[Document, int] | None:
        """The section with the whole span, else with its beginning; in the last document first."""
        words = span.split()
        wanted = [span] if len(words) <= BEGINNING else [span, " " + " ".join(words[:BEGINNING]) + " "]
        near = [self._last] if self._last else []
        for text in wanted:
            for document in [*near, *self._documents]:
                for index, section in enumerate(document.words):
                    if text in section:
                        return document, index
        return None
