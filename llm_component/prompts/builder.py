"""Builds the prompt of an answer within a measured budget of tokens, whatever the context length of the model."""

from __future__ import annotations

from dataclasses import dataclass

from llm_component.engines.interface import Grounding, Message, RequestRefused
from llm_component.prompts import templates
from llm_component.prompts.budget import CountTokens, largest, output_tokens
from llm_component.prompts.hygiene import cut_middle, data
from llm_component.prompts.passages import PassagePieces
from llm_component.prompts.templates import NumberedPassage
from llm_component.protocol import AnswerRequest, Turn

# Text longer than this many characters a token of the context cannot fit and is not worth counting; English has 3 to 5.
CHARACTERS_A_TOKEN = 6
LEAST_QUESTION = 80  # characters; a question cut to less is no question any more
QUESTION_STEP = 16  # characters; finer cuts are not worth another count
# Shares of what is left when it comes to the part; each part gives what it does not need to the next.
QUESTION_SHARE = 2
FACTS_SHARE = 4
TURNS_SHARE = 4
LONG_RULES_SHARE = 4  # the full rules stand where they take at most this part of the context, else the short ones
JOIN_TOKENS = 4  # two parts together may take this many tokens more than the sum of both


@dataclass(frozen=True)
class AnswerPrompt:
    """A prompt that fits, and what of the request it left out.

    `passages` are the numbers of the passages that are in it, at least in part. `output_tokens` are kept free.
    """

    messages: tuple[Message, ...]
    tokens: int
    output_tokens: int
    passages: tuple[int, ...]
    sentences: int  # of the passages
    turns: int
    facts: int
    question_characters: int
    question_cut: bool = False
    grounding: Grounding | None = None  # in place of the messages, for models that take tasks in their parts

    @property
    def system(self) -> str:
        """The fixed first part, which no answer may give away; empty where the prompt has none."""
        return templates.system_of(self.messages)


