"""What happens after the customer's yes: one change, one transaction, one sentence."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.orm import Session

from actions.flow import FlowCompletion
from actions.services import Services, services
from actions.wording import phrase
from knowledge_base import outcomes
from knowledge_base.orders import NotAllowed
from knowledge_base.principal import Principal


def require(principal: Principal | None) -> Principal:
    """The verified customer.

    Raises:
        PermissionError: nobody is verified: the form before this action did not finish, or time ran out.
    """
    if principal is None:
        raise PermissionError("this action needs a verified customer")
    return principal


class ConfirmedChange(FlowCompletion):
    """The end of a flow that changes an order; without a yes nothing happens.

    The change and the note of its outcome are one transaction. Where the database says that it is not allowed any more,
    `utter_<refusal>_<reason>` goes out.
    """

    @property
    @abstractmethod
    def topic(self) -> str:
        """What the outcome is counted under."""

    @property
    @abstractmethod
    def refusal(self) -> str:
        """Begin of the names of the responses that refuse, without `utter_`."""

    @abstractmethod
    def change(self, session: Session, customer: Principal, number: str, tracker: Tracker, now: datetime) -> Any:
        """Makes the change; what it returns goes to `say`."""

    @abstractmethod
    def say(self, dispatcher: CollectingDispatcher, changed: Any, tracker: Tracker, here: Services) -> None:
        """Tells the customer."""

    async def complete(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, principal: Principal | None
    ) -> list[EventType]:
        if tracker.get_slot("confirm") is not True:
            dispatcher.utter_message(response="utter_left_as_it_is")
            return []
        here, customer, number = services(), require(principal), tracker.get_slot("order_number")

        def work(session: Session) -> Any:
            changed = self.change(session, customer, number, tracker, here.clock())
            outcomes.record(session, tracker.sender_id, "flow_completed", self.topic, here.clock())
            return changed

        try:
            changed = await here.in_transaction(work)
        except NotAllowed as error:
            response = f"utter_{self.refusal}_{error.reason}"
            # Only a race gets here: the form has checked. The dates it would name are not at hand.
            soon, recently = phrase("soon"), phrase("recently")
            dispatcher.utter_message(response=response, number=number, expected=soon, last_day=recently)
            return []
        self.say(dispatcher, changed, tracker, here)
        return []
