"""Returns, exchanges, damage claims and refunds."""

from __future__ import annotations

import re
from abc import abstractmethod
from datetime import datetime
from typing import Any, ClassVar, Literal

from rasa_sdk import Tracker
from rasa_sdk.events import EventType
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.orm import Session

from actions.base import SafeAction
from actions.changes import ConfirmedChange, require
from actions.confirmation import Confirmation
from actions.flow import REFUSED, FlowCompletion, FlowState, Rejected, Step
from actions.identity import IDENTITY_STEPS, CustomerFlow
from actions.knowledge import find_passages
from actions.services import Services, services
from actions.turn import Turn
from actions.wording import counted, day, money, phrase
from knowledge_base import catalog, outcomes, returns
from knowledge_base.principal import Principal
from knowledge_base.views import OrderView, ReturnableItem, ReturnView

Kind = Literal["return", "exchange", "damage"]

SAME_PRODUCT = "same"
LONGEST_REASON = 500
SHORT_ANSWER_WORDS = 5
_EVERYTHING = re.compile(r"\b(all (of|items|the)|everything|both|whole order|the lot)\b|^\W*all( please)?\W*$", re.I)
_POSITION = re.compile(
    r"^\W*(?:the |number |no\.? |item )*(\d|first|second|third|fourth|last)(?:st|nd|rd|th)?"
    r"(?: one| item)?(?: please| pls)?\W*$",
    re.I,
)
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4}
_CORRECTION = re.compile(r"\b(no|not|other|instead|sorry|actually|wait|meant|wrong)\b", re.I)
_VAGUE = frozenset({"broken", "faulty", "damaged", "wrong", "defective", "not working", "doesn't work"})
_SAME = re.compile(r"\b(same|identical|another one|new one|like for like|replacement)\b", re.I)
_NAME_WORD = re.compile(r"[a-z0-9]{3,}")
# "no refund, a replacement": what is not wanted is taken out before the rest is read.
_NOT_WANTED = re.compile(r"\b(no|not|don't|do not|instead of|rather than)\b[^,.;]*", re.I)
_REFUND = re.compile(r"\b(refund|money|cash)\b", re.I)
_REPLACEMENT = re.compile(r"\b(replac\w*|new one|another|exchange|swap|same)\b", re.I)
_AFTER_SALES = frozenset(
    {"return_item", "exchange_item", "damaged_item", "refund_status", "missing_parcel", "complaint", "inform",
     "product_details", "ask_warranty"}
)  # fmt: skip


class Items(Step):
    """Which of the order's items; kept as a list of `[item id, pieces]`."""

    slot = "order_items"
    any_words = True

    def from_entities(self, turn: Turn, state: FlowState) -> Any:
        # Only a correction: before the items were asked for, a product named in passing may be anything.
        if state.get(self.slot) is None or turn.is_button:
            return None
        words = " ".join([*turn.spans("product"), *turn.spans("category")])
        if _CORRECTION.search(turn.text):
            words = turn.text
        named = mentioned(words, state.get("returnable") or [])
        return named if named and named != [item_id for item_id, _ in state.get(self.slot)] else None

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        offered: list[dict[str, Any]] = state.get("returnable") or []
        if turn.is_button:
            chosen = [value for value in turn.values("item") if any(str(item["id"]) == value for item in offered)]
            return (
                [int(chosen[0])]
                if chosen
                else ([item["id"] for item in offered] if "all" in turn.values("item") else None)
            )
        if _EVERYTHING.search(turn.text):
            return [item["id"] for item in offered]
        if (match := _POSITION.match(turn.text)) is not None:
            word = match[1].lower()
            position = len(offered) if word == "last" else _ORDINALS.get(word) or int(word)
            return [offered[position - 1]["id"]] if 1 <= position <= len(offered) else None
        return mentioned(turn.text, offered) or None

    async def check(self, value: list[int], state: FlowState) -> Any:
        offered = {item["id"]: item for item in state.get("returnable") or []}
        chosen = [[item_id, offered[item_id]["quantity"]] for item_id in value if item_id in offered]
        return chosen or Rejected("utter_invalid_order_items")

    def changed(self, state: FlowState) -> None:
        state.set("confirm", None)


def mentioned(text: str, offered: list[dict[str, Any]]) -> list[int]:
    """Ids of the offered items that `text` names by a word that none of the others has ("the kettle")."""
    names = {item["id"]: set(_NAME_WORD.findall(item["name"].lower())) for item in offered}
    said = set(_NAME_WORD.findall(text.lower()))
    return [
        item_id
        for item_id, words in names.items()
        if said & words.difference(*(other for other_id, other in names.items() if other_id != item_id))
    ]


