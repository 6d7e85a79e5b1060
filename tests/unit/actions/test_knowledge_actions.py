"""Open questions: which passages are kept for the answer, and what is offered where there are none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from actions.knowledge import CANDIDATES, PASSAGES_KEPT, ActionSearchKnowledge, find_passages, suggested
from actions.turn import Turn
from knowledge_base.database import DatabaseUnavailable
from knowledge_base.search import Question
from tests.unit.actions.conftest import Shop
from tests.unit.actions.conversation_builder import Conversation

DOMAIN = {"responses": {"utter_describe_track_order": [{"text": "Find out where my order is"}]}}


@dataclass(frozen=True)
class Hit:
    """What a search gives for one passage."""

    title: str
    similarity: float
    heading: str = "Descaling"
    url: str = "https://shop.example/help/descaling"
    text: str = "Use citric acid. Rinse twice."
    slug: str = "descaling"


@dataclass(frozen=True)
class Found:
    """What a search gives for a question; `relevance` is None where no score was fitted for the encoder."""

    hits: tuple[Hit, ...]
    relevance: float | None = None
    nothing_answers: bool = False
    reranked: bool = False


class FakeSearch:
    """Hits in the order of the fused ranks."""

    def __init__(self, *hits: Hit, **found: Any) -> None:
        self.found = Found(hits, **found)
        self.asked: list[tuple[Question, int]] = []

    def find(self, question: Question, limit: int = 5) -> Found:
        self.asked.append((question, limit))
        return replace(self.found, hits=self.found.hits[:limit])


class BrokenSearch(FakeSearch):
    """A knowledge base that cannot be read."""

    def find(self, question: Question, limit: int = 5) -> Found:
        raise DatabaseUnavailable("locked")


def with_search(shop: Shop, search: FakeSearch) -> FakeSearch:
    shop.services.search = search  # type: ignore[assignment]
    return search


async def test_the_nearest_passage_comes_first_and_the_far_ones_are_left_out(shop: Shop) -> None:
    search = with_search(shop, FakeSearch(Hit("B", 0.5), Hit("A", 0.9), Hit("far", 0.39), Hit("C", 0.40)))

    found = await find_passages("how do I descale it", shop.services)

    assert [passage["title"] for passage in found] == ["A", "B", "C"]
    assert search.asked == [(Question("how do I descale it"), CANDIDATES)]


async def test_only_the_best_are_kept(shop: Shop) -> None:
    with_search(shop, FakeSearch(*(Hit(str(number), 0.9 - number / 100) for number in range(5))))

    assert len(await find_passages("x", shop.services)) == PASSAGES_KEPT


async def test_a_passage_has_what_the_answer_needs(shop: Shop) -> None:
    with_search(shop, FakeSearch(Hit("Descaling a kettle", 0.912345)))

    [passage] = await find_passages("what acid", shop.services)

    assert passage == {
        "title": "Descaling a kettle",
        "heading": "Descaling",
        "url": "https://shop.example/help/descaling",
        "text": "Use citric acid. Rinse twice.",
        "similarity": 0.9123,
        "quote": passage["quote"],
    }
    assert passage["quote"] in passage["text"]


@pytest.mark.parametrize(
    ("url", "pages", "link"),
    [
        (
            "{site}/help/descaling",
            "https://here.example/articles",
            "https://here.example/articles/descaling#descaling-it",
        ),
        (None, "https://here.example/articles", "https://here.example/articles/descaling#descaling-it"),
        ("https://maker.example/manual", "https://here.example/articles", "https://maker.example/manual"),
        ("{site}/help/descaling", None, "{site}/help/descaling"),
        (None, None, None),
    ],
)
async def test_an_article_without_a_page_of_its_own_is_linked_to_where_the_channel_shows_it(
    shop: Shop, url: str | None, pages: str | None, link: str | None
) -> None:
    site = shop.services.brand.site_url
    filled = None if url is None else url.format(site=site)
    with_search(shop, FakeSearch(Hit("A", 0.9, heading="Descaling > it", url=filled)))  # type: ignore[arg-type]

    [passage] = await find_passages("x", replace(shop.services, articles_url=pages))

    assert passage["url"] == (None if link is None else link.format(site=site))


async def test_the_floor_is_a_setting(shop: Shop) -> None:
    with_search(shop, FakeSearch(Hit("A", 0.5)))

    assert await find_passages("x", replace(shop.services, relevance_floor=0.6)) == []


async def test_where_the_score_says_that_nothing_answers_nothing_is_kept(shop: Shop) -> None:
    with_search(shop, FakeSearch(Hit("A", 0.9), relevance=0.1, nothing_answers=True))

    assert await find_passages("x", shop.services) == []


async def test_where_the_score_says_that_something_answers_the_nearest_is_kept(shop: Shop) -> None:
    with_search(shop, FakeSearch(Hit("far", 0.31), Hit("A", 0.35), relevance=0.8))

    assert [passage["title"] for passage in await find_passages("x", shop.services)] == ["A"]


async def test_a_rerankers_order_stays(shop: Shop) -> None:
    with_search(shop, FakeSearch(Hit("first", 0.5), Hit("nearer", 0.9), reranked=True))

    assert [passage["title"] for passage in await find_passages("x", shop.services)] == ["first", "nearer"]


async def test_a_follow_up_is_read_with_the_turns_before_it(shop: Shop) -> None:
    search = with_search(shop, FakeSearch(Hit("A", 0.9)))
    talk = Conversation().user("how much is delivery", "ask_delivery")

    await talk.user("and to Belfast?", "nlu_fallback").run(ActionSearchKnowledge(), DOMAIN)

    assert search.asked[0][0] == Question("and to Belfast?", ("how much is delivery",))


async def test_a_question_that_stands_alone_is_read_alone(shop: Shop) -> None:
    search = with_search(shop, FakeSearch(Hit("A", 0.9)))
    talk = Conversation().user("how much is delivery", "ask_delivery")

    await talk.user("can I return opened headphones", "nlu_fallback").run(ActionSearchKnowledge(), DOMAIN)

    assert search.asked[0][0] == Question("can I return opened headphones")


@pytest.mark.parametrize(
    ("question", "title", "text"),
    [
        ("how heavy is the pureair 300", "Aldergate PureAir 300", "Weight: 5.2 kg"),
        ("what does the Aldergate PureAir 300 cost", "Aldergate PureAir 300", "Price: £149.99"),
        ("is the pureair 300 in stock", "Aldergate PureAir 300", "Availability: in stock"),
    ],
)
async def test_facts_of_the_catalogue_come_before_passages(shop: Shop, question: str, title: str, text: str) -> None:
    with_search(shop, FakeSearch(Hit("Air purifiers", 0.9), Hit("B", 0.8), Hit("C", 0.7)))

    fact, *passages = await find_passages(question, shop.services)

    assert (fact["title"], fact["text"], fact["quote"]) == (title, text, text)
    assert [passage["title"] for passage in passages] == ["Air purifiers", "B"]


@pytest.mark.parametrize(
    "question",
    [
        "what does the pureair 300 cost to run",
        "how heavy is an air purifier",
        "does the pureair 300 remove smells of cooking",
    ],
    ids=["running-cost", "no-product", "no-fact"],
)
async def test_what_no_table_has_is_left_to_the_articles(shop: Shop, question: str) -> None:
    with_search(shop, FakeSearch(Hit("Air purifiers", 0.9)))

    assert [passage["title"] for passage in await find_passages(question, shop.services)] == ["Air purifiers"]


async def test_a_fact_answers_where_no_article_does(shop: Shop) -> None:
    with_search(shop, FakeSearch())

    reply = (
        await Conversation().user("how heavy is the pureair 300", "nlu_fallback").run(ActionSearchKnowledge(), DOMAIN)
    )

    assert [passage["text"] for passage in reply.set_slots["passages"]] == ["Weight: 5.2 kg"]
    assert shop.outcomes() == [("answered_from_knowledge", "Aldergate PureAir 300")]


async def test_what_was_found_is_kept_and_counted(shop: Shop) -> None:
    with_search(shop, FakeSearch(Hit("A", 0.9)))

    reply = (
        await Conversation()
        .user("how?", "nlu_fallback", candidates=["track_order"])
        .run(ActionSearchKnowledge(), DOMAIN)
    )

    assert [passage["title"] for passage in reply.set_slots["passages"]] == ["A"]
    assert reply.set_slots["suggestions"] == []
    assert shop.outcomes() == [("answered_from_knowledge", "A")]


async def test_where_nothing_is_found_the_routers_candidates_are_offered(shop: Shop) -> None:
    with_search(shop, FakeSearch())
    talk = Conversation().set(passages=[{"title": "old"}])

    reply = await talk.user("1043", "nlu_fallback", candidates=["track_order"]).run(ActionSearchKnowledge(), DOMAIN)

    assert reply.set_slots["passages"] == []
    assert [button["payload"] for button in reply.set_slots["suggestions"]] == [
        '/track_order{"order_number": "1043"}',
        "/talk_to_person",
    ]
    assert shop.outcomes() == [("not_answered", None)]


async def test_a_button_is_not_searched_for(shop: Shop) -> None:
    search = with_search(shop, FakeSearch(Hit("A", 0.9)))

    await Conversation().button("/clarify", "clarify").run(ActionSearchKnowledge(), DOMAIN)

    assert search.asked == []


async def test_a_knowledge_base_that_cannot_be_read_ends_in_an_apology(shop: Shop) -> None:
    with_search(shop, BrokenSearch())

    reply = await Conversation().user("how?", "nlu_fallback").run(ActionSearchKnowledge(), DOMAIN)

    assert reply.responses == ["utter_technical_problem"]


@pytest.mark.parametrize("candidates", [(), ("affirm",), ("",)])
def test_an_intent_without_words_for_it_is_not_offered(candidates: tuple[str, ...]) -> None:
    said = Turn.of(Conversation().user("hm", "clarify", candidates=candidates).tracker())

    assert suggested(said, DOMAIN) == []


def test_a_domain_without_responses_offers_nothing() -> None:
    said = Turn.of(Conversation().user("hm", "clarify", candidates=("track_order",)).tracker())

    assert suggested(said, {}) == []
