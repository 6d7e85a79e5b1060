"""A template's text in words that fit the conversation; it stays as it is where a fact, link or "not" would be lost."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from typing import Protocol

import numpy as np

from llm_component.answers.completion import completed, prepared
from llm_component.answers.deadline import Clock, Sleep
from llm_component.answers.known_words import known_share
from llm_component.checks.facts import added_facts, missing_facts
from llm_component.checks.gate import makes_no_claim
from llm_component.checks.language import word_set, words
from llm_component.checks.leaks import LeakDetector
from llm_component.checks.polarity import conflict, cues
from llm_component.checks.sentences import split_sentences
from llm_component.engines.interface import Engine
from llm_component.metrics import FAILURES
from llm_component.prompts.retelling import RetellingPrompt, fit_rephrasing
from llm_component.protocol import RephraseRequest, Rephrasing

log = logging.getLogger(__name__)
PLACE = "rephrasings"
STOP = ("<message", "</message", "<conversation", "\nCustomer:")
LEAST_LENGTH, MOST_LENGTH, SPARE_CHARACTERS = 0.5, 1.6, 40  # times the message's length, and some for short ones
# Of a new sentence, pleasantries apart: the share of its content words that the message has, and, with an encoder,
# the cosine with the nearest sentence of the message.
LEAST_SHARE = 0.4
LEAST_SIMILARITY = 0.5

# What must stand in both texts letter for letter: addresses, placeholders that are filled later, Markdown links.
_VERBATIM = re.compile(
    r"https?://[^\s)\]>]+|www\.[^\s)\]>]+|[\w.+-]+@[\w-]+\.[\w.-]*\w|\{\w+\}|\[[^\]\n]+\]\([^)\n]+\)"
)
_CUES = ("conditions", "obligation")
_LABEL = re.compile(r"\A\s*(?:new |reworded )?message\s*:\s*", re.I)


class Encoder(Protocol):
    """Turns texts into normalised vectors; see `llm_component.encoder.SentenceEncoder`."""

    def encode(self, texts: list[str]) -> np.ndarray:
        """`(n, dimension)`. Blocking."""


async def rephrase(
    engine: Engine | None,
    request: RephraseRequest,
    *,
    encoder: Encoder | None = None,
    clock: Clock = time.monotonic,
    sleep: Sleep = asyncio.sleep,
) -> Rephrasing:
    """Rewords the message by the deadline; returns it as it is where the model cannot or where the new text fails a
    check. Never raises for a failure of the engine. With an `encoder` the meaning is compared too.
    """
    text, reason = await _generated(engine, request, encoder, clock, sleep)
    log.info("rephrased" if text else "not rephrased", extra={"reason": reason, "turns": len(request.history)})
    if not text:
        return Rephrasing(request.text, changed=False, reason=reason)
    return Rephrasing(text, changed=True)


async def _generated(
    engine: Engine | None, request: RephraseRequest, encoder: Encoder | None, clock: Clock, sleep: Sleep
) -> tuple[str, str]:
    """The new text, or why there is none."""
    if engine is None:
        return "", "no_model"
    if engine.prompt_style == "compact":  # it was trained on answers, summaries and questions
        return "", "not_supported"
    arrived = clock()
    prompt, reason = await prepared(lambda: fit_rephrasing(request, engine.count_tokens, engine.context_tokens), PLACE)
    if prompt is None:
        return "", reason
    done = await completed(
        engine,
        prompt,
        place=PLACE,
        stop=STOP,
        seconds=request.deadline_seconds - (clock() - arrived),
        copied=(request.text,),
        clock=clock,
        sleep=sleep,
    )
    if done.reason:
        return "", done.reason
    text = _LABEL.sub("", done.text).strip()
    if text == request.text.strip():
        return "", "same"
    problem = await asyncio.to_thread(_problem, text, request, prompt, encoder)
    if problem:
        FAILURES.labels(PLACE, problem).inc()
        log.debug("rephrasing held back", extra={"reason": problem, "text": text})
        return "", problem
    return text, ""


def _problem(text: str, request: RephraseRequest, prompt: RetellingPrompt, encoder: Encoder | None) -> str:
    """Why `text` does not say the same as the message, or ""."""
    old = request.text
    if not LEAST_LENGTH * len(old) - SPARE_CHARACTERS <= len(text) <= MOST_LENGTH * len(old) + SPARE_CHARACTERS:
        return "length"
    if Counter(_VERBATIM.findall(old)) != Counter(_VERBATIM.findall(text)):
        return "link"
    if missing_facts(old, text):
        return "missing_facts"
    if added_facts(old, text):
        return "added_facts"
    if ("?" in old) != ("?" in text):
        return "question"
    if _negations(old) != _negations(text) or any(cues(old, name) != cues(text, name) for name in _CUES):
        return "negation"
    sentences, grounds = split_sentences(text), split_sentences(old)
    for sentence in sentences:
        found = conflict(sentence, grounds)
        if found.negation or found.opposite or found.bound:
            return "negation"
    leaks = LeakDetector(prompt.system, [old])
    if any(leaks.leaks(sentence) for sentence in sentences):
        return "leak"
    claims = [sentence for sentence in sentences if not makes_no_claim(sentence)]
    if any(known_share(sentence, old) < LEAST_SHARE for sentence in claims):
        return "added_claim"
    if encoder is not None and claims:
        vectors = encoder.encode([*grounds, *claims])
        cosines = vectors[len(grounds) :] @ vectors[: len(grounds)].T  # (claims, grounds)
        if float(cosines.max(axis=1).min()) < LEAST_SIMILARITY:
            return "added_claim"
    return ""


def _negations(text: str) -> int:
    return sum(word in word_set("negators") or word.endswith("n't") for word in words(text))
