"""The form in which the compact model reads its task: token ids from a question, its conversation and its passages.

    answer   [CLS] [ANS] question [USR] turn [BOT] turn … [FCT] facts [SEP] [PSG] [1] title. heading: text [PSG] [2] …
    rewrite  [CLS] [RWR] question [USR] turn [BOT] turn … [SEP]
    summary  [CLS] [SUM] [FCT] facts [SEP] [PSG] [USR] turn [BOT] turn … [PSG] [USR] turn …

What stands before the first [PSG] is read with every passage; each passage, or chunk of whole turns of a summary, is
read apart from the others. Training and serving use this one builder, so that they cannot differ. Control pieces come
from here alone: in what others wrote they are taken out, as text and once more as ids.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llm_component.checks.sentences import SentenceSplitter
from llm_component.engines.interface import Grounding, GroundingPassage, Message
from llm_component.prompts.hygiene import data, data_line

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ABSTENTION = "I don't know."  # what the model writes where the passages do not say
MOST_PASSAGES = 9  # as many as there are citation pieces
LEAST_TURN_TOKENS = 8  # less of a turn says nothing
CHARACTERS_A_TOKEN = 12  # text beyond this many characters a token cannot fit and is not tokenised
INSIDE = "##"  # begins a piece within a word
TASKS = {"answer": "[ANS]", "rewrite": "[RWR]", "summary": "[SUM]"}


@dataclass(frozen=True)
class Limits:
    """Tokens of each part. `question_part` is everything before the passages.

    `chunk` is a part of a conversation to be summed up, `source` the whole.
    """

    question: int = 64
    facts: int = 48
    question_part: int = 128
    passage: int = 192
    passages: int = 5
    chunk: int = 384
    source: int = 2048
    target: int = 256

    @classmethod
    def of(cls, config: Any) -> Limits:
        """Those that a model was trained with: `source_limits` of its configuration; without it, these."""
        said = dict(getattr(config, "source_limits", None) or {})
        return cls(**{**said, "target": int(config.max_target_positions)})

    def check(self, max_positions: int) -> None:
        """Raises `ValueError` where a block would be longer than the model has positions."""
        for name, block in (("passage", self.question_part + self.passage), ("chunk", self.facts + 4 + self.chunk)):
            if block > max_positions:
                raise ValueError(f"a {name} with the part before it has {block} tokens; the model {max_positions}")
        if not 1 <= self.passages <= MOST_PASSAGES:
            raise ValueError(f"passages must be from 1 to {MOST_PASSAGES}, not {self.passages}")


@dataclass(frozen=True)
class Source:
    """A source that fits. `passages` of the request are in it from the first on, `turns` the newest ones."""

    ids: tuple[int, ...]
    passages: int = 0
    turns: int = 0


class SourceBuilder:
    """Builds sources for one tokenizer. Safe to call from several threads, if nobody else uses the tokenizer.

    Args:
        tokenizer: made by `llm_component.compact.vocabulary.make_tokenizer`.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._tokenizer = tokenizer
        # Fast tokenizers refuse two callers at once ("Already borrowed").
        self._lock = threading.Lock()
        vocabulary = tokenizer.get_vocab()
        names = ("[CLS]", "[SEP]", "[PSG]", "[USR]", "[BOT]", "[FCT]", *TASKS.values())
        self._control = {name: vocabulary[name] for name in names}
        self._citations = [vocabulary[f"[{number}]"] for number in range(1, MOST_PASSAGES + 1)]
        self._inside = {number for piece, number in vocabulary.items() if piece.startswith(INSIDE)}
        forged = {piece for piece in tokenizer.all_special_tokens if piece != tokenizer.unk_token}
        for number in range(1, MOST_PASSAGES + 1):
            forged |= {f"[{number}]", f"{INSIDE}[{number}]"}
        # Ids that no text of others may bring, however it was spelled.
        self._forged = {vocabulary[piece] for piece in forged if piece in vocabulary}

    def build(self, grounding: Grounding) -> Source:
        """The source of a task. Raises `ValueError` where there is nothing to answer, to rewrite or to sum up."""
        if grounding.task == "summary":
            return self._summary(grounding)
        question = self._cut_middle(self._of(data_line(grounding.question)), self.limits.question)
        if not question:
            raise ValueError("the question is empty")
        head = [self._control["[CLS]"], self._control[TASKS[grounding.task]], *question]
        facts = self._facts(grounding.facts) if grounding.task == "answer" else []
        history, turns = self._history(grounding.history, self.limits.question_part - len(head) - len(facts) - 1)
        ids = [*head, *history, *facts, self._control["[SEP]"]]
        passages = 0
        if grounding.task == "answer":
            for passage in self._passages(grounding.passages):
                if len(ids) + len(passage) > self.limits.source:
                    break
                ids += passage
                passages += 1
        return Source(tuple(ids), passages, turns)

    def target_ids(self, text: str) -> list[int]:
        """What the model shall write, with the end; for training. Citations in it are single pieces."""
        with self._lock:
            ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        special = set(self._tokenizer.all_special_ids)
        return [*[number for number in ids if number not in special][: self.limits.target - 1], self._control["[SEP]"]]

    def length(self, texts: Iterable[str]) -> int:
        """Tokens of texts, for an estimate."""
        return sum(map(len, self._of_all([data(text) for text in texts])))

    def _of(self, text: str) -> list[int]:
        return self._of_all([text])[0]

    def _of_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of clean texts; whatever would pass for a control piece or a citation is left out."""
        if not texts:
            return []
        most = self.limits.source * CHARACTERS_A_TOKEN
        with self._lock:
            found = self._tokenizer([text[:most] for text in texts], add_special_tokens=False)["input_ids"]
        return [[number for number in ids if number not in self._forged] for ids in found]

    def _cut(self, ids: list[int], most: int) -> list[int]:
        """At most so many ids, cut between words: half a price is another price."""
        if len(ids) <= most:
            return ids
        end = max(0, most)
        while end > 0 and ids[end] in self._inside:
            end -= 1
        return ids[:end]

    def _cut_middle(self, ids: list[int], most: int) -> list[int]:
        """The beginning and the end: a long message mostly asks its question at the end."""
        if len(ids) <= most:
            return ids
        head = self._cut(ids, most // 3)
        start = len(ids) - (most - len(head))
        while start < len(ids) and ids[start] in self._inside:
            start += 1
        return head + ids[start:]

    def _facts(self, facts: Sequence[tuple[str, str]]) -> list[int]:
        lines = [f"{data_line(name)}: {data_line(value)};" for name, value in facts if data_line(value)]
        kept: list[int] = []
        for ids in self._of_all(lines):
            if len(kept) + len(ids) > self.limits.facts - 1:
                break
            kept += ids
        return [self._control["[FCT]"], *kept] if kept else []

    def _turns(self, history: Sequence[Message]) -> list[list[int]]:
        """Each turn with something in it behind the piece that says who speaks."""
        lines = [(turn.role, data_line(turn.content)) for turn in history]
        texts = self._of_all([text for _, text in lines])
        return [
            [self._control["[USR]" if role == "user" else "[BOT]"], *ids]
            for (role, _), ids in zip(lines, texts, strict=True)
            if ids
        ]

    def _history(self, history: Sequence[Message], room: int) -> tuple[list[int], int]:
        """The newest turns that fit, oldest first; the last of them perhaps cut at its end."""
        kept: list[list[int]] = []
        # No turn takes less than two tokens, so older ones than these cannot fit.
        for turn in reversed(self._turns(history[-max(1, room // 2) :])):
            if len(turn) > room:
                turn = self._cut(turn, room)
                if len(turn) >= LEAST_TURN_TOKENS:
                    kept.append(turn)
                break
            kept.append(turn)
            room -= len(turn)
        return [number for turn in reversed(kept) for number in turn], len(kept)

    def _passages(self, passages: Sequence[GroundingPassage]) -> list[list[int]]:
        """Each passage as a block: its number, its header and the sentences that fit.

        A passage without text keeps its number and its header, so that the numbers are those of the request.
        """
        blocks: list[list[int]] = []
        for number, passage in enumerate(passages[: self.limits.passages]):
            block = [self._control["[PSG]"], self._citations[number]]
            block += self._cut(self._of(header(passage.title, passage.heading)), self.limits.passage // 3)
            blocks.append(block + self._sentences(passage, self.limits.passage - len(block)))
        return blocks

    def _sentences(self, passage: GroundingPassage, room: int) -> list[int]:
        """The passage's text within `room` tokens, cut at sentence ends; where there is a quote, it is kept."""
        text = data(passage.text)
        ids = self._of(text)
        if len(ids) <= room:
            return ids
        pieces = _split(text[: room * CHARACTERS_A_TOKEN + max(0, text.find(data(passage.quote)))])
        lengths = [len(each) for each in self._of_all(pieces)]
        first = _first_kept(pieces, lengths, text.find(data(passage.quote)) if passage.quote else 0, room)
        end, taken = first, 0
        while end < len(pieces) and taken + lengths[end] <= room:
            taken += lengths[end]
            end += 1
        if end == first:  # one sentence longer than the room
            return self._cut(self._of(pieces[first].lstrip()), room)
        return self._of("".join(pieces[first:end]).strip())

    def _summary(self, grounding: Grounding) -> Source:
        facts = self._facts(grounding.facts)
        ids = [self._control["[CLS]"], self._control["[SUM]"], *facts, self._control["[SEP]"]]
        turns = [self._cut(turn, self.limits.chunk - 1) for turn in self._turns(grounding.history)]
        if not any(turn[0] == self._control["[USR]"] for turn in turns):
            raise ValueError("there is nothing to sum up: the customer has said nothing")
        chunks = _chunks(turns, self.limits.chunk - 1)
        room = self.limits.source - len(ids)
        # Of a long conversation the beginning, which mostly says what the customer wants, and the newest chunks.
        sizes = [1 + sum(map(len, chunk)) for chunk in chunks]
        while len(chunks) > 1 and sum(sizes) > room:
            place = 1 if len(chunks) > 2 else 0
            del chunks[place], sizes[place]
        for chunk in chunks:
            ids += [self._control["[PSG]"], *(number for turn in chunk for number in turn)]
        return Source(tuple(ids), 0, sum(map(len, chunks)))


