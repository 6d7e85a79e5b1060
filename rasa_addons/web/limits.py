"""How often and how much at once: counted for each conversation and each address, refused with the time to wait."""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from contextlib import contextmanager
from typing import Callable, Iterator

from sanic.request import Request

from rasa_addons.web.errors import ChannelError
from rasa_addons.web.settings import Limits
from rasa_addons.web.shared_state import SharedState

WINDOW_SECONDS = 60
STREAM_RETRY_SECONDS = 5
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


class Limiter:
    """Counts in windows of a minute, which begin for all keys together."""

    def __init__(self, limits: Limits, state: SharedState, clock: Callable[[], float] = time.time) -> None:
        self._limits = limits
        self._state = state
        self._clock = clock
        self._open: Counter[str] = Counter()

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

    async def _count(self, name: str, who: str, most: int) -> None:
        window, into = divmod(self._clock(), WINDOW_SECONDS)
        number = await self._state.count(f"limit:{name}:{who}:{int(window)}", WINDOW_SECONDS)
        if number > most:
            wait = max(1, round(WINDOW_SECONDS - into))
            raise ChannelError(
                429, "rate_limited", "Too many requests.", response="utter_rate_limited", retry_after=wait
            )

    def check_stream(self, conversation: str, address: str) -> None:
        """Raises ChannelError where one more stream would be too many."""
        for name, who, most in (
            ("streams_address", address, self._limits.streams_address),
            ("streams", conversation, self._limits.streams),
        ):
            if self._open[f"{name}:{who}"] >= most:
                raise ChannelError(
                    429,
                    "too_many_streams",
                    "Too many answers are being streamed at once.",
                    response="utter_too_many_streams",
                    retry_after=STREAM_RETRY_SECONDS,
                )

    @contextmanager
    def stream(self, conversation: str, address: str) -> Iterator[None]:
        """Counts a stream as long as the block runs."""
        keys = (f"streams_address:{address}", f"streams:{conversation}")
        self._open.update(keys)
        try:
            yield
        finally:
            self._open.subtract(keys)
            for key in keys:
                if self._open[key] <= 0:
                    del self._open[key]
