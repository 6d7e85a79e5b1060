"""The summary of a conversation for the colleague who takes it over: generated, checked, or the fallback."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Sequence

from llm_component.answers.completion import completed, prepared
from llm_component.answers.deadline import Clock, Sleep
from llm_component.answers.known_words import known_share
from llm_component.checks.facts import added_facts
from llm_component.checks.language import content_keys
from llm_component.checks.leaks import LeakDetector
from llm_component.checks.polarity import conflict
from llm_component.checks.private import unexpected_items
from llm_component.checks.sentences import split_sentences
from llm_component.engines.interface import Engine
from llm_component.metrics import FAILURES
from llm_component.prompts.grounded import grounded_summary
from llm_component.prompts.hygiene import data
from llm_component.prompts.retelling import RetellingPrompt, fit_summary
from llm_component.protocol import Summary, SummaryRequest, Turn

log = logging.getLogger(__name__)
PLACE = "summaries"
STOP = ("<conversation", "<facts", "\nCustomer:", "\nShop:")
LEAST_CHARACTERS, MOST_CHARACTERS, MOST_SENTENCES = 20, 900, 7

LEAST_SHARE = 0.34  # of a sentence's content words; the rest may be the reporter's own
_REPORTING = frozenset(
    content_keys(
        "customer colleague shop agent assistant person conversation says said asks asked wants wanted requests "
        "requested reports reported tells told explains mentions confirms confirmed offered suggested tried checked "
        "already so far still open question issue problem regarding concerning because after also now"
    )
)

_ORDER_NUMBER = re.compile(
    r"\border(?:\s+(?:number|no\.?|ref(?:erence)?|id))?\s*(?:is|was|:|=|-)?\s*#?\s*(\d{3,12})\b|#\s?(\d{3,12})\b", re.I
)
_ASKED_FOR_ORDER = re.compile(r"\border\s+(?:number|no\b|ref)", re.I)
_BARE_NUMBER = re.compile(r"\W*(?:it'?s\s+|it is\s+)?#?(\d{3,12})\W*\Z", re.I)
_LABEL = re.compile(r"\A\s*(?:summary(?: for the colleague)?)\s*:\s*", re.I)


async def summarise(
    engine: Engine | None,
    request: SummaryRequest,
    *,
    clock: Clock = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> Summary:
    """Sums the conversation up by the deadline; returns the request's fallback where the model cannot or where its
    text fails a check. Never raises for a failure of the engine.
    """
    text, reason = await _generated(engine, request, clock, sleep)
    if engine is None or not text:
        log.info("summary not generated", extra={"reason": reason, "turns": len(request.turns)})
        return Summary(request.fallback, generated=False, reason=reason)
    log.info("summary generated", extra={"turns": len(request.turns), "characters": len(text)})
    return Summary(text, generated=True, model=engine.model_name)


async def _generated(engine: Engine | None, request: SummaryRequest, clock: Clock, sleep: Sleep) -> tuple[str, str]:
    """The text, or why there is none."""
    if engine is None:
        return "", "no_model"
    arrived = clock()
    prompt, reason = await prepared(
        lambda: (
            grounded_summary(request)
            if engine.prompt_style == "compact"
            else fit_summary(request, engine.count_tokens, engine.context_tokens)
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
        copied=(prompt.messages[-1].content,),
        clock=clock,
        sleep=sleep,
    )
    if done.reason:
        return "", done.reason
    text = " ".join(_LABEL.sub("", done.text).split())
    problem = await asyncio.to_thread(_problem, text, request, prompt)
    if problem:
        FAILURES.labels(PLACE, problem).inc()
        log.debug("summary held back", extra={"reason": problem, "text": text})
        return "", problem
    return text, ""


def order_numbers(turns: Sequence[Turn], facts: dict[str, str]) -> set[str]:
    """The order numbers that a conversation names: behind "order" or "#", as the bare reply to the question for one,
    and in facts whose name speaks of an order.
    """
    found: set[str] = set()
    asked = False
    for turn in turns:
        text = data(turn.content)
        found.update(number for pair in _ORDER_NUMBER.findall(text) for number in pair if number)
        bare = _BARE_NUMBER.match(text)
        if asked and turn.role == "user" and bare:
            found.add(bare[1])
        asked = turn.role == "assistant" and _ASKED_FOR_ORDER.search(text) is not None
    for name, value in facts.items():
        if "order" in name.casefold():
            found.update(re.findall(r"\b\d{3,12}\b", value))
    return found


def _problem(text: str, request: SummaryRequest, prompt: RetellingPrompt) -> str:
    """Why `text` may not stand for the conversation, or ""."""
    if len(text) < LEAST_CHARACTERS:
        return "too_short"
    sentences = split_sentences(text)
    if len(text) > MOST_CHARACTERS or len(sentences) > MOST_SENTENCES:
        return "too_long"
    said = [data(turn.content) for turn in request.turns]
    known = [f"{data(name)}: {data(value)}" for name, value in request.facts.items()]
    shop = [request.profile.shop_name] if request.profile is not None else []
    source = "\n".join([*said, *known, *shop])
    numbers = set(re.findall(r"\d+", text))
    if not order_numbers(request.turns, request.facts) <= numbers:
        return "missing_order_number"
    if unexpected_items(text, [source]):
        return "personal_data"
    if added_facts(source, text):
        return "added_facts"
    leaks = LeakDetector(prompt.system, [source])
    if any(leaks.leaks(sentence) for sentence in sentences):
        return "leak"
    grounds = [sentence for each in [*said, *known] for sentence in split_sentences(each)]
    if any(conflict(sentence, grounds).negation for sentence in sentences):
        return "negation"
    if any(known_share(sentence, source, _REPORTING) < LEAST_SHARE for sentence in sentences):
        return "added_claim"
    return ""
