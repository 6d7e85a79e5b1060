"""What several Rasa servers share in Redis, beside the same in one server's memory."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest
from rasa.core.lock_store import LockError
from rasa.utils.endpoints import EndpointConfig

from rasa_addons.shared_lock_store import SharedLockStore
from rasa_addons.web.shared_state import MemoryState, RedisState, SharedState, StateUnavailable, state_for
from tests.e2e.processes import free_port
from tests.e2e.redis_server import NEEDED, redis_server

THREADS = 8


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["memory", pytest.param("redis", marks=NEEDED)])
async def state(request: pytest.FixtureRequest) -> AsyncIterator[SharedState]:
    """Each kind of state in turn."""
    if request.param == "memory":
        yield MemoryState()
        return
    shared = RedisState(request.getfixturevalue("redis_url"))
    await shared._redis.flushall()
    yield shared
    await shared._redis.close(close_connection_pool=True)


async def test_counts_go_up_by_one_for_each_key(state: SharedState) -> None:
    assert [await state.count("a", 60) for _ in range(3)] == [1, 2, 3]
    assert await state.count("b", 60) == 1


async def test_who_claims_first_keeps_the_key(state: SharedState) -> None:
    claimed = await asyncio.gather(*(state.claim("key", str(number), 60) for number in range(5)))

    assert len(set(claimed)) == 1
    assert await state.value("key") == claimed[0]
    await state.forget("key")
    assert await state.value("key") is None
    assert await state.claim("key", "next", 60) == "next"


async def test_a_list_is_read_from_where_one_was(state: SharedState) -> None:
    await state.append("list", ["one", "two"], 60)
    await state.append("list", ["three"], 60)

    assert await state.since("list", 0) == ["one", "two", "three"]
    assert await state.since("list", 2) == ["three"]
    assert await state.since("list", 3) == []
    assert await state.since("other", 0) == []


async def test_what_is_put_stands_whatever_was_there(state: SharedState) -> None:
    await state.claim("key", "first", 60)
    await state.put("key", "second", 60)

    assert await state.value("key") == "second"
    assert await state.claim("key", "third", 60) == "second"


async def test_a_room_takes_so_many_and_one_more_when_somebody_leaves(state: SharedState) -> None:
    assert [await state.enter("room", who, 2, 60) for who in ("a", "b", "c")] == [True, True, False]
    assert await state.enter("other", "c", 2, 60)
    await state.leave("room", "a")
    await state.leave("room", "nobody")

    assert [await state.enter("room", who, 2, 60) for who in ("c", "d")] == [True, False]


@NEEDED
async def test_who_died_inside_makes_the_place_free_in_time(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = RedisState(redis_url)
    await shared._redis.flushall()
    now = time.time()
    monkeypatch.setattr("rasa_addons.web.shared_state.time.time", lambda: now - 61)
    assert await shared.enter("room", "died", 1, 120)
    assert not await shared.enter("room", "next", 1, 60)
    monkeypatch.setattr("rasa_addons.web.shared_state.time.time", lambda: now + 60)

    assert await shared.enter("room", "next", 1, 60)
    await shared._redis.close(close_connection_pool=True)


@NEEDED
async def test_everything_in_redis_runs_out_by_itself(redis_url: str) -> None:
    shared = RedisState(redis_url)
    await shared._redis.flushall()
    await shared.count("count", 60)
    await shared.claim("claim", "x", 60)
    await shared.append("list", ["x"], 60)
    await shared.put("put", "x", 60)
    await shared.enter("room", "x", 1, 60)

    keys = await shared._redis.keys("*")
    lives = [await shared._redis.ttl(key) for key in keys]

    assert len(keys) == 5
    assert all(0 < life <= 60 for life in lives)
    await shared._redis.close(close_connection_pool=True)


async def test_a_redis_that_does_not_answer_is_said_to_be_away() -> None:
    with pytest.raises(StateUnavailable):
        await RedisState(f"redis://127.0.0.1:{free_port()}/0").count("a", 60)


def test_without_an_address_the_state_is_in_memory() -> None:
    assert isinstance(state_for(None), MemoryState)
    assert isinstance(state_for("redis://127.0.0.1:1/0"), RedisState)


async def test_memory_keeps_only_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rasa_addons.web.shared_state.MOST_KEYS", 3)
    now = [0.0]
    state = MemoryState(lambda: now[0])
    await state.claim("short", "x", 1)
    await state.claim("first", "x", 60)
    await state.claim("second", "x", 60)
    now[0] = 2.0
    await state.claim("third", "x", 60)
    await state.claim("fourth", "x", 60)

    kept = [await state.value(key) for key in ("first", "second", "third", "fourth")]
    assert kept == [None, "x", "x", "x"]


# The locks of conversations -----------------------------------------------------------------------------------------


def lock_store(url: str) -> SharedLockStore:
    return SharedLockStore(EndpointConfig(url=url))


@NEEDED
def test_servers_that_ask_at_once_get_different_tickets(redis_url: str) -> None:
    tickets: list[int] = []
    begin = threading.Barrier(THREADS)

    def ask() -> None:
        store = lock_store(redis_url)
        begin.wait()
        tickets.extend(store.issue_ticket("chat-1") for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(tickets) == list(range(5 * THREADS))


@NEEDED
async def test_a_lock_is_held_by_one_at_a_time_and_leaves_nothing(redis_url: str) -> None:
    one, other = lock_store(redis_url), lock_store(redis_url)
    inside: list[str] = []

    async def hold(store: SharedLockStore, name: str) -> None:
        async with store.lock("chat-2", wait_time_in_seconds=0.01):
            inside.append(name)
            await asyncio.sleep(0.02)
            inside.append(name)

    await asyncio.gather(*(hold(store, f"{number}") for number, store in enumerate((one, other, one, other))))

    assert inside == [name for name in inside[::2] for _ in range(2)]
    assert one.get_lock("chat-2") is None


def test_a_lock_store_that_does_not_answer_is_a_lock_error() -> None:
    with pytest.raises(LockError):
        lock_store(f"redis://127.0.0.1:{free_port()}/0").issue_ticket("chat-1")
