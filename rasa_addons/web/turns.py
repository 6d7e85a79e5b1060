"""The streams of turns: kept while they run and for two minutes after, for clients that come back.

Where several Rasa servers share their state, each turn's events are written there too, so that a client may come back
to any of them; `stop` reaches the server that runs the turn in the same way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
from dataclasses import dataclass, field
from typing import AsyncGenerator, Awaitable, Callable, Dict, Optional, Set, Tuple

from frontdesk.metrics import FAILURES
from rasa_addons.turn_stream import HEARTBEAT, StreamEvent, TurnStream
from rasa_addons.web.errors import ChannelError
from rasa_addons.web.shared_state import SharedState, StateUnavailable

logger = logging.getLogger(__name__)

KEPT_SECONDS = 120
LONGEST_TURN_SECONDS = 180  # how long the events of a turn that runs are kept; a turn takes a minute at most
# A closed connection looks like a lost one: so long a client may be away before nothing more is generated for it.
AWAY_SECONDS = 2.0
# Proxies cut a connection that is silent for 30 to 60 seconds; a page may take it for dead earlier.
HEARTBEAT_SECONDS = 10.0
LOOK_SECONDS = 0.25  # how often another server's turn is looked at
_EVENT_ID = re.compile(r"([0-9a-f]{32}):(\d{1,6})")


def parse_event_id(text: str) -> Tuple[str, int]:
    """Turn and number of a `Last-Event-ID`. Raises ChannelError."""
    match = _EVENT_ID.fullmatch(text.strip())
    if match is None:
        raise ChannelError(404, "not_found", "Last-Event-ID is not the id of an event of this server.")
    return match[1], int(match[2])


@dataclass
class _Turn:
    """One turn of this server, and who reads it."""

    id: str
    conversation: str
    stream: TurnStream
    readers: int = 0
    leaving: Optional[asyncio.Task[None]] = None
    tasks: Set[asyncio.Future[None]] = field(default_factory=set)


class Turns:
    """The turns of this server, and the way to those of the others."""

    def __init__(self, state: SharedState, shared: bool = False) -> None:
        """`shared`: whether other servers look into the state, too."""
        self._state = state
        self._shared = shared
        self._turns: Dict[str, _Turn] = {}
        self.heartbeat_seconds = HEARTBEAT_SECONDS
        self.away_seconds = AWAY_SECONDS
        self.kept_seconds: float = KEPT_SECONDS

    def start(self, turn: str, conversation: str, run: Callable[[TurnStream], Awaitable[None]]) -> None:
        """Runs a turn into a stream of its own; `run` must end with the stream's `done`, whatever happens.

        If its clients go, it goes on to its end, so that what an action has begun is finished and remembered; only
        what was being generated for them stops.
        """
        started = _Turn(turn, conversation, TurnStream())
        self._turns[turn] = started
        if self._shared:
            self._hold(started, self._publish(started))

        async def whole() -> None:
            try:
                await run(started.stream)
            finally:
                started.stream.done()
                asyncio.get_running_loop().call_later(self.kept_seconds, self._turns.pop, turn, None)

        self._hold(started, whole())

    def _hold(self, turn: _Turn, work: Awaitable[None]) -> None:
        # The event loop keeps no hold of tasks: they are held here until they end.
        task = asyncio.ensure_future(work)
        turn.tasks.add(task)
        task.add_done_callback(turn.tasks.discard)

    async def running(self) -> None:
        """Returns once every turn of this server has ended."""
        tasks = [task for turn in self._turns.values() for task in turn.tasks]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def find(self, turn: str, conversation: str) -> bool:
        """Whether the turn's events are kept, here or elsewhere.

        Raises ChannelError (404) where it is another conversation's, and StateUnavailable.
        """
        here = self._turns.get(turn)
        owner = here.conversation if here else await self._state.value(_owner(turn))
        if owner is not None and owner != conversation:
            raise ChannelError(404, "not_found", "There is no such stream.")
        return here is not None or bool(owner and await self._state.since(_events(turn), 0))

    async def known(self, turn: str, conversation: str) -> None:
        """Raises ChannelError where the turn's events are not kept (410), or it is not this conversation's (404)."""
        if not await self.find(turn, conversation):
            raise ChannelError(410, "stream_gone", "This stream is over; read GET /webhooks/rest/history.")

    async def encoded(self, turn: str, number: int = 0) -> AsyncGenerator[str, None]:
        """The turn's events after `number` as they come, as Server-Sent Events with heartbeats; `done` is the last.

        Leaving early counts as the client's going away.
        """
        here = self._turns.get(turn)
        reading = self._read_here(here, number) if here else self._read_elsewhere(turn, number)
        async with contextlib.aclosing(reading) as events:
            async for event in events:
                if event is None:
                    yield HEARTBEAT
                    continue
                number += 1
                yield event.encoded(turn, number)

    async def _read_here(self, turn: _Turn, number: int) -> AsyncGenerator[Optional[StreamEvent], None]:
        turn.readers += 1
        if turn.leaving is not None:
            turn.leaving.cancel()
            turn.leaving = None
        try:
            while True:
                events = await turn.stream.after(number, self.heartbeat_seconds)
                if not events:
                    yield None
                for event in events:
                    yield event
                number += len(events)
                if turn.stream.finished and not await turn.stream.after(number, 0.0):
                    return
        finally:
            turn.readers -= 1
            if turn.readers == 0 and not turn.stream.finished:
                turn.leaving = asyncio.ensure_future(self._leave(turn))

    async def _leave(self, turn: _Turn) -> None:
        """Closes the stream once its clients have been away for long enough, and none reads at another server."""
        while True:
            await asyncio.sleep(self.away_seconds)
            if not await self._is_read_elsewhere(turn):
                turn.stream.close()
                return

    async def _is_read_elsewhere(self, turn: _Turn) -> bool:
        try:
            return bool(await self._state.since(_reading(turn.id), 0))
        except StateUnavailable:
            return False  # without it nobody can read there

    async def _read_elsewhere(self, turn: str, number: int) -> AsyncGenerator[Optional[StreamEvent], None]:
        """Another server's turn, read from what they share; that it is read is said there, so that it goes on."""
        silent = 0.0
        while True:
            await self._state.append(_reading(turn), ["reading"], int(AWAY_SECONDS))
            events = [StreamEvent(**json.loads(text)) for text in await self._state.since(_events(turn), number)]
            for event in events:
                yield event
            number += len(events)
            if events and events[-1].name == "done":
                return
            if not events and await self._state.value(_owner(turn)) is None:
                return  # the other server ended in the middle of the turn
            silent = 0.0 if events else silent + LOOK_SECONDS
            if silent >= self.heartbeat_seconds:
                silent = 0.0
                yield None
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self, turn: str, conversation: str) -> None:
        """Stops what is being generated in a turn. Raises ChannelError (404), and StateUnavailable."""
        if not await self.find(turn, conversation):
            raise ChannelError(404, "not_found", "There is no such stream.")
        here = self._turns.get(turn)
        if here is not None:
            here.stream.close()
        else:
            await self._state.claim(_stopped(turn), "stopped", LONGEST_TURN_SECONDS)

    def stop_all(self, conversation: str) -> None:
        """Stops what this server generates for a conversation."""
        for turn in self._turns.values():
            if turn.conversation == conversation:
                turn.stream.close()

    def forget(self, conversation: str) -> None:
        """Keeps no events of a conversation any longer; what others still keep runs out by itself."""
        for name in [name for name, turn in self._turns.items() if turn.conversation == conversation]:
            del self._turns[name]

    async def _publish(self, turn: _Turn) -> None:
        """Writes the turn's events where the other servers find them, and looks whether one of them said stop."""
        number = 0
        try:
            await self._state.claim(_owner(turn.id), turn.conversation, LONGEST_TURN_SECONDS + KEPT_SECONDS)
            while True:
                events = await turn.stream.after(number, LOOK_SECONDS)
                number += len(events)
                if events:
                    await self._state.append(
                        _events(turn.id), [json.dumps(vars(event)) for event in events], KEPT_SECONDS
                    )
                if events and events[-1].name == "done":
                    return
                if await self._state.value(_stopped(turn.id)) is not None:
                    turn.stream.close()
        except StateUnavailable as error:
            FAILURES.labels(place="shared_state", kind="unavailable").inc()
            logger.error("a turn's events cannot be shared", extra={"error": str(error), "turn": turn.id})


def _owner(turn: str) -> str:
    return f"turn:{turn}:owner"


def _events(turn: str) -> str:
    return f"turn:{turn}:events"


def _stopped(turn: str) -> str:
    return f"turn:{turn}:stopped"


def _reading(turn: str) -> str:
    return f"turn:{turn}:reading"
