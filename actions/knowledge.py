"""Open questions: finds passages in the knowledge base and keeps them for the answer that follows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import EventType, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.base import SafeAction
from actions.catalogue import fact_passage
from actions.services import Services, services
from actions.turn import PERSON_INTENT, Turn
from actions.wording import phrase
from frontdesk.conversation_view import shared_turns
from knowledge_base import outcomes
from knowledge_base.article_pages import page_link
from knowledge_base.product_questions import facts_asked
from knowledge_base.quoting import quote
from knowledge_base.search import PassageHit
from knowledge_base.search.questions import TURNS_READ, in_conversation

PASSAGES_SLOT = "passages"
SUGGESTIONS_SLOT = "suggestions"
DESCRIPTION = "utter_describe_{intent}"
PASSAGES_KEPT = 3
CANDIDATES = 5


async def find_passages(question: str, here: Services, said_before: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What answers a question, best first: facts of the catalogue, then passages, each with the sentences that do.

    Empty if nothing does. `said_before` are the turns before, oldest first; they are read if the question needs them.

    Raises:
        DatabaseUnavailable: the knowledge base can't be read.
    """

    def find() -> list[dict[str, Any]]:
        found = here.search.find(in_conversation(question, said_before), limit=CANDIDATES)
        hits = [] if found.nothing_answers else list(found.hits)
        if not found.reranked:
            # Fused ranks find the candidates; which of them is quoted first goes by nearness to the question.
            hits.sort(key=lambda hit: -hit.similarity)
        floor = here.relevance_floor
        if hits and found.relevance is not None:
            # The score says that something answers: then the first is kept, however far it is.
            floor = min(floor, hits[0].similarity)
        return [
            {
                "title": hit.title,
                "heading": hit.heading,
                "url": link_to(hit, here),
                "text": hit.text,
                "similarity": round(float(hit.similarity), 4),
                "quote": quote(question, hit.text, here.encoder),
            }
            for hit in hits[:PASSAGES_KEPT]
            if hit.similarity >= floor
        ]

    facts = await here.read(lambda session: facts_asked(session, question))
    passages = await here.in_thread(find)
    return [fact_passage(facts, here), *passages][:PASSAGES_KEPT] if facts else passages


def link_to(hit: PassageHit, here: Services) -> str | None:
    """Where a passage can be read: its section on the page that the channel shows, or its document's own address.

    The channel shows what has no address, and the articles that stand on the shop's own site, which a demo has not.
    """
    own_site = f"{here.brand.site_url}/help/"
    if here.articles_url is None or (hit.url and not hit.url.startswith(own_site)):
        return hit.url
    return page_link(hit.slug, hit.heading, here.articles_url)


async def look_up(question: str, sender: str, here: Services, said_before: Sequence[str] = ()) -> list[dict[str, Any]]:
    """`find_passages`, with a note of the outcome for the shop's figures."""
    passages = await find_passages(question, here, said_before) if question else []
    kind, topic = ("answered_from_knowledge", passages[0]["title"]) if passages else ("not_answered", None)
    await here.in_transaction(lambda session: outcomes.record(session, sender, kind, topic, here.clock()))
    return passages


def turns_before(tracker: Tracker) -> list[str]:
    """What both sides said before the last message, oldest first."""
    events = list(tracker.events)
    last = next((place for place in reversed(range(len(events))) if events[place].get("event") == "user"), 0)
    return [text for _role, text in shared_turns(events[:last], TURNS_READ)]


class ActionSearchKnowledge(SafeAction):
    """First half of an open turn; `utter_open_answer` is the second."""

    def name(self) -> str:
        return "action_search_knowledge"

    async def act(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[EventType]:
        here, turn = services(), Turn.of(tracker)
        question = "" if turn.is_button else turn.text
        passages = await look_up(question, tracker.sender_id, here, turns_before(tracker))
        suggestions = [] if passages else suggested(turn, domain)
        return [SlotSet(PASSAGES_SLOT, passages), SlotSet(SUGGESTIONS_SLOT, suggestions)]


def suggested(turn: Turn, domain: dict[str, Any]) -> list[dict[str, str]]:
    """Buttons for what the customer may have meant: the router's candidates in the customer's words, a person last.

    An order number that was said already is kept, so that it needn't be typed again after the button.
    """
    responses = domain.get("responses") or {}
    number = turn.order_number()
    entities = f'{{"order_number": "{number}"}}' if number else ""
    described = ((intent, responses.get(DESCRIPTION.format(intent=intent))) for intent in turn.candidates)
    buttons = [
        {"title": description[0]["text"], "payload": f"/{intent}{entities}"}
        for intent, description in described
        if description and intent != PERSON_INTENT
    ]
    return [*buttons, {"title": phrase("button_person"), "payload": f"/{PERSON_INTENT}"}] if buttons else []
