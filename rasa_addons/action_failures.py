"""Gives the customer a sentence when the action server is down, slow or broken.

Rasa 3.6.21 logs such a failure, loses the action's events and says nothing: over REST the customer gets `[]`,
in `rasa shell` an empty line. There is no extension point for it, so the one method through which every call to the
action server passes, `RemoteAction.run`, is wrapped once. `tests/unit/rasa_addons/test_action_failures.py` fails if
a new Rasa version changes it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from typing import Any, List

from rasa.core.actions.action import ActionExecutionRejection, RemoteAction, create_bot_utterance
from rasa.core.channels.channel import OutputChannel
from rasa.core.nlg.generator import NaturalLanguageGenerator
from rasa.shared.core.constants import ACTION_LISTEN_NAME, REQUESTED_SLOT
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActiveLoop, Event, FollowupAction, SlotSet
from rasa.shared.core.trackers import DialogueStateTracker

from frontdesk.metrics import FAILURES
from rasa_addons.turn_stream import current_stream

logger = logging.getLogger(__name__)

TECHNICAL_PROBLEM = "utter_technical_problem"
SEARCH = "action_search_knowledge"
TIMEOUT_VARIABLE = "FRONTDESK_ACTION_TIMEOUT_SECONDS"
# Below the 60 seconds after which Rasa's web server cuts a turn off with an empty answer.
DEFAULT_TIMEOUT_SECONDS = 20.0


def install_failure_replies() -> None:
    """Wraps `RemoteAction.run`; calling it again changes nothing."""
    original = RemoteAction.run
    if getattr(original, "replies_on_failure", False):
        return
    timeout = float(os.environ.get(TIMEOUT_VARIABLE, DEFAULT_TIMEOUT_SECONDS))

    @functools.wraps(original)
    async def run(
        self: RemoteAction,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        tracker: DialogueStateTracker,
        domain: Domain,
    ) -> List[Event]:
        stream = current_stream()
        if stream is not None and self.name() == SEARCH:
            stream.status("searching")
        try:
            return await asyncio.wait_for(original(self, output_channel, nlg, tracker, domain), timeout)
        except ActionExecutionRejection:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, the customer gets a sentence)
            kind = "timeout" if isinstance(error, asyncio.TimeoutError) else type(error).__name__
            logger.error(
                "action server failed",
                extra={"action": self.name(), "kind": kind, "sender": tracker.sender_id, "error": str(error)},
            )
            FAILURES.labels(place="action_server", kind=kind).inc()
            return await _failure_events(self.name(), output_channel, nlg, tracker)

    run.replies_on_failure = True  # type: ignore[attr-defined]
    RemoteAction.run = run  # type: ignore[method-assign]


async def _failure_events(
    action_name: str, output_channel: OutputChannel, nlg: NaturalLanguageGenerator, tracker: DialogueStateTracker
) -> List[Event]:
    """An apology that names other ways to reach a person; the running form ends, what was said before stays."""
    message: Any = await nlg.generate(TECHNICAL_PROBLEM, tracker, output_channel.name())
    events: List[Event] = [create_bot_utterance({**(message or {}), "utter_action": TECHNICAL_PROBLEM})]
    if tracker.active_loop_name or action_name.startswith("validate_"):
        events += [SlotSet(REQUESTED_SLOT, None), ActiveLoop(None)]
    return [*events, FollowupAction(ACTION_LISTEN_NAME)]
