"""Answers kept for equal questions on equal knowledge."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict

import msgspec

from llm_component.answers.deadline import Clock
from llm_component.prompts import templates
from llm_component.protocol import Answer, AnswerRequest


def cache_key(request: AnswerRequest, model: str) -> str | None:
    """What makes two requests equal: everything that shapes the answer. None where it must not be shared: without a
    version of the knowledge, or with facts or a history, which belong to one customer.
    """
    if not request.knowledge_version or request.facts or request.history:
        return None
    shaping = (
        templates.fingerprint(),
        model,
        request.adapter,
        request.max_tokens,
        request.knowledge_version,
        request.profile,
        request.passages,
        " ".join(request.question.split()),
    )
    return hashlib.sha256(msgspec.json.encode(shaping)).hexdigest()


class AnswerCache:
    """The `entries` answers used last, each for `seconds` after it was made. For one event loop.

    Only whole answers belong in it: verdict `answered` without a reason.
    """

    def __init__(self, entries: int, seconds: float, *, clock: Clock = time.monotonic) -> None:
        self._most = entries
        self._seconds = seconds
        self._clock = clock
        self._answers: OrderedDict[str, tuple[float, Answer]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: str) -> Answer | None:
        """The answer under `key`, where it is still fresh."""
        found = self._answers.get(key)
        if found is None:
            return None
        made, answer = found
        if self._clock() - made >= self._seconds:
            del self._answers[key]
            return None
        self._answers.move_to_end(key)
        return answer

    def put(self, key: str, answer: Answer) -> None:
        """Keeps `answer` where it may be given again; drops the one that was used longest ago."""
        if answer.verdict != "answered" or answer.reason or self._most <= 0:
            return
        self._answers[key] = (self._clock(), answer)
        self._answers.move_to_end(key)
        while len(self._answers) > self._most:
            self._answers.popitem(last=False)
