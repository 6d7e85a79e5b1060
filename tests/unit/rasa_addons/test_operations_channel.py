"""The demo shop and what operators ask: routes, headers, the shop's name, readiness, counters."""

from __future__ import annotations

from dataclasses import replace

import pytest

from frontdesk.brand import load_brand
from rasa_addons import operations_channel
from rasa_addons.operations_channel import CONTENT_SECURITY_POLICY, PAGE_FOLDER, OperationsChannel
from tests.unit.rasa_addons.conftest import FakeAgent, Serve


async def test_the_page_takes_the_place_of_rasas_greeting(serve: Serve) -> None:
    async with serve() as client:
        assert "Hello from Rasa" in (await client.get("/")).text
    async with serve(OperationsChannel()) as client:
        page = await client.get("/")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Hello from Rasa" not in page.text
    assert "<html" in page.text


async def test_the_page_and_its_files_allow_nothing_from_elsewhere(serve: Serve) -> None:
    async with serve(OperationsChannel()) as client:
        for path in ("/", "/page/shop.js", "/page/shop.css"):
            headers = (await client.get(path)).headers
            assert headers["content-security-policy"] == CONTENT_SECURITY_POLICY
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"

    assert "default-src 'none'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "frame-ancestors 'none'" in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("file", sorted(path for path in PAGE_FOLDER.iterdir()), ids=lambda path: path.name)
async def test_every_file_of_the_page_is_served(serve: Serve, file: object) -> None:
    name = str(getattr(file, "name", ""))
    async with serve(OperationsChannel()) as client:
        answer = await client.get(f"/page/{name}")

    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] in {
        "text/html", "text/javascript", "text/css", "image/svg+xml",
    }  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/page/other.js", "/page/..%2f..%2fbrand.yml", "/page/%2e%2e/nlg.py", "/page/", "/page/__init__.py"]
)
async def test_any_other_file_is_not_found(serve: Serve, path: str) -> None:
    async with serve(OperationsChannel()) as client:
        answer = await client.get(path)

    assert answer.status_code == 404
    assert "name:" not in answer.text


async def test_the_shops_name_is_escaped_and_its_colour_put_in(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    brand = replace(load_brand(), name='<script>alert("x")</script> & Sons', colour="#123ABC")
    monkeypatch.setattr(operations_channel, "load_brand", lambda: brand)

    async with serve(OperationsChannel()) as client:
        page = (await client.get("/")).text
        styles = (await client.get("/page/shop.css")).text

    assert "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; Sons" in page
    assert "<script>alert" not in page
    assert "{{" not in page + styles
    assert "#123ABC" in page + styles


async def test_it_is_alive_at_once_and_ready_with_a_model(serve: Serve, agent: FakeAgent) -> None:
    async with serve(OperationsChannel(), with_agent=False) as client:
        assert (await client.get("/health")).json() == {"status": "alive"}
        assert (await client.get("/ready")).status_code == 503
    async with serve(OperationsChannel()) as client:
        ready = await client.get("/ready")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "model": "model-1"})
        agent.ready = False
        assert (await client.get("/ready")).status_code == 503


async def test_the_counters_are_shown(serve: Serve) -> None:
    async with serve(OperationsChannel()) as client:
        metrics = await client.get("/metrics")

    assert metrics.headers["content-type"].startswith("text/plain; version=")
    assert "# TYPE frontdesk_turns_total counter" in metrics.text
