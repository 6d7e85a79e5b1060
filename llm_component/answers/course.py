"""How one answer goes: what was asked and shown, what the engine is asked for, and the log line at its end."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from llm_component.engines.interface import GenerationRequest, Sampling
from llm_component.prompts.builder import AnswerPrompt
from llm_component.prompts.hygiene import data
from llm_component.protocol import Answer, AnswerRequest, Dropped, Sentence, TokenUsage

log = logging.getLogger(__name__)

# A model that starts to write the prompt's own parts has ended its answer. OpenAI's API takes at most four.
STOP = ("<question", "<passages", "\nCustomer:", "\nQuestion:")
MOST_COPIED = 20_000  # characters of a passage that the engine may guess from
# The engine's deadline lies before the answer's, so that the last sentences can still be checked.
CHECK_SHARE, MOST_CHECK_SECONDS = 0.1, 0.3


@dataclass
class Course:
    """How one answer has gone so far. Times are of the pipeline's clock."""

    request: AnswerRequest
    request_id: str
    arrived: float
    sentences: list[Sentence] = field(default_factory=list)
    first_sentence_at: float | None = None
    first_token_at: float | None = None
    dropped: list[Dropped] = field(default_factory=list)
    usage: TokenUsage = field(default_factory=TokenUsage)
    model: str = ""

    @property
    def deadline(self) -> float:
        return self.arrived + self.request.deadline_seconds


def generation_request(course: Course, prompt: AnswerPrompt) -> GenerationRequest:
    """What the engine is asked for, with a deadline that leaves time for the last checks."""
    request = course.request
    margin = min(MOST_CHECK_SECONDS, CHECK_SHARE * request.deadline_seconds)
    return GenerationRequest(
        messages=prompt.messages,
        sampling=Sampling(max_tokens=prompt.output_tokens, temperature=0.0, stop=STOP),
        deadline=course.deadline - margin,
        request_id=course.request_id,
        passages=tuple(data(request.passages[number - 1].text[:MOST_COPIED]) for number in prompt.passages),
        adapter=request.adapter,
        grounding=prompt.grounding,
    )


def log_answer(course: Course, answer: Answer) -> None:
    """One line about an answer, without a customer's words."""
    dropped: dict[str, int] = {}
    for each in answer.dropped:
        dropped[each.reason] = dropped.get(each.reason, 0) + 1
    log.info(
        "answered",
        extra={
            "request": course.request_id,
            "verdict": answer.verdict,
            "reason": answer.reason,
            "passages": len(course.request.passages),
            "sentences": len(answer.sentences),
            "dropped": dropped,
            "cached": answer.cached,
            "seconds": round(answer.seconds, 3),
        },
    )
