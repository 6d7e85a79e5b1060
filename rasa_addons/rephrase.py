"""Says a finished response in words that fit the conversation, if the domain asks for it and nothing is lost.

A response of domain.yml with `metadata: {rephrase: true}` is sent, filled in, to the language model's server, which
checks that every fact and number of it survives. Links are checked here; buttons and all else stay as they are. In
any doubt, and after the deadline, the response goes out as the domain has it.
"""

from __future__ import annotations

import logging
import re
from typing import Any, Coroutine, Dict, Literal, Mapping, Optional, Protocol, Sequence, Text

from frontdesk.conversation_view import shared_turns
from frontdesk.language_model import client_deadline, failure_kind, within
from frontdesk.logs import turn_id
from frontdesk.metrics import FAILURES, REPHRASED
from llm_component.protocol import Profile, RephraseRequest, Rephrasing, Turn

logger = logging.getLogger(__name__)

REPHRASE = "rephrase"
# `[words](address)` as a whole, since the words say where the address leads; and bare addresses.
_LINK = re.compile(r"\[[^\[\]]+\]\([^()\s]+\)|https?://[^\s)\]]+|[^\s@()]+@[^\s@()]+\.\w+")


class Rephrases(Protocol):
    """The part of `llm_component.client.LlmClient` that is used here."""

    def rephrase(self, request: RephraseRequest, turn_id: Optional[str] = None) -> Coroutine[Any, Any, Rephrasing]:
        """The text in other words, or as it was."""


def wants_rephrasing(response: Mapping[Text, Any]) -> bool:
    """Whether the domain asks for this response to be rephrased."""
    return (response.get("metadata") or {}).get(REPHRASE) is True and bool(response.get("text"))


async def rephrased(
    response: Dict[Text, Any],
    client: Rephrases,
    profile: Profile,
    events: Sequence[Mapping[Text, Any]],
    seconds: float,
) -> Dict[Text, Any]:
    """`response` with its text in other words, or `response` itself; never later than `seconds` from now."""
    text = response["text"]
    request = RephraseRequest(
        text=text,
        profile=profile,
        history=[Turn(role=role, content=words) for role, words in shared_turns(events)],
        deadline_seconds=client_deadline(seconds),
    )
    try:
        result = await within(seconds, client.rephrase(request, turn_id.get()))
    except Exception as error:  # noqa: BLE001 (whatever it is, the response goes out as it is)
        kind = failure_kind(error)
        FAILURES.labels(place="llm", kind=kind).inc()
        REPHRASED.labels(outcome="failed").inc()
        logger.warning("language model did not rephrase", extra={"kind": kind, "error": str(error)})
        return response
    outcome = _outcome(result, text)
    REPHRASED.labels(outcome=outcome).inc()
    return {**response, "text": result.text.strip()} if outcome == "rephrased" else response


def _outcome(result: Rephrasing, text: Text) -> Literal["rephrased", "unchanged", "link_changed"]:
    if not result.changed or not result.text.strip():
        return "unchanged"
    if links(result.text) != links(text):
        logger.warning("a rephrased response lost or gained a link")
        return "link_changed"
    return "rephrased"


def links(text: Text) -> list[Text]:
    """Links, addresses and mail addresses of a text, sorted."""
    return sorted(match.rstrip(".,;:!?") for match in _LINK.findall(text))
