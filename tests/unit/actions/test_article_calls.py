"""Articles as the action server gives them to the channel, and the setting that says where they are shown."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import pytest
from sanic import Sanic
from sanic.touchup.service import TouchUp

from actions.article_calls import add_article_calls
from actions.server import articles_url
from knowledge_base.database import DatabaseUnavailable
from knowledge_base.schema import Article, Passage
from knowledge_base.settings import SettingsError
from tests.unit.actions.conftest import Shop
from tests.unit.actions.shop_orders import NOW

_numbers = itertools.count(1)


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    """Calls the action server inside this process."""
    app = Sanic(f"article_calls_{next(_numbers)}", configure_logging=False, register=False)
    app.asgi = True
    add_article_calls(app)
    with pytest.MonkeyPatch.context() as patches:
        for owner, method in TouchUp._registry:  # Sanic compiles these anew, which works once in a process
            patches.setattr(owner, method, getattr(owner, method))
        await app._startup()
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://actions") as opened:
            yield opened


def write(shop: Shop, **changes: Any) -> None:
    passage = Passage(position=0, title="Descaling", heading="Acid", text="Rinse twice.", token_count=3)
    fields = {"slug": "descaling", "title": "Descaling", "category": "how-to", "content_hash": "0" * 64, **changes}
    with shop.services.database.transaction() as session:
        session.add(Article(**fields, imported_at=NOW, dated=date(2026, 2, 1), source="d.md", passages=[passage]))


async def test_an_article_is_given_with_its_sections_and_where_it_comes_from(
    client: httpx.AsyncClient, shop: Shop
) -> None:
    write(shop, author="A. Writer")

    answer = await client.get("/articles/descaling")

    assert answer.status_code == 200
    assert answer.json() == {
        "slug": "descaling",
        "title": "Descaling",
        "language": "en",
        "url": None,
        "source": "d.md",
        "version": None,
        "author": "A. Writer",
        "dated": "2026-02-01",
        "sections": [{"path": ["Acid"], "anchor": "acid", "text": "Rinse twice."}],
    }


async def test_what_is_not_for_everyone_is_not_given(client: httpx.AsyncClient, shop: Shop) -> None:
    write(shop, audience="staff")

    for slug in ("descaling", "unknown"):
        answer = await client.get(f"/articles/{slug}")
        assert (answer.status_code, answer.json()) == (404, {"error": "not_found"})


async def test_a_database_that_is_away_is_said_to_be(
    client: httpx.AsyncClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise DatabaseUnavailable("locked")

    monkeypatch.setattr(shop.services, "read", away)

    assert (await client.get("/articles/descaling")).status_code == 503


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("", None),
        ("https://shop.example/webhooks/rest/articles/", "https://shop.example/webhooks/rest/articles"),
        ("http://127.0.0.1:5005/a", "http://127.0.0.1:5005/a"),
    ],
)
def test_articles_are_shown_where_the_setting_says(said: str, address: str | None) -> None:
    assert articles_url({"FRONTDESK_ARTICLES_URL": said}) == address


@pytest.mark.parametrize("said", ["javascript:alert(1)", "/articles", "shop.example", "https://", "https://a b"])
def test_an_address_that_is_none_is_refused(said: str) -> None:
    with pytest.raises(SettingsError, match="FRONTDESK_ARTICLES_URL"):
        articles_url({"FRONTDESK_ARTICLES_URL": said})
