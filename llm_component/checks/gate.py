"""The gate: every generated sentence is examined against the passages it cites before it may leave.

Exact rules come first (leaks, personal data, citations, numbers, dates, names, negation), then the support score with
its calibrated threshold. Examining a sentence costs one encoding; a passage is encoded once and kept.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from llm_component.checks.facts import DATE_KINDS, unsupported_facts
from llm_component.checks.language import patterns, words
from llm_component.checks.leaks import LeakDetector
from llm_component.checks.passages import Encoder, PassageView, PassageViews
from llm_component.checks.polarity import Conflict
from llm_component.checks.private import unexpected_items
from llm_component.checks.sentences import CITATION
from llm_component.checks.support import SupportModel, evidence
from llm_component.protocol import Passage

logger = logging.getLogger(__name__)

REASONS = ("", "unsupported", "number", "date", "name", "negation", "personal_data", "leak", "bad_citation", "no_claim")
# What is left of the score where an exact rule failed: such a sentence never passes, yet keeps its place in a ranking.
RULE_FACTOR = 0.01
_SPACE_BEFORE_STOP = re.compile(r"\s+([.,;:!?])")
_JOINTS = re.compile(r"[,.;:!?…–—]+|\s-\s")
_LIST_MARK = re.compile(r"^(?:[-*•]|\d+[.)])\s+")


@dataclass(frozen=True)
class Examined:
    """What the gate says of one sentence. `text` is without citation marks, `citations` count passages from 1.

    `reason` is one of `REASONS`; "" where the sentence passed. "no_claim" is a pleasantry or nothing at all: it does
    not pass, and does not count against the answer.
    """

    text: str
    citations: list[int]
    support: float
    passed: bool
    reason: str


@dataclass(frozen=True)
class Judgement:
    """Support of a sentence by some passages: the model's score, the score with the rules, and the rule that failed."""

    score: float
    support: float
    reason: str


class Checks:
    """Encoder, calibrated model and kept passages, shared by all answers of a process. Thread-safe; calls block.

    `threshold`: least support of a sentence, None or 0 for the calibrated one.
    """

    def __init__(self, encoder: Encoder, threshold: float | None = None, model: SupportModel | None = None) -> None:
        self._encoder = encoder
        self._model = model or SupportModel.read()
        self.threshold = threshold or self._model.threshold
        self._passages = PassageViews(encoder)

    def gate(self, question: str, passages: Sequence[Passage], facts: Mapping[str, str], system_prompt: str) -> Gate:
        """The gate of one answer; encodes those passages that were not seen before."""
        return Gate(self, question, self._passages.views(passages), facts, system_prompt)

    def judge(
        self, sentence: str, views: Sequence[PassageView], given: Sequence[str] = (), verified: Sequence[str] = ()
    ) -> Judgement:
        """Support of `sentence` (without marks) by all of `views` together."""
        if not views:
            return Judgement(0.0, 0.0, "unsupported")
        return self._judge(sentence, self._encoder.encode([sentence])[0], views, given, verified)

    def _judge(
        self,
        sentence: str,
        vector: np.ndarray,
        views: Sequence[PassageView],
        given: Sequence[str],
        verified: Sequence[str],
    ) -> Judgement:
        found = evidence(sentence, vector, views)
        score = self._model.score(found.values)
        reason = rule_broken(sentence, views, found.conflict, given, verified)
        if reason:
            return Judgement(score, RULE_FACTOR * score, reason)
        return Judgement(score, score, "" if score >= self.threshold else "unsupported")

    def attribute(
        self, sentence: str, views: Sequence[PassageView], given: Sequence[str], verified: Sequence[str]
    ) -> tuple[list[int], Judgement]:
        """The passages (from 1) that support a sentence without marks: the best one, or the best two together."""
        if not views:
            return [], Judgement(0.0, 0.0, "unsupported")
        vector = self._encoder.encode([sentence])[0]
        alone = [self._judge(sentence, vector, [view], given, verified) for view in views]
        order = sorted(range(len(views)), key=lambda index: -alone[index].support)
        best = alone[order[0]]
        if best.reason == "" or len(views) == 1:
            return ([order[0] + 1] if best.reason == "" else []), best
        pair = sorted(sorted(range(len(views)), key=lambda index: -alone[index].score)[:2])
        both = self._judge(sentence, vector, [views[index] for index in pair], given, verified)
        return ([index + 1 for index in pair], both) if both.reason == "" else ([], best)


