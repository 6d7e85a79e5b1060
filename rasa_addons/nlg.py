"""Response generation: domain templates filled with the brand, and the open answer from what was found.

Open questions are worded by the language model's server, where FRONTDESK_LLM_URL names one (`open_answer.py`); without
one, and wherever it fails, the best passage is quoted. Every message is marked with what a language model may read of
it later (`frontdesk.conversation_view`).
"""

from __future__ import annotations

import logging
import re
from typing import Any, Dict, List, Mapping, Optional, Sequence, Text, Tuple
from urllib.parse import urldefrag

from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from frontdesk.brand import load_brand
from frontdesk.conversation_view import LEFT_OUT, SHARED
from frontdesk.language_model import LanguageModelSettings
from frontdesk.metrics import FAILURES, OPEN_QUESTIONS
from llm_component.client import LlmClient
from rasa_addons.abstentions import Abstentions
from rasa_addons.action_failures import install_failure_replies
from rasa_addons.open_answer import OpenAnswer, ask, make_request, profile_of
from rasa_addons.rephrase import rephrased, wants_rephrasing
from rasa_addons.turn_stream import current_stream

logger = logging.getLogger(__name__)

OPEN_ANSWER = "utter_open_answer"
GENERATED_ANSWER = "utter_generated_answer"
GENERATED_ANSWER_SOURCES = "utter_generated_answer_sources"
ABSTAINED = "utter_abstained"
NO_ANSWER = "utter_no_answer"
DID_YOU_MEAN = "utter_did_you_mean"
TECHNICAL_PROBLEM = "utter_technical_problem"
PASSAGES_SLOT = "passages"
SUGGESTIONS_SLOT = "suggestions"
QUESTION = "question"
# In a response's metadata in domain.yml: its values come from catalogue or articles, never from an order or account.
PUBLIC_VALUES = "public_values"
_PLACEHOLDER = re.compile(r"\{(\w+)\}")

# A character of the private use area, which channels take out of what customers write.
_APART = "\ue000"


def _joined(value: Any) -> Any:
    """The value without the mark, however deep it stands in lists and dictionaries."""
    if isinstance(value, str):
        return value.replace(_APART, "")
    if isinstance(value, list):
        return [_joined(item) for item in value]
    if isinstance(value, dict):
        return {key: _joined(item) for key, item in value.items()}
    return value


