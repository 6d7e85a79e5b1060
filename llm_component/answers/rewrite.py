"""A follow-up made into a question that stands alone; it stays as it is where the model adds or loses anything."""

from __future__ import annotations

import asyncio
import logging
import re
import time

from llm_component.answers.completion import completed, prepared
from llm_component.answers.deadline import Clock, Sleep
from llm_component.answers.known_words import known_share
from llm_component.checks.facts import added_facts, missing_facts
from llm_component.checks.leaks import LeakDetector
from llm_component.checks.polarity import conflict
from llm_component.engines.interface import Engine
from llm_component.metrics import FAILURES
from llm_component.prompts.grounded import grounded_rewrite
from llm_component.prompts.hygiene import data, data_line
from llm_component.prompts.retelling import RetellingPrompt, fit_rewrite
from llm_component.protocol import Rewrite, RewriteRequest

log = logging.getLogger(__name__)
PLACE = "rewrites"
STOP = ("<conversation", "<question", "\nCustomer:", "\nShop:")
MOST_CHARACTERS = 400
LEAST_SHARE = 0.6  # of the new question's content words: those that the conversation or the old question has
LEAST_KEPT = 0.34  # of the old question's content words: those that the new one has; "it" and "there" are none
_LABEL = re.compile(r"\A\s*(?:rewritten(?: (?:message|question))?|question)\s*:\s*", re.I)


async def rewrite(
    engine: Engine | None,
    request: RewriteRequest,
    *,
    clock: Clock = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> Rewrite:
    """Makes the question whole by the deadline; returns it as it is where there is nothing before it, where the model
    cannot, or where the new question fails a check. Never raises for a failure of the engine.
    """
    text, reason = await _generated(engine, request, clock, sleep)
    log.info("rewritten" if text else "not rewritten", extra={"reason": reason, "turns": len(request.history)})
    if not text:
        return Rewrite(request.question, changed=False, reason=reason)
    return Rewrite(text, changed=True)


async def _generated(engine: Engine | None, request: RewriteRequest, clock: Clock, sleep: Sleep) -> tuple[str, str]:
    """The new question, or why there is none."""
    if engine is None:
        return "", "no_model"
    if not any(data_line(turn.content) for turn in request.history):
        return "", "no_history"
    arrived = clock()
    prompt, reason = await prepared(
        lambda: (
            grounded_rewrite(request)
            if engine.prompt_style == "compact"
            else fit_rewrite(request, engine.count_tokens, engine.context_tokens)
        ),
        PLACE,
    )
    if prompt is None:
        return "", reason
    done = await completed(
        engine,
        prompt,
        place=PLACE,
        stop=STOP,
        seconds=request.deadline_seconds - (clock() - arrived),
        copied=(request.question,),
        clock=clock,
        sleep=sleep,
    )
    if done.reason:
        return "", done.reason
    text = " ".join(_LABEL.sub("", done.text).split())
    if text.casefold() == data_line(request.question).casefold():
        return "", "same"
    problem = _problem(text, request, prompt)
    if problem:
        FAILURES.labels(PLACE, problem).inc()
        log.debug("rewrite held back", extra={"reason": problem, "text": text})
        return "", problem
    return text, ""


def _problem(text: str, request: RewriteRequest, prompt: RetellingPrompt) -> str:
    """Why `text` may not stand for the question, or ""."""
    old = data(request.question)
    if not text or len(text) > max(MOST_CHARACTERS, 2 * len(old)):
        return "length"
    source = "\n".join([*(data(turn.content) for turn in request.history), old])
    if missing_facts(old, text):
        return "missing_facts"
    if added_facts(source, text):
        return "added_facts"
    if conflict(text, [old]).negation:
        return "negation"
    if LeakDetector(prompt.system, [source]).leaks(text):
        return "leak"
    if known_share(text, source) < LEAST_SHARE:
        return "added_claim"
    if known_share(old, text) < LEAST_KEPT:
        return "other_question"
    return ""
