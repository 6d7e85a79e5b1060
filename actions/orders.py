"""Orders: find one, list them, cancel, change the delivery address, report a missing parcel."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.orm import Session

from actions.changes import ConfirmedChange, require
from actions.confirmation import Confirmation
from actions.flow import REFUSED, FlowCompletion, FlowState, Rejected, Step
from actions.identity import IDENTITY_STEPS, CustomerFlow, OrderNumber
from actions.services import Services, services
from actions.turn import POSTCODE, Turn
from actions.wording import counted, day, moment, money, phrase
from frontdesk.brand import Brand
from knowledge_base import orders, outcomes, returns
from knowledge_base.addresses import AddressInput, InvalidAddress, checked_address
from knowledge_base.principal import Principal
from knowledge_base.views import ClaimView, OrderView

ORDERS_SHOWN = 10
# What people say before an address: "please send it to", "no, my new address is".
_LEAD_IN = re.compile(
    r"^(?:(?:please|pls|can|could|you|just|send|deliver|ship|change|make|it|to|no|my|the|new|delivery|address|is|its|it's|"
    r"instead|parcel|order|should|go)[\s,:]+)+",
    re.IGNORECASE,
)
_STEPS_OF_DELIVERY = ("processing", "packed", "dispatched", "out_for_delivery", "delivered")


def items_in_words(order: OrderView) -> str:
    return counted((item.quantity, item.name) for item in order.items)


def latest_scan(order: OrderView, brand: Brand) -> str:
    """What the courier said last, and when; empty before the first scan."""
    if order.shipment is None or not order.shipment.events:
        return ""
    at, text = order.shipment.events[-1]
    return f"{text} ({moment(at, brand)})"


def order_card(order: OrderView, brand: Brand) -> dict[str, Any]:
    """The order as data for a chat that can draw it; the text beside it says the same."""
    reached = _STEPS_OF_DELIVERY.index(order.state) if order.state in _STEPS_OF_DELIVERY else -1
    return {
        "type": "order",
        "number": order.number,
        "state": order.state,
        "state_text": phrase(f"state_{order.state}"),
        "steps": [
            {"label": phrase(f"state_{step}"), "done": index <= reached}
            for index, step in enumerate(_STEPS_OF_DELIVERY)
        ],
        "items": [{"name": item.name, "quantity": item.quantity} for item in order.items],
        "total": money(order.total, brand),
    }


class ValidateTrackOrder(CustomerFlow):
    form = "track_order_form"
    steps = IDENTITY_STEPS
    own_intents = frozenset({"track_order", "inform"})
    fresh_slots = ("confirm",)


class ActionTrackOrder(FlowCompletion):
    """Says where an order is."""

    def name(self) -> str:
        return "action_track_order"

    async def complete(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, principal: Principal | None
    ) -> list[EventType]:
        here, customer, number = services(), require(principal), tracker.get_slot("order_number")
        order = await here.read(lambda session: orders.get_order(session, customer, number))
        if order is None:
            dispatcher.utter_message(response="utter_order_not_found", number=number)
            return [SlotSet("order_number", None)]
        shipment = order.shipment
        late = order.expected_on and order.expected_on < here.clock().date() and order.state in _STEPS_OF_DELIVERY[:4]
        dispatcher.utter_message(
            response=f"utter_order_{order.state}",
            number=order.number,
            items=items_in_words(order),
            total=money(order.total, here.brand),
            expected=phrase("soon") if late else day(order.expected_on) or phrase("soon"),
            delivered=day(order.delivered_on),
            carrier=shipment.carrier if shipment else "",
            tracking_url=shipment.tracking_url if shipment else "",
            latest=latest_scan(order, here.brand),
            custom=order_card(order, here.brand),
        )
        if late:
            dispatcher.utter_message(response="utter_order_late", expected=day(order.expected_on))
        await here.in_transaction(
            lambda session: outcomes.record(session, tracker.sender_id, "flow_completed", "track_order", here.clock())
        )
        return []


class ValidateListOrders(CustomerFlow):
    form = "list_orders_form"
    own_intents = frozenset({"list_orders", "inform"})

    class _AnyOrder(OrderNumber):
        """Only to find out who is asking: a known customer need not name an order."""

        def needed(self, state: FlowState) -> bool:
            return state.principal is None and super().needed(state)

    steps = (_AnyOrder(), *IDENTITY_STEPS[1:])


class ActionListOrders(FlowCompletion):
    def name(self) -> str:
        return "action_list_orders"

    async def complete(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, principal: Principal | None
    ) -> list[EventType]:
        here, customer = services(), require(principal)
        found = await here.read(lambda session: orders.list_orders(session, customer, ORDERS_SHOWN))
        lines = [
            f"- **{order.number}**, {day(order.placed_at.date())}: {items_in_words(order)}, "
            f"{money(order.total, here.brand)} ({phrase(f'state_{order.state}')})"
            for order in found
        ]
        buttons = [
            {
                "title": phrase("button_where_is", number=order.number),
                "payload": f'/track_order{{"order_number": "{order.number}"}}',
            }
            for order in found
            if order.state in _STEPS_OF_DELIVERY[:4]
        ]
        dispatcher.utter_message(
            response="utter_orders", count=len(found), orders="\n".join(lines), buttons=buttons[:3]
        )
        return []


class ValidateCancelOrder(CustomerFlow):
    form = "cancel_order_form"
    steps = (*IDENTITY_STEPS, Confirmation())
    own_intents = frozenset({"cancel_order", "inform"})
    fresh_slots = ("confirm", "summary")

    async def with_order(self, order: OrderView, state: FlowState) -> None:
        principal = require(state.principal)
        allowed = await state.services.read(lambda session: orders.cancellation(session, principal, order.number))
        if not allowed.allowed:
            state.end(REFUSED, f"utter_cannot_cancel_{allowed.reason}", number=order.number)
            return
        state.set("summary", f"{items_in_words(order)}, {money(order.total, state.services.brand)}")


class ActionCancelOrder(ConfirmedChange):
    used_slots = ("confirm", "summary")
    topic = "cancel_order"
    refusal = "cannot_cancel"

    def name(self) -> str:
        return "action_cancel_order"

    def change(self, session: Session, customer: Principal, number: str, tracker: Tracker, now: datetime) -> OrderView:
        return orders.cancel_order(session, customer, number, reason="asked in the chat", now=now)

    def say(self, dispatcher: CollectingDispatcher, changed: OrderView, tracker: Tracker, here: Services) -> None:
        total = money(changed.total, here.brand)
        dispatcher.utter_message(response="utter_order_cancelled_now", number=changed.number, total=total)


class NewAddress(Step):
    """Street, town and postcode in one message."""

    slot = "address"
    free_text = True

    def from_entities(self, turn: Turn, state: FlowState) -> Any:
        # In the first message ("send it to 3 Mill Lane, Leeds LS1 4AP instead") the words around it can't be told
        # from the address, so only a message that begins with a house number and ends in a postcode counts.
        match = re.search(r"\b\d+[A-Za-z]?\s+[^\n]*" + POSTCODE.pattern, turn.text)
        return self._parsed(match.group()) if match and "," in match.group() else None

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        if turn.is_button or turn.intent in {"affirm", "deny"}:
            return None
        return self._parsed(turn.text) or Rejected("utter_invalid_address")

    @staticmethod
    def _parsed(text: str) -> dict[str, Any] | None:
        text = _LEAD_IN.sub("", text)
        match = POSTCODE.search(text)
        if not match:
            return None
        before = text[: match.start()].strip(" ,\n")
        parts = [part.strip() for part in re.split(r"[,\n]+", before) if part.strip()]
        if len(parts) < 2:
            return None
        postcode = f"{match[1]} {match[2]}".upper()
        return {"line1": parts[0], "line2": ", ".join(parts[1:-1]) or None, "city": parts[-1], "postcode": postcode}

    async def check(self, value: dict[str, Any], state: FlowState) -> Any:
        try:
            address = checked_address(AddressInput(**value))
        except InvalidAddress as error:
            return Rejected("utter_invalid_postcode" if error.field == "postcode" else "utter_invalid_address")
        return {**vars(address)}

    def changed(self, state: FlowState) -> None:
        state.set("confirm", None)


class ValidateChangeAddress(CustomerFlow):
    form = "change_address_form"
    steps = (*IDENTITY_STEPS, NewAddress(), Confirmation())
    own_intents = frozenset({"change_address", "inform"})
    fresh_slots = ("confirm", "summary", "address")

    async def with_order(self, order: OrderView, state: FlowState) -> None:
        principal = require(state.principal)
        allowed = await state.services.read(lambda session: orders.address_change(session, principal, order.number))
        if not allowed.allowed:
            state.end(REFUSED, f"utter_cannot_change_address_{allowed.reason}", number=order.number)
            return
        address = state.get("address")
        if address:
            state.set(
                "summary", ", ".join(filter(None, (address[key] for key in ("line1", "line2", "city", "postcode"))))
            )


class ActionChangeAddress(ConfirmedChange):
    used_slots = ("confirm", "summary", "address")
    topic = "change_address"
    refusal = "cannot_change_address"

    def name(self) -> str:
        return "action_change_address"

    def change(self, session: Session, customer: Principal, number: str, tracker: Tracker, now: datetime) -> OrderView:
        return orders.change_address(session, customer, number, AddressInput(**tracker.get_slot("address")), now)

    def say(self, dispatcher: CollectingDispatcher, changed: OrderView, tracker: Tracker, here: Services) -> None:
        address = tracker.get_slot("summary")
        dispatcher.utter_message(response="utter_address_changed", number=changed.number, address=address)


class ValidateMissingParcel(CustomerFlow):
    form = "missing_parcel_form"
    steps = (*IDENTITY_STEPS, Confirmation())
    own_intents = frozenset({"missing_parcel", "track_order", "inform"})
    fresh_slots = ("confirm", "summary")

    async def with_order(self, order: OrderView, state: FlowState) -> None:
        here, principal = state.services, require(state.principal)
        reason = await here.read(lambda session: returns.why_no_claim(session, principal, order.number, here.clock()))
        if reason is not None:
            expected = day(order.expected_on)
            state.end(REFUSED, f"utter_cannot_claim_{reason}", number=order.number, expected=expected)
            return
        state.set("summary", latest_scan(order, here.brand) or phrase("no_scan"))


class ActionMissingParcel(ConfirmedChange):
    used_slots = ("confirm", "summary")
    topic = "missing_parcel"
    refusal = "cannot_claim"

    def name(self) -> str:
        return "action_missing_parcel"

    def change(self, session: Session, customer: Principal, number: str, tracker: Tracker, now: datetime) -> ClaimView:
        return returns.missing_parcel_claim(session, customer, number, now=now)

    def say(self, dispatcher: CollectingDispatcher, changed: ClaimView, tracker: Tracker, here: Services) -> None:
        dispatcher.utter_message(
            response="utter_claim_opened",
            number=changed.order_number,
            claim=changed.number,
            answer_by=day(changed.answer_by),
        )