class FrontdeskNLG(TemplatedNaturalLanguageGenerator):
    """Named in endpoints.yml as `nlg: {type: rasa_addons.nlg.FrontdeskNLG}`.

    Every response is a template of domain.yml. Brand values (`{shop_name}`, `{support_email}` ...) are known to all
    of them. `utter_open_answer` is made from the passages that `action_search_knowledge` put into a slot; with
    none, `utter_no_answer` goes out. An error here still gives the customer a sentence.
    """

    def __init__(
        self,
        endpoint_config: EndpointConfig,
        domain: Domain,
        client: Optional[Any] = None,
        abstentions: Optional[Abstentions] = None,
    ) -> None:
        """`client` and `abstentions` are for tests; otherwise FRONTDESK_LLM_URL says whether there is one.

        Raises:
            BrandError, LanguageModelSettingsError: with the field or the variable that is wrong.
        """
        super().__init__(domain.responses)
        self._abstentions = abstentions or Abstentions.from_environment()
        brand = load_brand()
        self._brand = brand.placeholders()
        self._settings = LanguageModelSettings.from_environment()
        if client is None and self._settings.url:
            client = LlmClient(self._settings.url, self._settings.secret)
        self._client = client
        self._profile = profile_of(brand, (self.sentence(NO_ANSWER) or {}).get("text", ""))
        install_failure_replies()

    async def generate(
        self,
        utter_action: Text,
        tracker: DialogueStateTracker,
        output_channel: Text,
        **kwargs: Any,
    ) -> Optional[Dict[Text, Any]]:
        try:
            if utter_action == OPEN_ANSWER:
                return await self._open_answer(tracker, output_channel, **kwargs)
            answer = await super().generate(utter_action, tracker, output_channel, **{**self._brand, **kwargs})
            if answer is None:
                raise LookupError(f"domain.yml has no response {utter_action}")
            if self._client is not None and self._settings.rephrase_seconds and wants_rephrasing(answer):
                events = [event.as_dict() for event in tracker.events]
                return await rephrased(answer, self._client, self._profile, events, self._settings.rephrase_seconds)
            return answer
        except Exception:
            logger.exception("response could not be generated", extra={"response": utter_action})
            FAILURES.labels(place="nlg", kind="generation").inc()
            return self.sentence(TECHNICAL_PROBLEM, output_channel)

    def _fill_response(
        self, response: Dict[Text, Any], filled_slots: Optional[Dict[Text, Any]] = None, **kwargs: Any
    ) -> Dict[Text, Any]:
        """Fills the placeholders. Where a value contains `0[`, Rasa leaves the whole response unfilled: kept apart."""
        shared = self._shared(response)
        values = {**(filled_slots or {}), **kwargs}
        apart = {
            key: value.replace("0[", f"0{_APART}[") if isinstance(value, str) else value
            for key, value in values.items()
        }
        filled: Dict[Text, Any] = _joined(super()._fill_response(response, apart))
        filled["metadata"] = {**(filled.get("metadata") or {}), SHARED: shared}
        return filled

    def _shared(self, response: Mapping[Text, Any]) -> Any:
        """What a language model may read of an unfilled response: all of it, or its text without the values."""
        if (response.get("metadata") or {}).get(PUBLIC_VALUES):
            return True
        text = response.get("text") or ""
        if all(name in self._brand for name in _PLACEHOLDER.findall(text)):
            return True
        return _PLACEHOLDER.sub(lambda match: self._brand.get(match[1], LEFT_OUT), text)

    def sentence(self, response: Text, output_channel: Text = "rest", **values: Any) -> Optional[Dict[Text, Any]]:
        """A response outside any conversation, for example from a channel that refuses a message."""
        return self.generate_from_slots(response, {}, output_channel, **{**self._brand, **values})

    async def _open_answer(
        self, tracker: DialogueStateTracker, output_channel: Text, **kwargs: Any
    ) -> Optional[Dict[Text, Any]]:
        # An action that searched itself hands its findings over; the slots hold those of `action_search_knowledge`.
        passages = kwargs.get(PASSAGES_SLOT, tracker.get_slot(PASSAGES_SLOT)) or []
        if not passages:
            OPEN_QUESTIONS.labels(outcome="not_answered").inc()
            suggestions = kwargs.get(SUGGESTIONS_SLOT, tracker.get_slot(SUGGESTIONS_SLOT)) or []
            answer = self.sentence(DID_YOU_MEAN if suggestions else NO_ANSWER, output_channel)
            if answer is not None:
                answer["buttons"] = [*suggestions, *answer.get("buttons", [])]
            return answer
        found = await self._asked(tracker, passages, kwargs.get(QUESTION))
        OPEN_QUESTIONS.labels(outcome=found.outcome if found else "quoted").inc()
        if found is None or found.outcome in ("failed", "client_gone"):
            return self._quotation(passages, passages[0]["quote"], passages[0], output_channel, found)
        if found.outcome == "quoted":
            best = passages[found.cited[0]] if found.cited else passages[0]
            return self._quotation([best], found.text or best["quote"], best, output_channel, found)
        if found.outcome == "abstained":
            nearest = passages[0]
            if self._abstentions is not None:
                self._abstentions.note(tracker.sender_id, nearest["title"])
            return _with_metadata(
                self.sentence(ABSTAINED, output_channel, title=nearest["title"], url=nearest["url"]), [], found
            )
        return self._generated(passages, found, output_channel)

    async def _asked(
        self, tracker: DialogueStateTracker, passages: Sequence[Mapping[Text, Any]], asked: Optional[Text]
    ) -> Optional[OpenAnswer]:
        """What the language model's server says; None where none is set, or where there are no words to ask about.

        `asked` is the part of the message that is the question, where an action has found it.
        """
        question = asked or (tracker.latest_message.text if tracker.latest_message else None) or ""
        seconds = self._settings.answer_seconds
        if self._client is None or not seconds or not question or question.startswith("/"):
            return None
        events = [event.as_dict() for event in tracker.events]
        slots = tracker.current_slot_values()
        request = make_request(question, events, slots, passages, self._profile, seconds)
        return await ask(self._client, request, seconds)

    def _quotation(
        self,
        sources: Sequence[Mapping[Text, Any]],
        quote: Text,
        best: Mapping[Text, Any],
        output_channel: Text,
        found: Optional[OpenAnswer],
    ) -> Optional[Dict[Text, Any]]:
        answer = self.sentence(OPEN_ANSWER, output_channel, quote=quote, title=best["title"], url=best["url"])
        named = [{"title": passage["title"], "url": passage["url"]} for passage in sources]
        return _with_metadata(answer, named, found)

    def _generated(
        self, passages: Sequence[Mapping[Text, Any]], found: OpenAnswer, output_channel: Text
    ) -> Optional[Dict[Text, Any]]:
        """The model's sentences with the articles that they rest on, numbered in the order of their mention.

        An article is named once, with the section that was cited first.
        """
        by_page: Dict[Tuple[Text, Text], Tuple[Text, Optional[Text]]] = {}
        for index in found.cited:
            title, url = passages[index]["title"], passages[index]["url"]
            by_page.setdefault((title, urldefrag(url or "").url), (title, url))
        articles = list(by_page.values())
        sources = [{"number": n, "title": title, "url": url} for n, (title, url) in enumerate(articles, start=1)]
        stream = current_stream()
        if stream is not None:
            stream.sources(sources)
        if not sources:
            return _with_metadata({"text": found.text}, sources, found)
        *before, last = [f"[{title}]({url})" for title, url in articles]
        named = f"{', '.join(before)} and {last}" if before else last
        template = GENERATED_ANSWER_SOURCES if before else GENERATED_ANSWER
        answer = self.sentence(template, output_channel, answer=found.text, sources=named)
        return _with_metadata(answer, sources, found)


def _with_metadata(
    answer: Optional[Dict[Text, Any]], sources: List[Dict[Text, Any]], found: Optional[OpenAnswer]
) -> Optional[Dict[Text, Any]]:
    """`answer` with its sources and how it came about; it holds nothing but articles, so a model may read it."""
    if answer is not None:
        metadata: Dict[Text, Any] = {"sources": sources, SHARED: True}
        if found is not None:
            metadata["answer"] = {"verdict": found.outcome, "model": found.model, "seconds": found.seconds}
        answer["metadata"] = metadata
    return answer