class _Search:
    """The parts of one request that are kept so far. Each method settles one part and takes its tokens off."""

    def __init__(self, request: AnswerRequest, count_tokens: CountTokens, context_tokens: int) -> None:
        self._count_tokens = count_tokens
        self.asked = data(request.question)
        if not self.asked:
            raise RequestRefused("the question is empty")
        characters = CHARACTERS_A_TOKEN * context_tokens
        self._facts = templates.clean_facts(request.facts)
        self._turns = _newest_within(templates.clean_turns(request.history), characters)
        self._pieces = PassagePieces(request.passages, characters)
        self.output = output_tokens(request.max_tokens, context_tokens)
        self.system, self._empty, self.room = self._rules(request, context_tokens)
        # What the parts may take together; less than `room` once a part was cut and left some of its share unused.
        self._limit = self.room
        # What is kept.
        self.question = cut_middle(self.asked, characters)
        self.facts, self.pieces, self.turns = len(self._facts), len(self._pieces), len(self._turns)

    def user(self) -> str:
        newest = self._turns[len(self._turns) - self.turns :]
        return templates.answer_user(self.question, self.passages(), newest, self._facts[: self.facts])

    def passages(self) -> list[NumberedPassage]:
        return self._pieces.kept(self.pieces)

    def count(self, **kept: int | str) -> int:
        """Tokens of the whole prompt; `kept` sets parts first."""
        for name, value in kept.items():
            setattr(self, name, value)
        return self._count_tokens(templates.messages_of(self.system, self.user()))

    def _rules(self, request: AnswerRequest, context_tokens: int) -> tuple[str, int, int]:
        """The system part, the tokens of a prompt with nothing else in it, and those that a prompt may have.

        Short rules leave more room, but never more than the full ones would at the context length from which they
        stand: so a longer context never holds less.
        """

        def alone(system: str) -> int:
            return self._count_tokens(templates.messages_of(system, templates.answer_user("")))

        room = context_tokens - self.output
        full = templates.answer_system(request.profile)
        full_tokens = alone(full)
        turning = full_tokens * LONG_RULES_SHARE
        if turning <= context_tokens:
            return full, full_tokens, room
        short = templates.answer_system(request.profile, short=True)
        short_tokens = alone(short)
        left_at_turning = turning - output_tokens(request.max_tokens, turning) - full_tokens
        return short, short_tokens, min(room, short_tokens + left_at_turning)

    def fit_question(self) -> None:
        """Cuts the question to its share. Raises `RequestRefused` where even the shortest cut does not fit."""
        question = self.question
        share = self._empty + (self._limit - self._empty) // QUESTION_SHARE
        shortest = min(len(question), LEAST_QUESTION)
        steps = -(-(len(question) - shortest) // QUESTION_STEP)

        def with_cut(step: int) -> int:
            characters = min(shortest + step * QUESTION_STEP, len(question))
            return self.count(question=cut_middle(question, characters), facts=0, pieces=0, turns=0)

        least = with_cut(0)
        if least > self._limit:
            raise RequestRefused(
                f"rules and question take {least} tokens; the model has room for {self._limit} before its answer"
            )
        if least > share:
            return
        step = largest(lambda n: with_cut(n) <= share, steps)
        taken = with_cut(step)
        if step < steps:
            self._limit -= share - taken

    def fit_facts(self) -> None:
        """Keeps the facts that fit their share, the first ones first."""
        taken = self.count(facts=0)
        share = taken + (self._limit - taken) // FACTS_SHARE
        facts = largest(lambda n: self.count(facts=n) <= share, len(self._facts))
        taken = self.count(facts=facts)
        if facts < len(self._facts):
            self._limit -= share - taken

    def fit_passages_and_turns(self) -> None:
        """Keeps the best sentences of the passages and the newest turns.

        The turns have their share for certain; what either does not need, the other has.
        """
        taken = self.count(pieces=0, turns=0)
        share = (self._limit - taken) // TURNS_SHARE
        turns = self._turns_within(taken + share - JOIN_TOKENS)
        if turns == len(self._turns):
            self.pieces = self._pieces_within(self._limit)
            return
        self.turns = 0
        self.pieces = self._pieces_within(self._limit - share)
        self.turns = turns
        if self.pieces == len(self._pieces):
            self.turns = self._turns_within(self._limit)

    def _turns_within(self, limit: int) -> int:
        self.turns = largest(lambda n: self.count(turns=n) <= limit, len(self._turns))
        return self.turns

    def _pieces_within(self, limit: int) -> int:
        self.pieces = largest(lambda n: self.count(pieces=n) <= limit, len(self._pieces))
        return self.pieces

    def give_up_one(self) -> bool:
        """Takes the least valuable part away; False where only the question is left."""
        for name in ("turns", "pieces", "facts"):
            if left := getattr(self, name):
                setattr(self, name, left - 1)
                return True
        return False


def fit(request: AnswerRequest, count_tokens: CountTokens, context_tokens: int) -> AnswerPrompt:
    """The prompt for `request` within `context_tokens`, room for the completion included.

    Kept in this order: the rules, the question (cut in the middle where it is too long), facts, the best passages
    (cut at sentence ends, the last ones first) and the newest turns (dropped whole, the oldest first). `count_tokens`
    counts a whole prompt as the model will see it. A longer context never holds less.

    Raises:
        RequestRefused: the question is empty, or not even the rules and a cut question fit.
    """
    search = _Search(request, count_tokens, context_tokens)
    tokens = search.count()
    if tokens > search.room:
        search.fit_question()
        search.fit_facts()
        search.fit_passages_and_turns()
        tokens = search.count()
        # All parts together can take more than the sum of them, where tokens reach over the seams.
        while tokens > search.room and search.give_up_one():
            tokens = search.count()
    return AnswerPrompt(
        messages=templates.messages_of(search.system, search.user()),
        tokens=tokens,
        output_tokens=search.output,
        passages=tuple(passage.number for passage in search.passages()),
        sentences=search.pieces,
        turns=search.turns,
        facts=search.facts,
        question_characters=len(search.question),
        question_cut=search.question != search.asked,
    )


def _newest_within(turns: list[Turn], characters: int) -> list[Turn]:
    """The newest turns that together hold at most `characters`."""
    left = characters
    for index in range(len(turns) - 1, -1, -1):
        left -= len(turns[index].content)
        if left < 0:
            return turns[index + 1 :]
    return turns