class Gate:
    """Examines the sentences of one answer. Made by `Checks.gate`."""

    def __init__(
        self,
        checks: Checks,
        question: str,
        views: Sequence[PassageView],
        facts: Mapping[str, str],
        system_prompt: str,
    ) -> None:
        self._checks = checks
        self._views = list(views)
        self._given = [question]
        self._verified = [str(value) for value in facts.values()]
        texts = [view.whole for view in self._views]
        # The support contact of the shop stands in the system prompt.
        self._open = [*texts, question, *self._verified, system_prompt]
        self._leaks = LeakDetector(system_prompt, [*texts, question])

    def examine(self, raw_sentence: str) -> Examined:
        """Examines one sentence as the model wrote it, with marks such as `[1]`, `[2][3]` or `[1, 2]`."""
        text, marks = take_marks(raw_sentence)
        if self._leaks.leaks(text):
            return Examined(text, [], 0.0, False, "leak")
        if unexpected_items(text, self._open):
            return Examined(text, [], 0.0, False, "personal_data")
        if makes_no_claim(text):
            return Examined(text, [], 0.0, False, "no_claim")
        if any(not 1 <= mark <= len(self._views) for mark in marks):
            return Examined(text, [mark for mark in marks if 1 <= mark <= len(self._views)], 0.0, False, "bad_citation")
        if marks:
            cited = [self._views[mark - 1] for mark in marks]
            judged = self._checks.judge(text, cited, self._given, self._verified)
        else:
            marks, judged = self._checks.attribute(text, self._views, self._given, self._verified)
        logger.debug("sentence examined: support %.3f, reason %r", judged.support, judged.reason)
        return Examined(text, marks, round(judged.support, 4), judged.reason == "", judged.reason)


def take_marks(raw: str) -> tuple[str, list[int]]:
    """The sentence without its citation marks, and the passages they name, each once, in the order of the marks."""
    marks = [int(number) for mark in CITATION.findall(raw) for number in re.findall(r"\d+", mark)]
    text = _SPACE_BEFORE_STOP.sub(r"\1", re.sub(r"[ \t]+", " ", CITATION.sub("", raw))).strip()
    return re.sub(r"([.!?])\.+$", r"\1", text) if marks else text, list(dict.fromkeys(marks))


def makes_no_claim(text: str) -> bool:
    """Whether `text` holds nothing but pleasantries (language.json), or no words at all."""
    bare = " ".join(words(_LIST_MARK.sub("", text)))
    if not bare:
        return True
    parts = [" ".join(words(part)) for part in _JOINTS.split(text)]
    return all(any(pattern.fullmatch(part) for pattern in patterns("pleasantries")) for part in parts if part) or any(
        pattern.fullmatch(bare) for pattern in patterns("pleasantries")
    )


def rule_broken(
    sentence: str,
    views: Sequence[PassageView],
    found: Conflict,
    given: Sequence[str] = (),
    verified: Sequence[str] = (),
) -> str:
    """The reason of the first exact rule that `sentence` breaks, or ""; `found` is its conflict with the passages."""
    missing = unsupported_facts(sentence, [view.whole for view in views], given, verified)
    kinds = {fact.kind for fact in missing}
    if kinds == {"name"}:
        return "name"
    if kinds:
        return "number" if kinds - DATE_KINDS - {"name"} else "date"
    return "negation" if found else ""
