"""Images that customers upload: checked, kept in a folder of their conversation, named in the messages they come with.

Off unless FRONTDESK_IMAGES=1: whoever switches it on takes in files from strangers. They are never served to anybody.
"""

from __future__ import annotations

import asyncio
import shutil
import uuid
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

from rasa_addons.web.errors import BadRequest, ChannelError

LARGEST_BYTES = 5_000_000
MOST_IN_CONVERSATION = 20
MOST_IN_MESSAGE = 4
# What a file of each type begins with; WebP says so after the length of its RIFF container.
_BEGINNINGS: Dict[str, Tuple[str, Tuple[Tuple[int, bytes], ...]]] = {
    "image/jpeg": ("jpg", ((0, b"\xff\xd8\xff"),)),
    "image/png": ("png", ((0, b"\x89PNG\r\n\x1a\n"),)),
    "image/webp": ("webp", ((0, b"RIFF"), (8, b"WEBP"))),
}
TYPES = tuple(_BEGINNINGS)
# What `/config` says of them.
CONFIG: Dict[str, Any] = {"images": {"types": list(TYPES), "bytes": LARGEST_BYTES}}


class Images:
    """The images of all conversations, in a folder each; conversation ids are the server's own, so they name one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def keep(self, conversation: str, content_type: str, content: bytes) -> str:
        """Keeps an image and gives its id.

        Raises ChannelError for another type than `TYPES`, content of another type than it says, or too much of it.
        """
        kind = content_type.partition(";")[0].strip().lower()
        if kind not in _BEGINNINGS:
            raise ChannelError(
                415, "image_type", f"An image is one of {', '.join(TYPES)}.", response="utter_image_type"
            )
        if len(content) > LARGEST_BYTES:
            raise ChannelError(
                413,
                "image_too_large",
                f"An image has at most {LARGEST_BYTES} bytes.",
                response="utter_image_too_large",
                megabytes=LARGEST_BYTES // 1_000_000,
            )
        ending, beginnings = _BEGINNINGS[kind]
        if any(content[at : at + len(sign)] != sign for at, sign in beginnings):
            raise _wrong_type("The content is not of the type that it says.")
        name = uuid.uuid4().hex
        await asyncio.to_thread(self._write, conversation, f"{name}.{ending}", content)
        return name

    def _write(self, conversation: str, name: str, content: bytes) -> None:
        folder = self._folder / conversation
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if len(list(folder.iterdir())) >= MOST_IN_CONVERSATION:
            raise ChannelError(429, "rate_limited", "This conversation has had its images.")
        (folder / name).write_bytes(content)

    def named_in(self, body: Mapping[str, Any], conversation: str) -> Tuple[str, ...]:
        """The images that a message says it comes with: this conversation's own. Raises ChannelError."""
        said = body.get("images") or []
        if not isinstance(said, list) or len(said) > MOST_IN_MESSAGE or not all(isinstance(one, str) for one in said):
            raise BadRequest(f"The field images must be a list of at most {MOST_IN_MESSAGE} ids.")
        folder = self._folder / conversation
        kept = {path.stem for path in folder.iterdir()} if folder.is_dir() else set()
        if not kept.issuperset(said):
            raise ChannelError(404, "not_found", "There is no such image.")
        return tuple(dict.fromkeys(said))

    async def erase(self, conversation: str) -> None:
        """Removes all images of a conversation. Raises OSError."""
        folder = self._folder / conversation
        if folder.is_dir():
            await asyncio.to_thread(shutil.rmtree, folder)


def _wrong_type(message: str) -> ChannelError:
    return ChannelError(415, "image_type", message, response="utter_image_type")
