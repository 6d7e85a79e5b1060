"""Products: find, compare, and answer what is asked about one."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, ClassVar

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.asides import meant_product
from actions.base import SafeAction
from actions.catalogue import TOPICS, describe, match, product_card, stock_text
from actions.flow import REFUSED, FlowCompletion, FlowState, FlowValidation, Rejected, Step
from actions.knowledge import find_passages
from actions.services import services
from actions.turn import Turn, parse_amount
from actions.wording import money
from knowledge_base import catalog
from knowledge_base.catalog import ProductView
from knowledge_base.principal import Principal

CARDS_SHOWN = 5
ANY = "any"
LONGEST_NEED = 200
_NO_MATTER = re.compile(
    r"\b(any|anything|don'?t (care|mind|know|have)|no (limit|budget|preference|idea|matter)|not (sure|really|bothered)|"
    r"doesn'?t matter|whatever|no|nothing|none|skip|open)\b",
    re.I,
)


class Category(Step):
    slot = "category"
    any_words = True

    def from_entities(self, turn: Turn, state: FlowState) -> Any:
        # As typed, not the category that a synonym stands for: "robot vacuum" says more than "vacuum-cleaners".
        found = turn.spans("category")
        return found[-1].lower() if found else None

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        return self.from_entities(turn, state) or (turn.text if not turn.is_button and turn.words <= 4 else None)

    async def check(self, value: str, state: FlowState) -> Any:
        found = await state.services.read(lambda session: catalog.match_category(session, value))
        if found is None:
            return Rejected("utter_invalid_category")
        state.set("category_kind", found.kind or None)
        return found.slug


class Budget(Step):
    """The most the customer wants to spend; `"any"` when it does not matter."""

    slot = "budget"

    def from_entities(self, turn: Turn, state: FlowState) -> Any:
        lowest = turn.amount("min")
        if lowest is not None:
            state.set("budget_from", float(lowest))
        highest = turn.amount("max")
        if highest is None and lowest is None:
            highest = turn.amount()
        return str(highest) if highest is not None else (ANY if lowest is not None else None)

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        if (said := self.from_entities(turn, state)) is not None:
            return said
        amount = None if turn.is_button else parse_amount(turn.text)
        if amount is None and (turn.intent == "deny" or _NO_MATTER.search(turn.text)):
            return ANY
        return str(amount) if amount is not None else next(iter(turn.values("amount")), None)

    async def check(self, value: str, state: FlowState) -> Any:
        if value == ANY:
            return ANY
        amount = parse_amount(value)
        return str(amount) if amount and amount > 0 else Rejected("utter_invalid_budget")


class Need(Step):
    """What matters to the customer, in their own words; `"any"` for nothing in particular."""

    slot = "need"
    free_text = True

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        if turn.is_button:
            return ANY if turn.intent == "deny" else None
        if turn.intent == "deny" or (_NO_MATTER.search(turn.text) and turn.words <= 5):
            return ANY
        return turn.text[:LONGEST_NEED] if turn.text else None


class ValidateProductFinder(FlowValidation):
    form = "product_finder_form"
    steps = (Category(), Budget(), Need())
    own_intents = frozenset({"find_product", "inform"})
    fresh_slots = ("category", "category_kind", "budget", "budget_from", "need", "brand_wanted")

    async def _begin(self, turn: Turn, state: FlowState) -> None:
        await super()._begin(turn, state)
        if state.get("category") is None and not turn.is_button:
            # A category that is too badly spelt for the entity extractor may still be found in the whole message.
            found = await state.services.read(lambda session: catalog.match_category(session, turn.text))
            if found is not None:
                state.set("category", found.slug)
                state.set("category_kind", found.kind or None)
        brands = turn.values("brand")
        state.set("brand_wanted", brands[-1] if brands else None)


class ActionShowProducts(FlowCompletion):
    used_slots = ("category", "category_kind", "budget", "budget_from", "need", "brand_wanted")

    def name(self) -> str:
        return "action_show_products"

    async def complete(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, principal: Principal | None
    ) -> list[EventType]:
        here = services()
        budget, lowest, need = (tracker.get_slot(slot) for slot in ("budget", "budget_from", "need"))
        words = [tracker.get_slot("category_kind"), need if need != ANY else None]
        wanted: dict[str, Any] = {
            "category": tracker.get_slot("category"),
            "brand": tracker.get_slot("brand_wanted"),
            "min_price": Decimal(str(lowest)) if lowest else None,
            "max_price": Decimal(budget) if budget and budget != ANY else None,
            "need": " ".join(word for word in words if word) or None,
        }

        def find(session: Any) -> tuple[list[ProductView], str]:
            found = catalog.find_products(session, **wanted, limit=CARDS_SHOWN)
            if found:
                return found, "utter_products_found"
            # Nothing fits everything: the nearest above the budget beats an empty answer, and says so.
            relaxed = {**wanted, "max_price": None, "brand": None}
            return catalog.find_products(session, **relaxed, limit=3), "utter_products_near"

        found, response = await here.read(find)
        if not found:
            dispatcher.utter_message(response="utter_no_products")
            return []
        lines = [f"- **{item.name}**, {money(item.price, here.brand)}, {stock_text(item)}" for item in found]
        dispatcher.utter_message(
            response=response,
            count=len(found),
            category=found[0].category_name.lower(),
            products="\n".join(lines),
            custom={
                "type": "product_cards",
                "replaces_text": True,
                "products": [product_card(item, here.brand) for item in found],
            },
        )
        return []


class _ProductStep(Step):
    """A product by its name; the slot holds its SKU, the slot beside it the name."""

    any_words = True
    position: ClassVar[int] = 0

    def from_entities(self, turn: Turn, state: FlowState) -> Any:
        named = turn.spans("product")
        return named[self.position] if len(named) > self.position else None

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        named = turn.spans("product")
        if named:
            return named[0]
        return None if turn.is_button or turn.intent in {"affirm", "deny"} else turn.text

    async def check(self, value: str, state: FlowState) -> Any:
        product = await match(value, state.services, like=self.beside(state))
        return product.sku if product else Rejected(f"utter_invalid_{self.slot}")

    def beside(self, state: FlowState) -> str | None:
        """SKU of the product that this one is named together with."""
        return None


class Product(_ProductStep):
    slot = "product"


class FirstProduct(_ProductStep):
    slot = "first_product"


class SecondProduct(_ProductStep):
    slot = "second_product"
    position = 1

    def beside(self, state: FlowState) -> str | None:
        first: str | None = state.get("first_product")
        return first


class ValidateProduct(FlowValidation):
    form = "product_form"
    steps = (Product(),)
    own_intents = frozenset({"ask_price", "ask_availability", "product_details", "inform"})
    fresh_slots = ("product_topic",)

    async def _begin(self, turn: Turn, state: FlowState) -> None:
        # "Is it in stock?" is about the product of the turns before; without such a word it may be about any.
        if not turn.points_back:
            state.set("product", None)
        await super()._begin(turn, state)
        state.set("product_topic", TOPICS.get(turn.intent, "details"))
        if state.get("product") is None and turn.intent == "product_details" and turn.is_question:
            # No product named: a help article may answer it as it stands ("can the filter be washed?").
            passages = await find_passages(turn.text, state.services)
            if passages:
                state.end(REFUSED, "utter_open_answer", passages=passages, suggestions=[], question=turn.text)


class ActionProductInfo(FlowCompletion):
    used_slots = ("product_topic",)

    def name(self) -> str:
        return "action_product_info"

    async def complete(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, principal: Principal | None
    ) -> list[EventType]:
        here, sku = services(), tracker.get_slot("product")
        product = await here.read(lambda session: catalog.get_product(session, sku))
        if product is None:
            dispatcher.utter_message(response="utter_invalid_product")
            return [SlotSet("product", None)]
        topic = tracker.get_slot("product_topic") or "details"
        await describe(dispatcher, product, topic, Turn.of(tracker).text, here)
        return []


class ActionWarranty(SafeAction):
    """Warranty in general, and of the product if one was named."""

    def name(self) -> str:
        return "action_warranty"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        here, turn = services(), Turn.of(tracker)
        product = await meant_product(turn, tracker.get_slot("product"), here)
        if product is None:
            dispatcher.utter_message(response="utter_ask_warranty")
        else:
            await describe(dispatcher, product, "warranty", turn.text, here)
        return []


class ValidateCompare(FlowValidation):
    form = "compare_form"
    steps = (FirstProduct(), SecondProduct())
    own_intents = frozenset({"compare_products", "inform", "product_details"})
    fresh_slots = ("first_product", "second_product")

    async def prepare(self, state: FlowState) -> None:
        first = state.get("first_product")
        if first and first == state.get("second_product"):
            state.set("second_product", None)
            state.say("utter_same_product_twice")

    async def _take_details(self, turn: Turn, asked: Step, state: FlowState) -> list[str] | None:
        # One product named in an answer is the one that was asked for, not always the first.
        return [] if len(turn.spans("product")) < 2 else await super()._take_details(turn, asked, state)


class ActionCompareProducts(FlowCompletion):
    used_slots = ("first_product", "second_product")

    def name(self) -> str:
        return "action_compare_products"

    async def complete(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, principal: Principal | None
    ) -> list[EventType]:
        here = services()
        first, second = tracker.get_slot("first_product"), tracker.get_slot("second_product")
        compared = await here.read(lambda session: catalog.compare(session, first, second))
        left, right = compared.left, compared.right
        differing = [row for row in compared.rows if row.differs]
        dispatcher.utter_message(
            response="utter_comparison",
            left=left.name,
            right=right.name,
            left_price=money(left.price, here.brand),
            right_price=money(right.price, here.brand),
            left_stock=stock_text(left),
            right_stock=stock_text(right),
            differences="\n".join(f"- {row.label}: {row.left or '–'} / {row.right or '–'}" for row in differing),
            custom={
                "type": "comparison",
                "replaces_text": True,
                "left": {"name": left.name},
                "right": {"name": right.name},
                "rows": [vars(row) for row in compared.rows],
            },
        )
        return []