class ActionAskOrderItems(SafeAction):
    """Lists what can still go back, as buttons."""

    def name(self) -> str:
        return "action_ask_order_items"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        offered = tracker.get_slot("returnable") or []
        buttons = [{"title": item["name"], "payload": f'/inform{{"item": "{item["id"]}"}}'} for item in offered]
        if len(offered) > 1:
            buttons.append({"title": phrase("button_all_items"), "payload": '/inform{"item": "all"}'})
        dispatcher.utter_message(
            response="utter_ask_order_items", buttons=buttons, number=tracker.get_slot("order_number")
        )
        return []


class Reason(Step):
    """Why, in the customer's own words."""

    slot = "return_reason"
    free_text = True

    def from_entities(self, turn: Turn, state: FlowState) -> Any:
        # "It's broken" starts a claim; what is broken about it is still to be asked.
        said = [words for words in turn.spans("reason") if words.lower() not in _VAGUE]
        return said[-1][:LONGEST_REASON] if said else None

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        if turn.is_button:
            return next(iter(turn.values("reason")), None)
        if turn.intent in {"affirm", "deny"} and turn.words < 3:
            return None
        return turn.text[:LONGEST_REASON] if len(turn.text) >= 3 else None

    def changed(self, state: FlowState) -> None:
        state.set("confirm", None)


class Replacement(Step):
    """What to have instead: the same product, or another one of the catalogue."""

    slot = "replacement"
    free_text = True

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        if turn.is_button:
            return next(iter(turn.values("product")), None)
        if _SAME.search(turn.text) and turn.words <= SHORT_ANSWER_WORDS:
            return SAME_PRODUCT
        if turn.intent in {"affirm", "deny"} and turn.words < 3:
            return None
        named = turn.spans("product")
        return named[-1] if named else turn.text

    async def check(self, value: str, state: FlowState) -> Any:
        if value == SAME_PRODUCT:
            state.set("replacement_name", phrase("same_product"))
            return SAME_PRODUCT
        here = state.services
        matches = await here.read(lambda session: catalog.match_products(session, value, limit=1))
        if not matches:
            return Rejected("utter_invalid_replacement")
        product = matches[0].product
        if product.stock < 1:
            return Rejected("utter_replacement_out_of_stock", {"product": product.name})
        state.set("replacement_name", f"{product.name} ({money(product.price, here.brand)})")
        return product.sku


class Wish(Step):
    """Refund or replacement."""

    slot = "wish"

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        said = next(iter(turn.values("wish")), None) if turn.is_button else None
        if said in {"refund", "replacement"}:
            return said
        wanted = _NOT_WANTED.sub("", turn.text)
        if _REFUND.search(wanted):
            return "refund"
        if _REPLACEMENT.search(wanted) or (_REFUND.search(turn.text) and _REPLACEMENT.search(turn.text)):
            return "replacement"
        return None

    def from_entities(self, turn: Turn, state: FlowState) -> Any:
        return None


class _GoodsFlow(CustomerFlow):
    """What returns, exchanges and claims share: only goods that may still go back are offered."""

    kind: ClassVar[Kind]
    own_intents = _AFTER_SALES - {"refund_status", "missing_parcel", "complaint"}

    async def with_order(self, order: OrderView, state: FlowState) -> None:
        here, principal = state.services, require(state.principal)
        eligible = await here.read(
            lambda session: returns.return_eligibility(session, principal, order.number, here.clock(), self.kind)
        )
        if not eligible.allowed:
            state.end(
                REFUSED,
                f"utter_cannot_{self.kind}_{eligible.reason}",
                number=order.number,
                last_day=day(eligible.last_day),
            )
            return
        offered = eligible.items
        state.set("returnable", [_plain(item) for item in offered])
        if state.get("order_items") is None and len(offered) == 1:
            state.set("order_items", [[offered[0].id, offered[0].quantity]])
        chosen = {item_id for item_id, _ in state.get("order_items") or []}
        names = counted((item.quantity, item.name) for item in offered if item.id in chosen)
        state.set("summary", names or None)


def _plain(item: ReturnableItem) -> dict[str, Any]:
    return {"id": item.id, "name": item.name, "quantity": item.quantity, "only_unopened": item.only_unopened}


_GOODS_SLOTS = (
    "confirm",
    "summary",
    "order_items",
    "returnable",
    "return_reason",
    "replacement",
    "replacement_name",
    "wish",
)


