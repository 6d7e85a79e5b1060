"""The compact model's source and target as token ids, from an example.

answer:   [CLS] [ANS] question [USR] older turn [BOT] older turn ... [FCT] facts [SEP]
          [PSG] [1] title. heading: text [PSG] [2] ...
rewrite:  [CLS] [RWR] question [USR] ... [BOT] ... [SEP]
summary:  [CLS] [SUM] [SEP] [PSG] [USR] ... [BOT] ... [PSG] ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from llm_component.compact.vocabulary import (
    ANSWER,
    ASSISTANT,
    END,
    FACTS,
    PASSAGE,
    REWRITE,
    SPECIAL,
    START,
    SUMMARISE,
    USER,
)
from llm_component.protocol import Turn
from llm_component.training.data.examples import Example, Passage

QUESTION_TOKENS = 128  # of everything in front of the passages, [CLS] and [SEP] included
PASSAGE_TOKENS = 192  # of one passage with its header, or of a chunk of a conversation
MOST_PASSAGES = 5
MOST_CHUNKS = 8
FACTS_SHARE = 3  # facts take at most this part of the question's room

_SPECIAL = re.compile("|".join(re.escape(piece) for piece in SPECIAL))


class CompactFormat:
    """Encodes for one tokenizer of the compact vocabulary."""

    def __init__(self, tokenizer: Any, most_target: int = 256) -> None:
        self._tokenizer = tokenizer
        self._most_target = most_target
        self._id = {piece: int(tokenizer.convert_tokens_to_ids(piece)) for piece in SPECIAL}

    def source(self, example: Example) -> list[int]:
        """What the encoder gets."""
        if example.task == "summary":
            return [self._id[START], self._id[SUMMARISE], self._id[END], *self._chunks(example.history)]
        first = ANSWER if example.task == "answer" else REWRITE
        ids = [self._id[START], self._id[first]]
        room = QUESTION_TOKENS - len(ids) - 1
        facts: list[int] = []
        if example.facts:
            listed = "; ".join(f"{name}: {value}" for name, value in example.facts.items())
            facts = [self._id[FACTS], *self._ids(listed)][: room // FACTS_SHARE]
        question = _cut_middle(self._ids(example.question), room - len(facts))
        history = self._newest(example.history, room - len(facts) - len(question))
        ids += [*question, *history, *facts, self._id[END]]
        for number, passage in enumerate(example.passages[:MOST_PASSAGES], 1):
            ids += [self._id[PASSAGE], *self._ids(f"[{number}] {header(passage)}{passage.text}")][:PASSAGE_TOKENS]
        return ids

    def target(self, example: Example) -> list[int]:
        """What the decoder writes, [SEP] at its end."""
        return [*self._ids(example.target)[: self._most_target - 1], self._id[END]]

    def _ids(self, text: str) -> list[int]:
        """Tokens of text that others wrote: none of them can be a special one but the line break."""
        plain = _SPECIAL.sub(" ", text)
        ids: list[int] = self._tokenizer(plain, add_special_tokens=False, verbose=False)["input_ids"]
        return ids

    def _turn(self, turn: Turn) -> list[int]:
        return [self._id[USER if turn.role == "user" else ASSISTANT], *self._ids(turn.content)]

    def _newest(self, turns: Sequence[Turn], room: int) -> list[int]:
        """The newest turns that fit whole, oldest first."""
        kept: list[int] = []
        for turn in reversed(turns):
            ids = self._turn(turn)
            if len(kept) + len(ids) > room:
                break
            kept = ids + kept
        return kept

    def _chunks(self, turns: Sequence[Turn]) -> Iterator[int]:
        """The conversation in blocks of whole turns; of a long one the first block and the newest."""
        blocks: list[list[int]] = []
        for turn in turns:
            ids = self._turn(turn)[: PASSAGE_TOKENS - 1]
            if not blocks or len(blocks[-1]) + len(ids) > PASSAGE_TOKENS:
                blocks.append([self._id[PASSAGE]])
            blocks[-1] += ids
        if len(blocks) > MOST_CHUNKS:
            blocks = blocks[:1] + blocks[-(MOST_CHUNKS - 1) :]
        for block in blocks:
            yield from block


def header(passage: Passage) -> str:
    """What stands before a passage's text: `title. heading: `, as far as there is any."""
    if passage.title and passage.heading:
        return f"{passage.title}. {passage.heading}: "
    named = passage.title or passage.heading
    return f"{named}: " if named else ""


def _cut_middle(ids: list[int], most: int) -> list[int]:
    """At most `most` ids: what a customer asks mostly stands at the start or at the end."""
    if len(ids) <= most:
        return ids
    half = most // 2
    return ids[:half] + ids[len(ids) - (most - half) :]
