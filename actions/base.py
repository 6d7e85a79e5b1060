"""What every custom action shares: it never raises to the customer, and it is logged and counted."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, EventType, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from frontdesk.logs import turn_id
from frontdesk.metrics import ACTION_SECONDS, ACTIONS, FAILURES
from knowledge_base.database import DatabaseUnavailable

logger = logging.getLogger(__name__)

TECHNICAL_PROBLEM = "utter_technical_problem"
REQUESTED_SLOT = "requested_slot"


class SafeAction(Action, ABC):
    """Subclasses write `act`; a failure inside becomes a sentence, a log line and a count."""

    @abstractmethod
    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        """Does the work and returns Rasa events."""

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        started = time.perf_counter()
        token = turn_id.set((tracker.latest_message or {}).get("message_id"))
        outcome = "done"
        try:
            return await self.act(dispatcher, tracker, domain)
        except Exception as error:
            outcome = "failed"
            kind = "database" if isinstance(error, DatabaseUnavailable) else type(error).__name__
            logger.exception("an action failed", extra={"action": self.name(), "sender": tracker.sender_id})
            FAILURES.labels(place="action", kind=kind).inc()
            return self._apologise(dispatcher, tracker)
        finally:
            ACTIONS.labels(action=self.name(), outcome=outcome).inc()
            ACTION_SECONDS.labels(action=self.name()).observe(time.perf_counter() - started)
            turn_id.reset(token)

    def _apologise(self, dispatcher: CollectingDispatcher, tracker: Tracker) -> list[EventType]:
        """Drops what was half said, apologises, offers a person; a running form ends, its slots stay."""
        dispatcher.messages.clear()
        dispatcher.utter_message(response=TECHNICAL_PROBLEM)
        ending: list[EventType] = []
        if tracker.active_loop.get("name") or self.name().startswith("validate_"):
            ending = [SlotSet(REQUESTED_SLOT, None), ActiveLoop(None)]
        return [*ending, FollowupAction("action_listen")]
