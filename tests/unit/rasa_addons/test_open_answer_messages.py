"""The message that the customer gets for an open question, in the words of domain.yml."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from frontdesk.language_model import LanguageModelSettingsError
from llm_component.client import LlmError
from llm_component.protocol import Answer, Rephrasing
from rasa_addons.abstentions import Abstentions
from rasa_addons.nlg import FrontdeskNLG
from rasa_addons.turn_stream import TurnStream, streaming_to
from rasa_addons.web.conversation_calls import ConversationCalls
from tests.unit.rasa_addons.fake_language_model import FakeLanguageModel, Silence, answer_of, sentence

ONE = {"title": "Descaling", "url": "https://shop.example/help/1", "quote": "Use citric acid.", "text": "Long."}
TWO = {"title": "Filters", "url": "https://shop.example/help/2", "quote": "Change it.", "text": "Long."}
QUOTATION = "Use citric acid.\n\nFrom our help article [Descaling](https://shop.example/help/1)."
ACID, RINSE = sentence("Use 30 g of it.", 1), sentence("Rinse twice.", 2)
MakeTracker = Callable[..., DialogueStateTracker]


@pytest.fixture
def model() -> FakeLanguageModel:
    return FakeLanguageModel()


@pytest.fixture
def nlg(domain: Domain, model: FakeLanguageModel, remote_action_run: Any) -> FrontdeskNLG:
    return FrontdeskNLG(EndpointConfig(), domain, model)


def questions(outcome: str) -> float:
    return REGISTRY.get_sample_value("frontdesk_open_questions_total", {"outcome": outcome}) or 0.0


@pytest.fixture
def asked(nlg: FrontdeskNLG, tracker: MakeTracker, model: FakeLanguageModel) -> Callable[..., Any]:
    """The message for a question about which two passages were found."""

    async def message(*parts: Any, text: str = "How do I descale it?") -> dict[str, Any]:
        model.parts = list(parts)
        answer = await nlg.generate("utter_open_answer", tracker(UserUttered(text), passages=[ONE, TWO]), "rest")
        assert answer is not None
        return answer

    return message


async def test_an_answer_from_two_articles_names_both(asked: Callable[..., Any]) -> None:
    before = questions("answered")

    message = await asked(RINSE, ACID, answer_of(RINSE, ACID))

    assert message["text"] == (
        "Rinse twice. Use 30 g of it.\n\nFrom our help articles "
        "[Filters](https://shop.example/help/2) and [Descaling](https://shop.example/help/1)."
    )
    assert message["metadata"]["sources"] == [
        {"number": 1, "title": "Filters", "url": "https://shop.example/help/2"},
        {"number": 2, "title": "Descaling", "url": "https://shop.example/help/1"},
    ]
    assert message["metadata"]["answer"] == {"verdict": "answered", "model": "tiny", "seconds": 0.5}
    assert questions("answered") == before + 1


async def test_only_cited_articles_are_named(asked: Callable[..., Any]) -> None:
    message = await asked(ACID, answer_of(ACID))

    assert message["text"] == "Use 30 g of it.\n\nFrom our help article [Descaling](https://shop.example/help/1)."
    assert [source["title"] for source in message["metadata"]["sources"]] == ["Descaling"]


async def test_two_passages_of_one_article_are_one_source(
    nlg: FrontdeskNLG, tracker: MakeTracker, model: FakeLanguageModel
) -> None:
    model.parts = [ACID, RINSE, answer_of(ACID, RINSE)]
    state = tracker(UserUttered("How?"), passages=[ONE, {**TWO, "title": ONE["title"], "url": ONE["url"]}])

    answer = await nlg.generate("utter_open_answer", state, "rest")

    assert answer is not None
    assert answer["text"].endswith("From our help article [Descaling](https://shop.example/help/1).")


async def test_two_sections_of_one_article_are_one_source_that_opens_at_the_first_cited(
    nlg: FrontdeskNLG, tracker: MakeTracker, model: FakeLanguageModel
) -> None:
    model.parts = [RINSE, ACID, answer_of(RINSE, ACID)]
    sections = [{**ONE, "url": f"{ONE['url']}#acid"}, {**TWO, "title": ONE["title"], "url": f"{ONE['url']}#rinse"}]

    answer = await nlg.generate("utter_open_answer", tracker(UserUttered("How?"), passages=sections), "rest")

    assert answer is not None
    assert answer["metadata"]["sources"] == [{"number": 1, "title": "Descaling", "url": f"{ONE['url']}#rinse"}]


async def test_what_a_model_writes_is_no_template(asked: Callable[..., Any]) -> None:
    odd = sentence("Press {shop_name} 0[ and }.", 1)

    assert (await asked(odd, answer_of(odd)))["text"].startswith("Press {shop_name} 0[ and }.\n")


async def test_an_abstention_names_the_nearest_article_and_offers_a_person(asked: Callable[..., Any]) -> None:
    before = questions("abstained")

    message = await asked(Answer(verdict="abstained", text="I don't know."))

    assert message["text"].startswith("I'm sorry, our help articles don't give a reliable answer")
    assert "[Descaling](https://shop.example/help/1)" in message["text"]
    assert [button["payload"] for button in message["buttons"]] == ["/talk_to_person"]
    assert message["metadata"]["sources"] == []
    assert questions("abstained") == before + 1


@pytest.mark.parametrize("trouble", [LlmError("unreachable", "no connection"), LlmError("refused", "401"), Silence()])
async def test_without_an_answer_the_best_passage_is_quoted_with_its_source(
    asked: Callable[..., Any], nlg: FrontdeskNLG, monkeypatch: pytest.MonkeyPatch, trouble: Any
) -> None:
    monkeypatch.setattr(nlg, "_settings", type(nlg._settings)(answer_seconds=0.02))
    before = questions("failed")

    message = await asked(trouble)

    assert message["text"] == QUOTATION
    assert questions("failed") == before + 1


async def test_what_was_shown_when_the_server_died_is_the_message_with_its_source(asked: Callable[..., Any]) -> None:
    before = questions("cut_short")

    message = await asked(ACID, LlmError("broken_answer", "died"))

    assert message["text"] == "Use 30 g of it.\n\nFrom our help article [Descaling](https://shop.example/help/1)."
    assert questions("cut_short") == before + 1


async def test_the_servers_own_quotation_has_the_form_of_ours(asked: Callable[..., Any]) -> None:
    quoted = sentence("Use citric acid.", 1)

    message = await asked(quoted, answer_of(quoted, verdict="quoted", reason="no_model"))

    assert message["text"] == QUOTATION
    assert message["metadata"]["sources"] == [{"title": "Descaling", "url": "https://shop.example/help/1"}]


async def test_the_stream_hears_of_the_sources_before_the_message(asked: Callable[..., Any]) -> None:
    stream = TurnStream()
    with streaming_to(stream):
        message = await asked(ACID, answer_of(ACID))
    stream.done()

    events = await stream.after(0, 1.0)
    assert [event.name for event in events] == ["status", "token", "sources", "done"]
    assert events[2].data == {"sources": message["metadata"]["sources"]}


@pytest.mark.parametrize("text", ["/clarify", ""])
async def test_a_pressed_button_is_no_question_to_a_model(
    asked: Callable[..., Any], model: FakeLanguageModel, text: str
) -> None:
    assert (await asked(ACID, answer_of(ACID), text=text))["text"] == QUOTATION
    assert model.requests == []


async def test_without_a_server_nothing_is_asked(
    domain: Domain, tracker: MakeTracker, remote_action_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FRONTDESK_LLM_URL", raising=False)

    answer = await FrontdeskNLG(EndpointConfig(), domain).generate(
        "utter_open_answer", tracker(UserUttered("How?"), passages=[ONE]), "rest"
    )

    assert answer is not None
    assert answer["text"] == QUOTATION
    assert "answer" not in answer["metadata"]


@pytest.mark.parametrize(
    ("variable", "value"), [("FRONTDESK_LLM_URL", "localhost:5006"), ("FRONTDESK_LLM_DEADLINE_SECONDS", "soon")]
)
def test_a_setting_that_cannot_be_used_is_named_at_the_start(
    domain: Domain, remote_action_run: Any, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(LanguageModelSettingsError, match=f"{variable}={value}"):
        FrontdeskNLG(EndpointConfig(), domain)


# What a language model may read ------------------------------------------------------------------------------------


async def test_the_model_reads_the_conversation_without_the_orders_data(
    nlg: FrontdeskNLG, tracker: MakeTracker, model: FakeLanguageModel
) -> None:
    events: list[Any] = [UserUttered("where is order 1187?")]
    values = {"number": "1187", "items": "Sonarra Quiet 700", "expected": "Friday"}
    for response, given in (("utter_order_packed", values), ("utter_product_price", {"name": "A kettle"})):
        message = await nlg.generate(response, tracker(), "rest", **given, price="£30", stock="in stock")
        assert message is not None
        events.append(BotUttered(message["text"], {}, {"metadata": message["metadata"]}))
    events.append(BotUttered("Somebody else's words", {}))
    model.parts = [answer_of(ACID)]

    await nlg.generate("utter_open_answer", tracker(*events, UserUttered("How?"), passages=[ONE]), "rest")

    assert [turn.content for turn in model.requests[0].history] == [
        "where is order 1187?",
        "Order … (…) is packed and waiting for the courier. You can expect it ….",
        "A kettle costs £30 and is in stock.",
    ]


# Rephrasing --------------------------------------------------------------------------------------------------------

RESPONSE = "Write to {support_email} or see [our help](https://shop.example/help) about order {number}."


@pytest.fixture
def rephrasing(model: FakeLanguageModel, remote_action_run: Any, tracker: MakeTracker) -> Callable[..., Any]:
    """The message for a response that asks to be rephrased, where the server says `said`."""

    async def message(said: Any, **metadata: Any) -> dict[str, Any]:
        response = {
            "text": RESPONSE,
            "buttons": [{"title": "Yes", "payload": "/affirm"}],
            "metadata": metadata or {"rephrase": True},
        }
        own = Domain.from_dict({"responses": {"utter_x": [response], "utter_no_answer": [{"text": "No."}]}})
        model.rephrasing = said
        answer = await FrontdeskNLG(EndpointConfig(), own, model).generate("utter_x", tracker(), "rest", number="1043")
        assert answer is not None
        return answer

    return message


@pytest.fixture
def plain(nlg: FrontdeskNLG) -> str:
    """The response as the domain has it, filled."""
    filled = RESPONSE.replace("{number}", "1043")
    return filled.replace("{support_email}", nlg._brand["support_email"])


async def test_a_response_may_be_rephrased_and_keeps_its_buttons(rephrasing: Callable[..., Any], plain: str) -> None:
    other = "About order 1043: " + plain

    message = await rephrasing(Rephrasing(text=other, changed=True))

    assert message["text"] == other
    assert message["buttons"] == [{"title": "Yes", "payload": "/affirm"}]


async def test_a_lost_link_keeps_the_response_as_it_is(rephrasing: Callable[..., Any], plain: str) -> None:
    message = await rephrasing(Rephrasing(text="Write to us about order 1043.", changed=True))

    assert message["text"] == plain


async def test_another_address_keeps_the_response_as_it_is(rephrasing: Callable[..., Any], plain: str) -> None:
    other = plain.replace("https://shop.example/help", "https://elsewhere.example/help")

    assert (await rephrasing(Rephrasing(text=other, changed=True)))["text"] == plain


@pytest.mark.parametrize("said", [LlmError("unreachable", "gone"), Silence(), Rephrasing(text="x", changed=False)])
async def test_without_other_words_the_response_goes_out_as_it_is(
    rephrasing: Callable[..., Any], plain: str, monkeypatch: pytest.MonkeyPatch, said: Any
) -> None:
    monkeypatch.setenv("FRONTDESK_LLM_REPHRASE_SECONDS", "0.02")

    assert (await rephrasing(said))["text"] == plain


async def test_a_response_that_does_not_ask_for_it_is_not_rephrased(
    rephrasing: Callable[..., Any], model: FakeLanguageModel, plain: str
) -> None:
    assert (await rephrasing(Rephrasing(text="x", changed=True), rephrase=False))["text"] == plain
    assert model.rephrase_requests == []


def test_no_response_of_the_project_asks_for_it(domain: Domain) -> None:
    asking = [
        name
        for name, variants in domain.responses.items()
        if any((variant.get("metadata") or {}).get("rephrase") for variant in variants)
    ]
    assert asking == []


@pytest.mark.parametrize(
    ("verdict", "noted"), [("abstained", [{"conversation_id": "anna", "topic": "Descaling"}]), ("quoted", [])]
)
@pytest.mark.parametrize("status", [200, 503])
async def test_only_an_abstention_takes_back_the_answer_in_the_shops_figures(
    domain: Domain,
    model: FakeLanguageModel,
    tracker: MakeTracker,
    remote_action_run: Any,
    verdict: str,
    noted: list[Any],
    status: int,
) -> None:
    told: list[Any] = []

    def action_server(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/conversations/unanswered"
        told.append(json.loads(request.content))
        return httpx.Response(status, json={})

    calls = ConversationCalls("http://actions/webhook", "secret", httpx.MockTransport(action_server))
    abstentions = Abstentions(calls)
    model.parts = [Answer(verdict=verdict, text="I don't know.")]
    state = tracker(UserUttered("How?"), passages=[ONE, TWO])

    answer = await FrontdeskNLG(EndpointConfig(), domain, model, abstentions).generate(
        "utter_open_answer", state, "rest"
    )
    await abstentions.finished()

    assert answer is not None
    assert "Descaling" in answer["text"]
    assert told == [{**each, "conversation_id": state.sender_id} for each in noted]


def test_without_the_action_servers_secret_abstentions_are_not_noted() -> None:
    assert Abstentions.from_environment({"FRONTDESK_ACTIONS_URL": "http://actions/webhook"}) is None
    both = {"FRONTDESK_ACTIONS_URL": "http://actions/webhook", "FRONTDESK_SECRET_KEY": "x" * 32}
    assert Abstentions.from_environment(both) is not None
