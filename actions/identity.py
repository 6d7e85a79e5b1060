"""Steps that find out who the customer is: order number, email, and the code mailed to the address on file."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher

from actions.base import SafeAction
from actions.flow import TO_PERSON, FlowState, FlowValidation, Rejected, Step
from actions.services import services
from actions.turn import Turn
from frontdesk.metrics import CODES
from knowledge_base import identity, orders
from knowledge_base.identity import CodeResult, TooManyCodeRequests
from knowledge_base.views import OrderView

CODE_SENT_SLOT = "code_requested_for"
_CODE = re.compile(r"(?<!\d)(\d[\s-]?){5}\d(?!\d)")
_DIGITS = re.compile(r"\d{3,}")
_SEND_AGAIN = re.compile(
    r"\b(resend|re-send|send (it|me|another|a new|the code|one)|new code|another code|again|"
    r"(did ?n[o']?t|have ?n[o']?t|not|never|no) (get|got|receive|received|arrive|arrived|come|code|email|mail))",
    re.IGNORECASE,
)
RECENT_ORDERS = 5


class OrderNumber(Step):
    """The order a flow is about. Once the customer is known, only their own orders are accepted."""

    slot = "order_number"

    def from_entities(self, turn: Turn, state: FlowState) -> Any:
        if state.asked == VerificationCode.slot and _CODE.search(turn.text):
            return None  # "1234 56" is a code
        return turn.order_number()

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        number = turn.order_number()
        if number is None and _DIGITS.search(turn.text):
            return Rejected("utter_invalid_order_number")
        return number

    async def check(self, value: str, state: FlowState) -> Any:
        if state.principal is None:
            return value
        principal = state.principal
        order = await state.services.read(lambda session: orders.get_order(session, principal, value))
        return value if order else Rejected("utter_order_not_found", {"number": value})

    def changed(self, state: FlowState) -> None:
        for slot in ("confirm", "order_items", "summary"):
            state.set(slot, None)


class Email(Step):
    slot = "email"

    def needed(self, state: FlowState) -> bool:
        return state.principal is None and state.get(self.slot) is None

    def from_entities(self, turn: Turn, state: FlowState) -> Any:
        return turn.email()

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        return turn.email()


class VerificationCode(Step):
    """Needed until the database says that this conversation is verified; the slot itself stays empty."""

    slot = "verification_code"

    def needed(self, state: FlowState) -> bool:
        return state.principal is None

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        if turn.is_button:
            return None
        match = _CODE.search(turn.text)
        if match:
            return re.sub(r"\D", "", match.group())
        if _SEND_AGAIN.search(turn.text):
            return "again"
        return Rejected("utter_invalid_verification_code") if _DIGITS.search(turn.text) else None

    async def check(self, value: str, state: FlowState) -> Any:
        if value == "again":
            state.set(CODE_SENT_SLOT, None)  # `ask_for_code` mails a new one
            return None
        here = state.services
        result = await here.in_transaction(
            lambda session: identity.confirm_code(
                session, conversation_id=state.sender, code=value, now=here.clock(), pepper=here.secret_key
            )
        )
        CODES.labels(outcome=result.name.lower()).inc()
        if result is CodeResult.VERIFIED:
            state.principal = await here.read(
                lambda session: identity.principal_for(session, state.sender, here.clock())
            )
            state.set(CODE_SENT_SLOT, None)
            state.say("utter_verified")
            await self._check_order(state)
            return None
        if result is CodeResult.TOO_MANY_TRIES:
            state.end(TO_PERSON, "utter_too_many_code_tries")
            return None
        if result in (CodeResult.EXPIRED, CodeResult.NOT_REQUESTED):
            state.say("utter_code_expired")
            state.set(CODE_SENT_SLOT, None)
            return None
        return Rejected("utter_code_wrong", to_person=False)

    @staticmethod
    async def _check_order(state: FlowState) -> None:
        number = state.get("order_number")
        if number is not None and await current_order(state) is None:
            state.say("utter_order_not_found", number=number)
            state.set("order_number", None)


async def ask_for_code(state: FlowState) -> None:
    """Mails a code once order number and email are there and none is under way for them."""
    number, email = state.get("order_number"), state.get("email")
    if state.principal is not None or number is None or email is None:
        return
    wanted = hashlib.sha256(f"{number}|{email}".encode()).hexdigest()[:16]
    if state.get(CODE_SENT_SLOT) == wanted:
        return
    here = state.services
    try:
        await here.in_transaction(
            lambda session: identity.request_code(
                session,
                conversation_id=state.sender,
                order_number=number,
                email=email,
                now=here.clock(),
                mailer=here.mailer,
                pepper=here.secret_key,
            )
        )
    except TooManyCodeRequests as error:
        CODES.labels(outcome="rate_limited").inc()
        state.end(TO_PERSON, "utter_too_many_codes", minutes=whole_minutes(error.retry_after))
        return
    CODES.labels(outcome="requested").inc()
    state.set(CODE_SENT_SLOT, wanted)
    state.say("utter_code_sent", number=number, email_given=email)


def whole_minutes(duration: timedelta) -> int:
    return max(1, -(-int(duration.total_seconds()) // 60))


async def current_order(state: FlowState) -> OrderView | None:
    """The order of this flow, once the customer is known to own it."""
    principal, number = state.principal, state.get("order_number")
    if principal is None or number is None:
        return None
    return await state.services.read(lambda session: orders.get_order(session, principal, number))


class ActionAskOrderNumber(SafeAction):
    """Asks for the order; a known customer gets the latest ones as buttons."""

    def name(self) -> str:
        return "action_ask_order_number"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        here = services()

        def recent(session: Any) -> list[OrderView] | None:
            principal = identity.principal_for(session, tracker.sender_id, here.clock())
            return None if principal is None else orders.list_orders(session, principal, limit=RECENT_ORDERS)

        known = await here.read(recent)
        if not known:
            dispatcher.utter_message(response="utter_ask_order_number")
            return []
        buttons = [
            {
                "title": f"{order.number}: {order.items[0].name}",
                "payload": f'/inform{{"order_number": "{order.number}"}}',
            }
            for order in known
        ]
        dispatcher.utter_message(response="utter_ask_which_order", buttons=buttons)
        return []


IDENTITY_STEPS: tuple[Step, ...] = (OrderNumber(), Email(), VerificationCode())


class CustomerFlow(FlowValidation):
    """A flow about an order of the customer: identity first, then `with_order` as soon as the order may be shown."""

    async def prepare(self, state: FlowState) -> None:
        await ask_for_code(state)
        if not state.ended and (order := await current_order(state)) is not None:
            await self.with_order(order, state)

    async def with_order(self, order: OrderView, state: FlowState) -> None:
        """Checks whether the flow is possible for this order, and words what the next question needs."""
