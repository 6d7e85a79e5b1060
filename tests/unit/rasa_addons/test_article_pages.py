"""Articles as the channel shows them: sections, provenance, escaped markup, policy, and what happens without one."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from lxml import html

from rasa_addons.operations_channel import CONTENT_SECURITY_POLICY
from rasa_addons.web.settings import Limits
from rasa_addons.web_channel import WebChannel
from tests.browser.attacks import VECTORS
from tests.unit.rasa_addons.conftest import FakeAgent, Serve, web_settings

PAGES = "/webhooks/rest/articles"
ARTICLE: dict[str, Any] = {
    "slug": "descaling",
    "title": "Descaling a kettle",
    "language": "en",
    "url": None,
    "source": "kettles/descaling.md",
    "version": "3",
    "author": "A. Writer",
    "dated": "2026-02-01",
    "sections": [
        {"path": [], "anchor": "", "text": "First of all."},
        {"path": ["With acid"], "anchor": "with-acid", "text": "1. Boil.\n2. **Rinse**."},
        {"path": ["With acid", "How often"], "anchor": "with-acid-how-often", "text": "|a|b|\n|-|-|\n|1|2|"},
    ],
}


class ActionServer:
    """Gives one article for every slug."""

    def __init__(self) -> None:
        self.answer = httpx.Response(200, json=ARTICLE)
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return self.answer

    def has(self, **changes: Any) -> None:
        self.answer = httpx.Response(200, json={**ARTICLE, **changes})


@pytest.fixture
def actions() -> ActionServer:
    return ActionServer()


def channel(actions: ActionServer, **changes: Any) -> WebChannel:
    return WebChannel(web_settings(**changes), httpx.MockTransport(actions))


async def test_an_article_has_its_sections_and_where_it_comes_from(serve: Serve, actions: ActionServer) -> None:
    async with serve(channel(actions)) as client:
        answer = await client.get(f"{PAGES}/descaling")

    page = html.fromstring(answer.text)
    assert answer.status_code == 200
    assert actions.asked == ["http://actions.example/articles/descaling"]
    assert [(heading.tag, heading.get("id"), heading.text) for heading in page.xpath("//h1|//h2|//h3")] == [
        ("h1", None, "Descaling a kettle"),
        ("h2", "with-acid", "With acid"),
        ("h3", "with-acid-how-often", "How often"),
    ]
    assert page.xpath("//ol/li/strong/text()") == ["Rinse"]
    assert page.xpath("//td/text()") == ["1", "2"]
    assert page.xpath("//dd//text()") == ["2026-02-01", "3", "A. Writer", "kettles/descaling.md"]


async def test_nothing_of_a_page_comes_from_elsewhere_or_runs(serve: Serve, actions: ActionServer) -> None:
    async with serve(channel(actions)) as client:
        answers = [await client.get(f"{PAGES}/descaling"), await client.get("/webhooks/rest/articles.css")]

    for answer in answers:
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "{{" not in answers[1].text
    page = html.fromstring(answers[0].text)
    assert page.xpath("//script/@src|//link/@href") == ["/webhooks/rest/articles.css", "/webhooks/rest/support-chat.js"]
    assert page.xpath("//style|//script[not(@src)]|//@style") == []


async def test_markup_in_an_article_stays_text(serve: Serve, actions: ActionServer) -> None:
    ours = {"html", "head", "meta", "title", "link", "script", "body", "main", "section", "footer", "support-chat"}
    text = {
        "p",
        "h1",
        "h2",
        "a",
        "pre",
        "code",
        "ul",
        "li",
        "blockquote",
        "strong",
        "em",
        "br",
        "dl",
        "div",
        "dt",
        "dd",
    }
    allowed = ours | text | {"time", "table", "thead", "tbody", "tr", "th", "td"}
    shown = []
    async with serve(channel(actions, limits=Limits(pages_address=len(VECTORS)))) as client:
        for vector in VECTORS:
            sections = [{"path": [vector], "anchor": "x", "text": vector}]
            actions.has(title=vector, author=vector, source=vector, version=vector, sections=sections)
            shown.append(html.fromstring((await client.get(f"{PAGES}/descaling")).text))

    for vector, page in zip(VECTORS, shown, strict=True):
        elements = [element for element in page.iter() if isinstance(element.tag, str)]
        links = [str(address).lower() for address in page.xpath("//a/@href")]
        assert {element.tag for element in elements} <= allowed, vector
        assert not [name for element in elements for name in element.attrib if name.startswith("on")], vector
        assert len(page.xpath("//script")) == 1, vector
        assert all(address.startswith(("https:", "http:", "mailto:", "/")) for address in links), vector


@pytest.mark.parametrize("slug", ["nothing", "UPPER", "a" * 121])
async def test_an_article_that_is_not_there_is_a_page_that_says_so(
    serve: Serve, actions: ActionServer, slug: str
) -> None:
    actions.answer = httpx.Response(404, json={"error": "not_found"})
    async with serve(channel(actions)) as client:
        answer = await client.get(f"{PAGES}/{slug}")

    assert answer.status_code == 404
    assert "This article is not here" in answer.text


@pytest.mark.parametrize("slug", ["..%2f..%2fconversations%2ferase", "%2e%2e%2fready", "x%00y", "x%3fy"])
async def test_no_other_call_of_the_action_server_is_reached(serve: Serve, actions: ActionServer, slug: str) -> None:
    async with serve(channel(actions)) as client:
        assert (await client.get(f"{PAGES}/{slug}")).status_code == 404

    assert actions.asked == []


@pytest.mark.parametrize(
    "broken",
    [
        httpx.Response(503, json={"error": "unavailable"}),
        httpx.Response(200, text="<html>proxy login</html>"),
        httpx.Response(200, json=["no article"]),
        httpx.Response(200, json={"title": "without sections"}),
    ],
    ids=["unavailable", "garbage", "a list", "without sections"],
)
async def test_an_article_that_cannot_be_had_just_now_is_a_page_that_says_so(
    serve: Serve, actions: ActionServer, broken: httpx.Response
) -> None:
    actions.answer = broken
    async with serve(channel(actions)) as client:
        answer = await client.get(f"{PAGES}/descaling")

    assert answer.status_code == 503
    assert "cannot be shown just now" in answer.text
    assert answer.headers["retry-after"] == "5"


async def test_an_address_gets_so_many_pages_a_minute(serve: Serve, agent: FakeAgent, actions: ActionServer) -> None:
    async with serve(channel(actions, limits=Limits(pages_address=1))) as client:
        answers = [await client.get(f"{PAGES}/descaling") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert "Please try again" in answers[1].text
