"""The best passage's own words: what a customer gets where no model answers, or none in time."""

from __future__ import annotations

from collections.abc import Sequence

from llm_component.checks.sentences import SentenceSplitter
from llm_component.prompts.hygiene import data
from llm_component.protocol import Passage, Sentence

MOST_READ = 5000  # characters of a passage or a quote that are looked at; the event loop does it
FEWEST, MOST_CHARACTERS = 1, 320  # of a passage without a quote: as many of its first sentences as this holds


def has_text(passage: Passage) -> bool:
    """Whether there is anything to quote."""
    return has_words(passage.text) or has_words(passage.quote)


def has_words(text: str) -> bool:
    """Whether anything of `text` can be seen; looks at its beginning first, because a whole one takes its time."""
    return bool(data(text[:MOST_READ]) or data(text[MOST_READ:]))


def quotation(passages: Sequence[Passage]) -> list[Sentence]:
    """The quote of the first passage that has text, or its first sentences, with its number as the citation."""
    for number, passage in enumerate(passages, 1):
        if has_text(passage):
            quote = data(passage.quote[:MOST_READ])
            pieces = _sentences(quote) if quote else _first(_sentences(data(_beginning(passage.text))))
            return [Sentence(text, [number], 1.0, joint if index else "") for index, (joint, text) in enumerate(pieces)]
    return []


def _beginning(text: str) -> str:
    return text[:MOST_READ] if data(text[:MOST_READ]) else text


def _sentences(text: str) -> list[tuple[str, str]]:
    splitter = SentenceSplitter()
    return [*splitter.feed(text), *splitter.finish()]


def _first(pieces: list[tuple[str, str]]) -> list[tuple[str, str]]:
    characters = 0
    for index, (joint, text) in enumerate(pieces):
        characters += len(joint) + len(text)
        if characters > MOST_CHARACTERS and index >= FEWEST:
            return pieces[:index]
    return pieces
