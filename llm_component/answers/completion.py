"""A prompt that fits and a whole completion within a deadline, where a failure is a reason and no exception."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from llm_component.answers.abstention import Repetitions
from llm_component.answers.deadline import Clock, Deadline, DeadlinePassed, Sleep
from llm_component.answers.visible import visible
from llm_component.checks.sentences import CITATION, SentenceSplitter
from llm_component.engines.interface import (
    DeadlineExceeded,
    Engine,
    EngineError,
    GenerationRequest,
    Piece,
    RequestRefused,
    Sampling,
    complete,
)
from llm_component.metrics import FAILURES
from llm_component.prompts.fitting import fitted
from llm_component.prompts.retelling import RetellingPrompt

log = logging.getLogger(__name__)
_SPACE_BEFORE_STOP = re.compile(r"[ \t]+([.,;:!?])")


async def prepared(make: Callable[[], RetellingPrompt], place: str) -> tuple[RetellingPrompt | None, str]:
    """The prompt that `make`, which may block, gives; None and why where there is none, which is counted at `place`."""
    try:
        return await fitted(make), ""
    except RequestRefused as error:
        log.info("no prompt", extra={"place": place, "problem": str(error)})
        reason = "no_room"
    except EngineError as error:  # an engine that is not there cannot count tokens either
        reason = error.kind
    FAILURES.labels(place, reason).inc()
    return None, reason


@dataclass(frozen=True)
class Completed:
    """What came of it: the text, empty where `reason` says why there is none."""

    text: str
    reason: str = ""


async def completed(
    engine: Engine,
    prompt: RetellingPrompt,
    *,
    place: str,
    stop: tuple[str, ...],
    seconds: float,
    copied: tuple[str, ...],
    clock: Clock,
    sleep: Sleep,
) -> Completed:
    """The whole sentences of a completion, each once and without citation marks; never raises for an engine's failure.

    Args:
        place: the label under which failures are counted.
        seconds: time from now on.
        copied: texts that the completion will mostly repeat.
    """
    at = clock() + seconds
    request = GenerationRequest(
        prompt.messages,
        Sampling(max_tokens=prompt.output_tokens, temperature=0.0, stop=stop),
        deadline=at,
        passages=copied,
        grounding=prompt.grounding,
    )
    deadline = Deadline(at, clock, sleep)
    task = asyncio.ensure_future(complete(engine, request))
    reason = ""
    piece = Piece("")
    try:
        piece = await deadline.wait(task)
    except (DeadlinePassed, DeadlineExceeded):
        reason = "deadline"
    except EngineError as error:
        reason = error.kind
    except Exception as error:  # an engine's defect costs this text, not the request
        log.error("engine broke down", extra={"type": type(error).__name__})
        log.debug("engine broke down", exc_info=error)
        reason = EngineError.kind
    finally:
        deadline.close()
        task.cancel()
        task.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    if reason:
        FAILURES.labels(place, reason).inc()
        return Completed("", reason)
    text = _whole_sentences(piece)
    if text:
        return Completed(text)
    return Completed("", "empty" if piece.finish_reason == "stop" else piece.finish_reason or "empty")


def _whole_sentences(piece: Piece) -> str:
    splitter = SentenceSplitter()
    sentences = splitter.feed(visible(piece.text))
    rest = splitter.finish()
    # What a limit cut off may look whole and not be: "It costs £4." of "It costs £4.95."
    sentences += rest if piece.finish_reason == "stop" else rest[:-1]
    repetitions = Repetitions()
    parts: list[str] = []
    for joint, sentence in sentences:
        bare = _SPACE_BEFORE_STOP.sub(r"\1", CITATION.sub("", sentence)).strip()
        if bare and not repetitions.again(bare):
            parts.append((joint or " ") + bare if parts else bare)
    return "".join(parts)