def header(title: str, heading: str) -> str:
    """`Title. Heading:` on one line, ready to stand before the text."""
    title, heading = data_line(title), data_line(heading)
    if heading and title and not heading.casefold().startswith(title.casefold()):
        joined = f"{title if title[-1] in '.?!' else title.rstrip(':') + '.'} {heading}"
    else:
        joined = heading or title
    if not joined:
        return ""
    return joined if joined[-1] in "?!:" else joined.rstrip(".") + ":"


def _split(text: str) -> list[str]:
    """The sentences of a text, each with the space before it."""
    splitter = SentenceSplitter()
    return [joint + sentence for joint, sentence in [*splitter.feed(text), *splitter.finish()]]


def _first_kept(pieces: Sequence[str], lengths: Sequence[int], quote_at: int, room: int) -> int:
    """The first sentence to keep: the text's first where the quote then fits, else one shortly before the quote."""
    if quote_at <= 0:
        return 0
    position = quoted = 0
    while quoted < len(pieces) - 1 and position + len(pieces[quoted]) <= quote_at:
        position += len(pieces[quoted])
        quoted += 1
    # Half of the room at least stays for the quote and what follows it.
    first, before = quoted, 0
    while first > 0 and before + lengths[first - 1] <= room // 2:
        first -= 1
        before += lengths[first]
    return first


def _chunks(turns: Sequence[list[int]], most: int) -> list[list[list[int]]]:
    """Neighbouring turns in chunks of at most `most` tokens."""
    chunks: list[list[list[int]]] = []
    taken = 0
    for turn in turns:
        if not chunks or taken + len(turn) > most:
            chunks.append([])
            taken = 0
        chunks[-1].append(turn)
        taken += len(turn)
    return chunks
