"""A ticket's summary by a language model, and without one: the ticket is opened in any case, and in time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import REGISTRY

from actions.handoff import ActionHandOver
from actions.ticket_summary import summarise
from knowledge_base.schema import Ticket
from llm_component.client import LlmError
from llm_component.protocol import Summary, SummaryRequest
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import Conversation
from tests.unit.actions.shop_orders import ALEX, DELIVERED


@dataclass
class FakeLanguageModel:
    """Gives `summary`, raises it, or, without one, never answers."""

    summary: Any = None
    requests: list[SummaryRequest] = field(default_factory=list)
    turns: list[str | None] = field(default_factory=list)

    async def summarise(self, request: SummaryRequest, turn_id: str | None = None) -> Summary:
        self.requests.append(request)
        self.turns.append(turn_id)
        if isinstance(self.summary, Exception):
            raise self.summary
        if self.summary is None:
            await asyncio.Event().wait()
        return self.summary  # type: ignore[no-any-return]


def told() -> Conversation:
    """A return that the customer gave up on."""
    talk = Conversation().user("I want to return my kettle", "return_item").starts("return_form")
    talk.bot("What's your order number?").user(DELIVERED).set(order_number=DELIVERED, return_reason="too loud")
    talk.events[-4]["metadata"] = {"metadata": {"shared": True}}
    talk.bot(f"Order {DELIVERED} went to 12 Mill Lane.")
    return talk.user("a person please", "talk_to_person").starts("handoff_form").set(contact_email=ALEX)


async def ticket_after(shop: Shop, model: FakeLanguageModel | None, seconds: float = 5.0) -> Any:
    shop.services.language_model = model  # type: ignore[assignment]
    shop.services.summary_seconds = seconds
    await told().run(ActionHandOver())
    [ticket] = shop.rows(Ticket)
    return ticket


def count(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(metric, labels) or 0.0


async def test_a_generated_summary_stands_above_the_facts(shop: Shop) -> None:
    model = FakeLanguageModel(Summary(text="Wants to return a kettle; too loud.", generated=True))

    ticket = await ticket_after(shop, model)

    assert ticket.summary.splitlines() == [
        "Wants to return a kettle; too loud.",
        "",
        "Customer verified: no",
        "Tried: return",
        f"Order (as typed, not verified unless said below): {DELIVERED}",
        "Reason given: too loud",
    ]
    assert model.turns == ["turn-1"]


async def test_the_model_reads_no_data_of_an_order(shop: Shop) -> None:
    model = FakeLanguageModel(Summary(text="x", generated=True))

    await ticket_after(shop, model)

    [request] = model.requests
    assert "Mill Lane" not in str(request)
    assert request.facts == {"reason given": "too loud", "tried": "return"}
    assert [turn.content for turn in request.turns] == [
        "I want to return my kettle",
        "What's your order number?",
        DELIVERED,
        "a person please",
    ]


@pytest.mark.parametrize("outcome", [None, LlmError("unreachable", "no connection"), ValueError("a fault of ours")])
async def test_without_a_summary_in_time_the_ticket_has_the_facts(shop: Shop, outcome: Any) -> None:
    kind = {None: "deadline"}.get(outcome) or getattr(outcome, "kind", type(outcome).__name__)
    before = (
        count("frontdesk_failures_total", place="llm", kind=kind),
        count("frontdesk_summaries_total", outcome="failed"),
    )

    ticket = await ticket_after(shop, FakeLanguageModel(outcome), seconds=0.02)

    assert ticket.summary == summarise(told().tracker(), None)
    assert count("frontdesk_failures_total", place="llm", kind=kind) == before[0] + 1
    assert count("frontdesk_summaries_total", outcome="failed") == before[1] + 1


async def test_a_summary_that_the_server_would_not_vouch_for_is_left_out(shop: Shop) -> None:
    before = count("frontdesk_summaries_total", outcome="fallback")

    ticket = await ticket_after(shop, FakeLanguageModel(Summary(text="", generated=False, reason="missing facts")))

    assert ticket.summary == summarise(told().tracker(), None)
    assert count("frontdesk_summaries_total", outcome="fallback") == before + 1


async def test_without_a_server_nothing_is_asked(shop: Shop) -> None:
    assert (await ticket_after(shop, None)).summary.startswith("Customer verified: no")
