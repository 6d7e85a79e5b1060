"""Response generation: domain templates filled with the brand, and the open answer from what was found."""

from __future__ import annotations

import logging
from typing import Any, Dict, Optional, Text

from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from frontdesk.brand import load_brand
from frontdesk.metrics import FAILURES, OPEN_QUESTIONS
from rasa_addons.action_failures import install_failure_replies

logger = logging.getLogger(__name__)

OPEN_ANSWER = "utter_open_answer"
NO_ANSWER = "utter_no_answer"
DID_YOU_MEAN = "utter_did_you_mean"
TECHNICAL_PROBLEM = "utter_technical_problem"
PASSAGES_SLOT = "passages"
SUGGESTIONS_SLOT = "suggestions"


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

    def __init__(self, endpoint_config: EndpointConfig, domain: Domain) -> None:
        super().__init__(domain.responses)
        self._brand = load_brand().placeholders()
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
                return self._open_answer(tracker, output_channel, **kwargs)
            answer = await super().generate(utter_action, tracker, output_channel, **{**self._brand, **kwargs})
            if answer is None:
                raise LookupError(f"domain.yml has no response {utter_action}")
            return answer
        except Exception:
            logger.exception("response could not be generated", extra={"response": utter_action})
            FAILURES.labels(place="nlg", kind="generation").inc()
            return self.sentence(TECHNICAL_PROBLEM, output_channel)

    def _fill_response(
        self, response: Dict[Text, Any], filled_slots: Optional[Dict[Text, Any]] = None, **kwargs: Any
    ) -> Dict[Text, Any]:
        """Fills the placeholders. Where a value contains `0[`, Rasa leaves the whole response unfilled: kept apart."""
        values = {**(filled_slots or {}), **kwargs}
        apart = {
            key: value.replace("0[", f"0{_APART}[") if isinstance(value, str) else value
            for key, value in values.items()
        }
        filled: Dict[Text, Any] = _joined(super()._fill_response(response, apart))
        return filled

    def sentence(self, response: Text, output_channel: Text = "rest", **values: Any) -> Optional[Dict[Text, Any]]:
        """A response outside any conversation, for example from a channel that refuses a message."""
        return self.generate_from_slots(response, {}, output_channel, **{**self._brand, **values})

    def _open_answer(
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
        OPEN_QUESTIONS.labels(outcome="answered").inc()
        best = passages[0]
        answer = self.sentence(OPEN_ANSWER, output_channel, quote=best["quote"], title=best["title"], url=best["url"])
        if answer is not None:
            answer["metadata"] = {
                "sources": [{"title": passage["title"], "url": passage["url"]} for passage in passages]
            }
        return answer