class ValidateReturn(_GoodsFlow):
    form = "return_form"
    kind: ClassVar[Kind] = "return"
    steps = (*IDENTITY_STEPS, Items(), Reason(), Confirmation())
    fresh_slots = _GOODS_SLOTS


class ValidateExchange(_GoodsFlow):
    form = "exchange_form"
    kind: ClassVar[Kind] = "exchange"
    steps = (*IDENTITY_STEPS, Items(), Replacement(), Confirmation())
    fresh_slots = _GOODS_SLOTS


class ValidateDamage(_GoodsFlow):
    form = "damage_form"
    kind: ClassVar[Kind] = "damage"
    steps = (*IDENTITY_STEPS, Items(), Reason(), Wish(), Confirmation())
    fresh_slots = _GOODS_SLOTS

    async def _begin(self, turn: Turn, state: FlowState) -> None:
        # "Why does my toaster brown one side only?" may need an answer rather than a claim: both are offered.
        if turn.is_question and turn.order_number() is None:
            passages = await find_passages(turn.text, state.services)
            if passages:
                state.say("utter_open_answer", passages=passages, suggestions=[])
                state.say("utter_or_claim")
        await super()._begin(turn, state)


class _ActionCreateReturn(ConfirmedChange):
    """Registers the goods, and gives label, address and what happens next."""

    used_slots: ClassVar[tuple[str, ...]] = _GOODS_SLOTS

    @property
    @abstractmethod
    def kind(self) -> Kind:
        """What is created."""

    @property
    def topic(self) -> str:
        return self.kind

    @property
    def refusal(self) -> str:
        return f"cannot_{self.kind}"

    def name(self) -> str:
        return f"action_create_{self.kind}"

    def _wish(self, tracker: Tracker) -> str:
        """Refund or replacement: only after damage it is the customer's choice."""
        return {"return": "refund", "exchange": "replacement"}.get(self.kind) or str(tracker.get_slot("wish"))

    def change(self, session: Session, customer: Principal, number: str, tracker: Tracker, now: datetime) -> ReturnView:
        replacement = tracker.get_slot("replacement")
        return returns.create_return(
            session,
            customer,
            number,
            items=[(item_id, pieces) for item_id, pieces in tracker.get_slot("order_items")],
            kind=self.kind,
            reason=tracker.get_slot("return_reason") or "exchange",
            wish=self._wish(tracker),  # type: ignore[arg-type]
            replacement_sku=None if replacement in (None, SAME_PRODUCT) else replacement,
            note=None,
            now=now,
        )

    def say(self, dispatcher: CollectingDispatcher, changed: ReturnView, tracker: Tracker, here: Services) -> None:
        extra = phrase("price_difference", amount=money(changed.extra_charge, here.brand))
        dispatcher.utter_message(
            response=f"utter_{self.kind}_created" + (f"_{self._wish(tracker)}" if self.kind == "damage" else ""),
            return_number=changed.number,
            items=counted((item.quantity, item.name) for item in changed.items),
            label_url=changed.label_url,
            amount=money(changed.expected_refund_amount, here.brand),
            replacement=tracker.get_slot("replacement_name") or phrase("same_product"),
            extra=extra if changed.extra_charge else "",
        )


class ActionCreateReturn(_ActionCreateReturn):
    kind: Kind = "return"  # type: ignore[assignment]


class ActionCreateExchange(_ActionCreateReturn):
    kind: Kind = "exchange"  # type: ignore[assignment]


class ActionCreateDamage(_ActionCreateReturn):
    kind: Kind = "damage"  # type: ignore[assignment]


class ValidateRefund(CustomerFlow):
    form = "refund_form"
    steps = IDENTITY_STEPS
    own_intents = frozenset({"refund_status", "inform"})


class ActionRefundStatus(FlowCompletion):
    def name(self) -> str:
        return "action_refund_status"

    async def complete(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, principal: Principal | None
    ) -> list[EventType]:
        here, customer, number = services(), require(principal), tracker.get_slot("order_number")
        found = await here.read(lambda session: returns.refunds(session, customer, number))
        if not found:
            dispatcher.utter_message(response="utter_no_refund", number=number)
        for refund in found:
            dispatcher.utter_message(
                response=f"utter_refund_{refund.state}",
                number=number,
                amount=money(refund.amount, here.brand),
                method=refund.method.replace("_", " "),
                expected=day(refund.expected_on) or phrase("soon"),
                completed=day(refund.completed_on),
            )
        await here.in_transaction(
            lambda session: outcomes.record(session, tracker.sender_id, "flow_completed", "refund", here.clock())
        )
        return []
