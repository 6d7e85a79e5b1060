"""Asks the language model's server for the answer to an open question, and settles what the customer gets of it.

Sentences go to the turn's stream as they come; each has passed the server's checks. Whatever happens, the wait ends at
the deadline, and what was streamed is never contradicted by the whole message that follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from dataclasses import dataclass, field
from typing import Any, AsyncGenerator, Dict, List, Literal, Mapping, Optional, Protocol, Sequence, Text, Union

from frontdesk.brand import Brand
from frontdesk.conversation_view import forms_run, shared_turns, without_personal_data
from frontdesk.language_model import abandon, client_deadline, failure_kind
from frontdesk.logs import turn_id
from frontdesk.metrics import FAILURES
from llm_component.protocol import Answer, AnswerRequest, Passage, Profile, Sentence, Turn
from rasa_addons.turn_stream import TurnStream, current_stream

logger = logging.getLogger(__name__)

LONGEST_FACT = 200
# What customers said of their matter, by slot, in words. Nothing here is read from the shop's data.
FACTS = {
    "category": "kind of product",
    "brand_wanted": "brand wanted",
    "budget": "budget",
    "need": "what matters",
    "return_reason": "reason given",
    "wish": "wish",
}
DEADLINE = "deadline"
CLIENT_GONE = "client_gone"

Outcome = Literal["answered", "partial", "abstained", "quoted", "cut_short", "failed", "client_gone"]


class AnswersQuestions(Protocol):
    """The part of `llm_component.client.LlmClient` that is used here."""

    def answer_stream(
        self, request: AnswerRequest, turn_id: Optional[str] = None
    ) -> AsyncGenerator[Union[Sentence, Answer], None]:
        """Sentences as they pass the checks, then the whole answer."""


@dataclass(frozen=True)
class OpenAnswer:
    """What came of a question. `cited` are indices of passages, in the order of their first mention.

    `answered`, `partial`, `cut_short`: `text` is the answer. `quoted`: `text` is the passage's words. `abstained`:
    no passage answers it. `failed`, `client_gone`: there is nothing; the best passage has to do.
    """

    outcome: Outcome
    text: Text = ""
    cited: List[int] = field(default_factory=list)
    model: Text = ""
    seconds: float = 0.0
    reason: Text = ""


class _Draft:
    """The sentences that the customer may have seen."""

    def __init__(self, stream: Optional[TurnStream]) -> None:
        self.sentences: List[Sentence] = []
        self._stream = stream
        self._ended = False

    def add(self, sentence: Sentence) -> None:
        """Keeps a sentence and shows it; after `end` it is too late for either."""
        if self._ended:
            return
        if self._stream is not None:
            if not self.sentences:
                self._stream.status("writing")
            self._stream.token(sentence.joint + sentence.text if self.sentences else sentence.text)
        self.sentences.append(sentence)

    def end(self) -> None:
        """From now on nothing is added."""
        self._ended = True

    @property
    def text(self) -> Text:
        return _joined(self.sentences)


def _joined(sentences: Sequence[Sentence]) -> Text:
    rest = "".join(sentence.joint + sentence.text for sentence in sentences[1:])
    return (sentences[0].text + rest).strip() if sentences else ""


async def ask(client: AnswersQuestions, request: AnswerRequest, seconds: float) -> OpenAnswer:
    """The answer to `request`, `seconds` after the call at the latest; never raises but for its own cancellation.

    If the turn's client goes away, generation is given up.
    """
    stream = current_stream()
    draft = _Draft(stream)
    asking = asyncio.ensure_future(_read(client, request, draft))
    leaving = asyncio.ensure_future(stream.wait_closed()) if stream is not None else None
    waited = [task for task in (asking, leaving) if task is not None]
    try:
        await asyncio.wait(waited, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        answer, reason = _came_of(asking, stream)
    finally:
        draft.end()
        for task in waited:
            abandon(task)
    if answer is not None:
        return _settled(answer, draft, request)
    if reason != CLIENT_GONE:
        FAILURES.labels(place="llm", kind=reason).inc()
        logger.warning("language model did not answer", extra={"kind": reason, "sentences": len(draft.sentences)})
    if draft.sentences:
        return OpenAnswer("cut_short", draft.text, _cited(draft.sentences, request), reason=reason)
    return OpenAnswer("client_gone" if reason == CLIENT_GONE else "failed", reason=reason)


async def _read(client: AnswersQuestions, request: AnswerRequest, draft: _Draft) -> Answer:
    async with contextlib.aclosing(client.answer_stream(request, turn_id.get())) as parts:
        async for part in parts:
            if isinstance(part, Sentence):
                draft.add(part)
            else:
                return part
    raise EOFError("the stream ended without an answer")


def _came_of(asking: asyncio.Future[Answer], stream: Optional[TurnStream]) -> tuple[Optional[Answer], Text]:
    """The answer, or why there is none."""
    if not asking.done():
        return None, CLIENT_GONE if stream is not None and stream.closed else DEADLINE
    if asking.cancelled():
        return None, "cancelled"
    error = asking.exception()
    if error is None:
        return asking.result(), ""
    logger.info("language model refused or failed", extra={"error": str(error), "error_type": type(error).__name__})
    return None, failure_kind(error)


def _settled(answer: Answer, draft: _Draft, request: AnswerRequest) -> OpenAnswer:
    """What the customer gets. Sentences that they have seen stay, whatever the verdict says in the end."""
    shown, whole = draft.text, answer.text.strip()

    def came(outcome: Outcome, text: Text, cited: List[int], reason: Text = answer.reason) -> OpenAnswer:
        return OpenAnswer(outcome, text, cited, answer.model, answer.seconds, reason)

    if answer.verdict == "quoted" and shown in ("", whole):
        cited = _indices(answer.citations, request) or _cited(draft.sentences, request)
        return came("quoted", whole, cited[:1])
    if answer.verdict == "abstained" and shown in ("", whole):
        return came("abstained", whole, [])
    if answer.verdict in ("answered", "partial") and whole and whole.startswith(shown):
        cited = _cited(answer.sentences or draft.sentences, request) or _indices(answer.citations, request)
        return came("answered" if answer.verdict == "answered" else "partial", whole, cited)
    if shown:
        logger.warning("an answer contradicts its sentences", extra={"verdict": answer.verdict})
        return came("partial", shown, _cited(draft.sentences, request))
    FAILURES.labels(place="llm", kind="empty_answer").inc()
    logger.warning("an answer was empty", extra={"verdict": answer.verdict})
    return came("failed", "", [], "empty_answer")


def _cited(sentences: Sequence[Sentence], request: AnswerRequest) -> List[int]:
    return _indices([number for sentence in sentences for number in sentence.citations], request)


def _indices(numbers: Sequence[int], request: AnswerRequest) -> List[int]:
    """Numbers of passages, counted from 1, as indices: each once, none that is not there."""
    return [number - 1 for number in dict.fromkeys(numbers) if 0 < number <= len(request.passages)]


def make_request(
    question: Text,
    events: Sequence[Mapping[Text, Any]],
    slots: Mapping[Text, Any],
    passages: Sequence[Mapping[Text, Any]],
    profile: Profile,
    seconds: float,
) -> AnswerRequest:
    """All that an answer may rest on, without customers' data (`frontdesk.conversation_view`).

    Args:
        events: of the conversation, the question's own included.
        passages: as `action_search_knowledge` found them, best first.
        seconds: the customer's deadline; the server gets a little less.
    """
    asked_at = max((index for index, event in enumerate(events) if event.get("event") == "user"), default=len(events))
    return AnswerRequest(
        question=without_personal_data(question),
        profile=profile,
        passages=[
            Passage(
                title=passage["title"],
                text=passage["text"],
                url=passage["url"],
                heading=passage.get("heading") or "",
                quote=passage.get("quote") or "",
                similarity=float(passage.get("similarity") or 0.0),
            )
            for passage in passages
        ],
        history=[Turn(role=role, content=text) for role, text in shared_turns(events[:asked_at])],
        facts=known_facts(events, slots),
        knowledge_version=knowledge_version(passages),
        deadline_seconds=client_deadline(seconds),
        stream=True,
    )


def known_facts(events: Sequence[Mapping[Text, Any]], slots: Mapping[Text, Any]) -> Dict[Text, Text]:
    """What the customer said of the matter, and what was tried, in words."""
    facts = {
        words: without_personal_data(str(slots[slot]).replace("-", " "))[:LONGEST_FACT]
        for slot, words in FACTS.items()
        if slots.get(slot)
    }
    number = slots.get("order_number")
    # An action may have filled it from the account: only a number that the customer named is passed on.
    if number and any(str(number) in (e.get("text") or "") for e in events if e.get("event") == "user"):
        facts["order number"] = str(number)
    tried = [name.removesuffix("_form").replace("_", " ") for name in forms_run(events)]
    if tried:
        facts["tried"] = ", ".join(tried)
    return facts


def knowledge_version(passages: Sequence[Mapping[Text, Any]]) -> Text:
    """Names what the answer rests on: equal passages, equal version, whatever else of the articles has changed."""
    digest = hashlib.sha256()
    for passage in passages:
        for part in (passage["title"], passage["url"], passage["text"]):
            digest.update(str(part).encode() + b"\0")
    return digest.hexdigest()[:16]


def profile_of(brand: Brand, abstention: Text) -> Profile:
    """The shop as the language model's server knows it; `abstention` is the sentence that it doesn't know."""
    return Profile(
        shop_name=brand.name,
        abstention=abstention,
        tone=brand.tone,
        language=brand.language,
        support_contact=f"{brand.support_email}, {brand.support_phone} ({brand.hours.text})",
    )
