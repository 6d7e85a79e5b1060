"""How often and how much at once: counted for each conversation and each address, refused with the time to wait."""

from __future__ import annotations

import ipaddress
import logging
import time
import uuid
from dataclasses import dataclass
from typing import Callable, Tuple

from sanic.request import Request

from rasa_addons.web.errors import ChannelError
from rasa_addons.web.settings import Limits
from rasa_addons.web.shared_state import SharedState, StateUnavailable

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60
STREAM_RETRY_SECONDS = 5
LONGEST_STREAM_SECONDS = 180  # of one connection; a turn takes a minute at most
IPV6_NETWORK_BITS = 64  # what one customer of a network gets


def address_of(request: Request) -> str:
    """Where a request comes from; of IPv6 the network, as one machine has all of its addresses.

    Behind a proxy Sanic reads it from the proxy's header, if SANIC_PROXIES_COUNT says that there is one.
    """
    said = request.remote_addr or request.ip or ""
    try:
        address = ipaddress.ip_address(said)
    except ValueError:
        return said
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, IPV6_NETWORK_BITS), strict=False))


@dataclass(frozen=True)
class StreamPlace:
    """The place of one stream among those that may be open at the same time."""

    keys: Tuple[str, ...]
    name: str
    state: SharedState

    async def aclose(self) -> None:
        """Makes the place free. Where the state does not answer it becomes free by itself."""
        try:
            for key in self.keys:
                await self.state.leave(key, self.name)
        except StateUnavailable as error:
            logger.warning("the place of a stream stays taken for a while", extra={"error": str(error)})


class Limiter:
    """Counts in windows of a minute, which begin for all keys together."""

    def __init__(self, limits: Limits, state: SharedState, clock: Callable[[], float] = time.time) -> None:
        self._limits = limits
        self._state = state
        self._clock = clock

    async def message(self, conversation: str, address: str) -> None:
        """One more message. Raises ChannelError where it is one too many, and StateUnavailable."""
        await self._count("messages_address", address, self._limits.messages_address)
        await self._count("messages", conversation, self._limits.messages)

    async def new_session(self, address: str) -> None:
        """One more conversation begun. Raises as `message`."""
        await self._count("sessions_address", address, self._limits.sessions_address)

    async def request(self, conversation: str) -> None:
        """One more request that is no message. Raises as `message`."""
        await self._count("requests", conversation, self._limits.requests)

    async def page(self, address: str) -> None:
        """One more page for an address. Raises as `message`."""
        await self._count("pages_address", address, self._limits.pages_address)

    async def _count(self, name: str, who: str, most: int) -> None:
        window, into = divmod(self._clock(), WINDOW_SECONDS)
        number = await self._state.count(f"limit:{name}:{who}:{int(window)}", WINDOW_SECONDS)
        if number > most:
            wait = max(1, round(WINDOW_SECONDS - into))
            raise ChannelError(
                429, "rate_limited", "Too many requests.", response="utter_rate_limited", retry_after=wait
            )

    async def open_stream(self, conversation: str, address: str) -> StreamPlace:
        """One more stream, until its place is closed. Raises as `message`."""
        name, taken = uuid.uuid4().hex, StreamPlace((), "", self._state)
        for key, most in (
            (f"streams_address:{address}", self._limits.streams_address),
            (f"streams:{conversation}", self._limits.streams),
        ):
            if not await self._state.enter(key, name, most, LONGEST_STREAM_SECONDS):
                await taken.aclose()
                raise ChannelError(
                    429,
                    "too_many_streams",
                    "Too many answers are being streamed at once.",
                    response="utter_too_many_streams",
                    retry_after=STREAM_RETRY_SECONDS,
                )
            taken = StreamPlace((*taken.keys, key), name, self._state)
        return taken
