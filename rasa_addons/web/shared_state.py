"""What every Rasa server has to know of what the others did: counts, used keys, ended sessions, streams, turns.

One server alone keeps it in memory; with several, it is in Redis (`FRONTDESK_REDIS_URL`), beside their locks. All of it
runs out by itself.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Optional, Protocol, Tuple

import redis.asyncio
from redis.exceptions import RedisError

PREFIX = "frontdesk:web:"
REDIS_SECONDS = 2.0  # a turn must not wait for a store that hangs
MOST_KEYS = 100_000  # of the memory; the oldest go first


class StateUnavailable(Exception):
    """The store of what is shared does not answer."""


class SharedState(Protocol):
    """Keys with values that run out. Every method may raise StateUnavailable."""

    async def count(self, key: str, seconds: int) -> int:
        """One more under this key; the count so far. It begins anew `seconds` after its first."""

    async def claim(self, key: str, value: str, seconds: int) -> str:
        """The value under the key: the one given, unless somebody was there first."""

    async def value(self, key: str) -> Optional[str]:
        """The value under the key, if there is one."""

    async def put(self, key: str, value: str, seconds: int) -> None:
        """Sets the value under the key, whatever was there."""

    async def forget(self, key: str) -> None:
        """Takes the key away."""

    async def enter(self, key: str, who: str, most: int, seconds: int) -> bool:
        """One more in the room under the key, unless it has `most`; who has not left after `seconds` counts no more.

        Of two who ask for the last place at once, both may be told that there is none.
        """

    async def leave(self, key: str, who: str) -> None:
        """Makes a place free."""

    async def append(self, key: str, values: List[str], seconds: int) -> None:
        """Adds to the list under the key, which lives `seconds` from now."""

    async def since(self, key: str, number: int) -> List[str]:
        """The list under the key without its first `number` values; empty where there is none."""


class MemoryState:
    """For one server; what is in it goes when the server ends."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: Dict[str, Tuple[float, Any]] = {}

    async def count(self, key: str, seconds: int) -> int:
        expires, number = self._find(key) or (self._clock() + seconds, 0)
        self._keep(key, expires, number + 1)
        return int(number + 1)

    async def claim(self, key: str, value: str, seconds: int) -> str:
        found = self._find(key)
        if found is not None:
            return str(found[1])
        self._keep(key, self._clock() + seconds, value)
        return value

    async def value(self, key: str) -> Optional[str]:
        found = self._find(key)
        return None if found is None else str(found[1])

    async def put(self, key: str, value: str, seconds: int) -> None:
        self._keep(key, self._clock() + seconds, value)

    async def forget(self, key: str) -> None:
        self._kept.pop(key, None)

    async def enter(self, key: str, who: str, most: int, seconds: int) -> bool:
        now = self._clock()
        _, found = self._find(key) or (0.0, {})
        inside = {one: until for one, until in found.items() if until > now}
        if len(inside) >= most:
            return False
        self._keep(key, now + seconds, {**inside, who: now + seconds})
        return True

    async def leave(self, key: str, who: str) -> None:
        _, inside = self._find(key) or (0.0, {})
        inside.pop(who, None)
        if not inside:
            self._kept.pop(key, None)

    async def append(self, key: str, values: List[str], seconds: int) -> None:
        _, before = self._find(key) or (0.0, [])
        self._keep(key, self._clock() + seconds, [*before, *values])

    async def since(self, key: str, number: int) -> List[str]:
        _, values = self._find(key) or (0.0, [])
        return list(values[number:])

    def _find(self, key: str) -> Optional[Tuple[float, Any]]:
        found = self._kept.get(key)
        if found is not None and found[0] <= self._clock():
            del self._kept[key]
            return None
        return found

    def _keep(self, key: str, expires: float, value: Any) -> None:
        self._kept[key] = (expires, value)
        if len(self._kept) > MOST_KEYS:
            now = self._clock()
            self._kept = {name: entry for name, entry in self._kept.items() if entry[0] > now}
            while len(self._kept) > MOST_KEYS:
                del self._kept[next(iter(self._kept))]


class RedisState:
    """For several servers. The connection is made by the event loop that first uses it."""

    def __init__(self, url: str) -> None:
        self._redis: Any = redis.asyncio.from_url(  # type: ignore[no-untyped-call]
            url, decode_responses=True, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        )

    async def count(self, key: str, seconds: int) -> int:
        # The expiry is set by whoever counts first, in the same transaction: a key never stays for ever.
        async def run(client: Any) -> int:
            async with client.pipeline(transaction=True) as pipeline:
                pipeline.set(PREFIX + key, 0, ex=seconds, nx=True)
                pipeline.incr(PREFIX + key)
                return int((await pipeline.execute())[1])

        return int(await self._call(run))

    async def claim(self, key: str, value: str, seconds: int) -> str:
        async def run(client: Any) -> str:
            # Should the key run out in between, it is ours at the second try.
            while not await client.set(PREFIX + key, value, ex=seconds, nx=True):
                found = await client.get(PREFIX + key)
                if found is not None:
                    return str(found)
            return value

        return str(await self._call(run))

    async def value(self, key: str) -> Optional[str]:
        found = await self._call(lambda client: client.get(PREFIX + key))
        return None if found is None else str(found)

    async def put(self, key: str, value: str, seconds: int) -> None:
        await self._call(lambda client: client.set(PREFIX + key, value, ex=seconds))

    async def forget(self, key: str) -> None:
        await self._call(lambda client: client.delete(PREFIX + key))

    async def enter(self, key: str, who: str, most: int, seconds: int) -> bool:
        # A sorted set of who is inside, by the moment at which they count no more: a server that dies with streams open
        # makes its places free in time.
        async def run(client: Any) -> bool:
            now = time.time()
            async with client.pipeline(transaction=True) as pipeline:
                pipeline.zremrangebyscore(PREFIX + key, "-inf", now)
                pipeline.zadd(PREFIX + key, {who: now + seconds})
                pipeline.zcard(PREFIX + key)
                pipeline.expire(PREFIX + key, seconds)
                number = int((await pipeline.execute())[2])
            if number > most:
                await client.zrem(PREFIX + key, who)
            return number <= most

        return bool(await self._call(run))

    async def leave(self, key: str, who: str) -> None:
        await self._call(lambda client: client.zrem(PREFIX + key, who))

    async def append(self, key: str, values: List[str], seconds: int) -> None:
        async def run(client: Any) -> None:
            async with client.pipeline(transaction=True) as pipeline:
                pipeline.rpush(PREFIX + key, *values)
                pipeline.expire(PREFIX + key, seconds)
                await pipeline.execute()

        await self._call(run)

    async def since(self, key: str, number: int) -> List[str]:
        return list(await self._call(lambda client: client.lrange(PREFIX + key, number, -1)))

    async def _call(self, run: Callable[[Any], Any]) -> Any:
        try:
            return await run(self._redis)
        except (RedisError, OSError) as error:
            raise StateUnavailable(f"{type(error).__name__}: {error}") from error


def state_for(redis_url: Optional[str]) -> SharedState:
    """Redis where an address is given, otherwise this process's memory."""
    return RedisState(redis_url) if redis_url else MemoryState()
