"""Images that customers upload: only where they are switched on, only images, only one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rasa_addons.web.images import LARGEST_BYTES, MOST_IN_CONVERSATION
from rasa_addons.web_channel import WebChannel
from tests.unit.rasa_addons.conftest import FakeAgent, Serve, open_channel

CHANNEL = "/webhooks/rest"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 20
WEBP = b"RIFF\x20\0\0\0WEBPVP8 "


@pytest.fixture
def channel(tmp_path: Path) -> WebChannel:
    return open_channel(require_session=True, images_folder=tmp_path)


async def session(channel: WebChannel) -> tuple[str, dict[str, str]]:
    """A conversation and its headers."""
    issued = await channel.sessions.begin()
    return issued.session.conversation, {"Authorization": f"Bearer {issued.token}"}


async def upload(client: Any, headers: dict[str, str], content: bytes = PNG, kind: str = "image/png") -> Any:
    return await client.post(f"{CHANNEL}/images", content=content, headers={**headers, "Content-Type": kind})


@pytest.mark.parametrize(
    ("content", "kind"),
    [(PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "Image/WebP; x=1")],
    ids=["png", "jpeg", "webp"],
)
async def test_an_image_is_kept_with_its_conversation_and_goes_along_with_a_message(
    serve: Serve, agent: FakeAgent, channel: WebChannel, tmp_path: Path, content: bytes, kind: str
) -> None:
    conversation, headers = await session(channel)
    async with serve(channel) as client:
        answer = await upload(client, headers, content, kind)
        name = answer.json()["id"]
        body = {"message": "it is broken", "images": [name, name], "metadata": {"images": ["other"]}}
        sent = await client.post(f"{CHANNEL}/webhook", json=body, headers=headers)

    assert (answer.status_code, sent.status_code) == (201, 200)
    [file] = (tmp_path / conversation).iterdir()
    assert (file.stem, file.read_bytes()) == (name, content)
    assert agent.received[0].metadata == {"images": [name]}


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (b"<svg onload=alert(1)>", "image/svg+xml", 415, "image_type"),
        (b"<html>", "image/png", 415, "image_type"),
        (PNG, "image/jpeg", 415, "image_type"),
        (b"", "image/png", 415, "image_type"),
        (PNG, "", 415, "image_type"),
        (PNG + b"\0" * LARGEST_BYTES, "image/png", 413, "image_too_large"),
    ],
    ids=["svg", "html", "other type", "empty", "no type", "large"],
)
async def test_what_is_no_image_of_the_type_it_says_is_refused(
    serve: Serve, channel: WebChannel, tmp_path: Path, content: bytes, kind: str, status: int, code: str
) -> None:
    _, headers = await session(channel)
    async with serve(channel) as client:
        answer = await upload(client, headers, content, kind)

    assert (answer.status_code, answer.json()["error"]) == (status, code)
    assert list(tmp_path.iterdir()) == []


async def test_anothers_image_is_not_found(serve: Serve, agent: FakeAgent, channel: WebChannel) -> None:
    (_, alex), (conversation, mallory) = await session(channel), await session(channel)
    async with serve(channel) as client:
        name = (await upload(client, alex)).json()["id"]
        for images in ([name], [f"../{conversation}"], [".."]):
            body = {"message": "hi", "images": images}
            answer = await client.post(f"{CHANNEL}/webhook", json=body, headers=mallory)
            assert (answer.status_code, answer.json()["error"]) == (404, "not_found")

    assert agent.received == []


async def test_a_conversation_has_room_for_so_many(serve: Serve, channel: WebChannel) -> None:
    _, headers = await session(channel)
    async with serve(channel) as client:
        statuses = [(await upload(client, headers)).status_code for _ in range(MOST_IN_CONVERSATION + 1)]

    assert statuses == [*[201] * MOST_IN_CONVERSATION, 429]


@pytest.mark.parametrize("images", ["x", [1], ["x"] * 5, {"a": 1}])
async def test_images_of_another_form_are_a_bad_request(serve: Serve, channel: WebChannel, images: Any) -> None:
    _, headers = await session(channel)
    async with serve(channel) as client:
        answer = await client.post(f"{CHANNEL}/webhook", json={"message": "hi", "images": images}, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")


async def test_images_are_erased_with_their_conversation(channel: WebChannel, tmp_path: Path) -> None:
    images = channel.images
    assert images is not None
    for conversation in ("web-1", "web-2"):
        await images.keep(conversation, "image/png", PNG)

    await images.erase("web-1")
    await images.erase("web-3")

    assert [path.name for path in tmp_path.iterdir()] == ["web-2"]


async def test_config_says_whether_images_are_taken(serve: Serve, channel: WebChannel) -> None:
    async with serve(channel) as client:
        config = (await client.get(f"{CHANNEL}/config")).json()

    assert config["features"]["images"] is True
    assert config["images"] == {"types": ["image/jpeg", "image/png", "image/webp"], "bytes": LARGEST_BYTES}


async def test_where_they_are_switched_off_none_are_taken(serve: Serve, agent: FakeAgent) -> None:
    channel = open_channel()
    _, headers = await session(channel)
    async with serve(channel) as client:
        answer = await upload(client, headers)
        await client.post(f"{CHANNEL}/webhook", json={"message": "hi", "images": ["x"]}, headers=headers)
        config = (await client.get(f"{CHANNEL}/config")).json()

    assert (answer.status_code, answer.json()["error"]) == (404, "not_offered")
    assert agent.received[0].metadata == {}
    assert (config["features"]["images"], "images" in config) == (False, False)
