"""Which engine the settings give, what stands round it, and the engines without a model."""

import subprocess
import sys
import time

import pytest

from llm_component.engines.build import build_engine
from llm_component.engines.echo import HANG, EchoEngine, Reply, ScriptedEngine
from llm_component.engines.interface import (
    DeadlineExceeded,
    Engine,
    EngineUnavailable,
    GenerationRequest,
    Message,
    Piece,
    RequestRefused,
    Sampling,
    UpstreamFailed,
    Usage,
    complete,
)
from llm_component.engines.wrappers.around import EngineAround
from llm_component.settings import Settings


def layers(engine: Engine | None) -> list[str]:
    names = []
    while isinstance(engine, EngineAround):
        names.append(type(engine).__name__)
        engine = engine.inner
    return [*names, type(engine).__name__]


@pytest.mark.parametrize("model", ["", "none"])
def test_without_a_model_there_is_no_engine(model: str) -> None:
    assert build_engine(Settings(model=model)) is None


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(model="echo"), ["MetricsEngine", "EchoEngine"]),
        (
            Settings(model="upstream:http://127.0.0.1:9"),
            ["CacheEngine", "MetricsEngine", "LimitEngine", "BreakerEngine", "UpstreamEngine"],
        ),
        (
            Settings(model="upstream:http://127.0.0.1:9", cache_entries=0),
            ["MetricsEngine", "LimitEngine", "BreakerEngine", "UpstreamEngine"],
        ),
    ],
)
def test_the_wrappers_stand_in_this_order(settings: Settings, expected: list[str]) -> None:
    assert layers(build_engine(settings)) == expected


def test_a_model_of_our_own_is_not_loaded_before_the_start() -> None:
    assert layers(build_engine(Settings(model="/no/such/folder"))) == ["CacheEngine", "BatchEngine"]


@pytest.mark.parametrize("model", ["echo", "upstream:http://127.0.0.1:9"])
def test_neither_needs_torch(model: str) -> None:
    code = (
        "import sys; from llm_component.engines.build import build_engine; "
        "from llm_component.settings import Settings; "
        f"build_engine(Settings(model={model!r})); "
        "sys.exit(' '.join({'torch', 'transformers', 'numpy'} & set(sys.modules)) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# The engines without a model ---------------------------------------------------------------------------------------


def request(text: str = "How long does it take?", **options: object) -> GenerationRequest:
    deadline = options.pop("deadline", None)
    adapter = options.pop("adapter", None)
    messages = (Message("system", "Be brief."), Message("user", text), Message("assistant", "?"))
    return GenerationRequest(messages, Sampling(**options), deadline, adapter=adapter)  # type: ignore[arg-type]


async def test_echo_repeats_the_last_user_message_word_by_word() -> None:
    texts = [piece.text async for piece in EchoEngine().stream(request("How  long?\nSay it. "))]
    assert texts == ["How", "  long?", "\nSay", " it.", " ", ""]


async def test_echo_counts_words() -> None:
    assert await complete(EchoEngine(), request("How long?")) == Piece("How long?", "stop", Usage(8, 2))


async def test_echo_ends_at_its_limit() -> None:
    last = await complete(EchoEngine(), request(max_tokens=2))
    assert (last.text, last.finish_reason) == ("How long", "length")


async def test_echo_ends_before_a_stop_string() -> None:
    assert (await complete(EchoEngine(), request(stop=("take", "does")))).text == "How long "


async def test_echo_pauses_as_it_is_told() -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    await complete(EchoEngine(seconds_per_word=0.2, pause=pause), request("How long?"))
    assert pauses == [0.2, 0.2]


async def test_echo_keeps_what_it_said_by_the_deadline() -> None:
    now = [0.0]

    async def pause(seconds: float) -> None:
        now[0] += seconds

    engine = EchoEngine(seconds_per_word=1.0, pause=pause, clock=lambda: now[0])
    last = await complete(engine, request(deadline=2.5))
    assert (last.text, last.finish_reason) == ("How long", "deadline")


@pytest.mark.parametrize("wanted", [request("word " * 9000), request(adapter="shop")], ids=["too long", "adapter"])
async def test_echo_refuses_what_it_cannot_do(wanted: GenerationRequest) -> None:
    with pytest.raises(RequestRefused):
        await complete(EchoEngine(), wanted)


async def test_echo_takes_nothing_when_it_drains() -> None:
    engine = EchoEngine()
    await engine.drain(0.0)
    with pytest.raises(EngineUnavailable):
        await complete(engine, request())


async def test_a_script_is_played_in_its_order_and_its_end_repeated() -> None:
    engine = ScriptedEngine([Reply.of("One."), Reply.of("Two.")])
    assert [(await complete(engine, request())).text for _ in range(3)] == ["One.", "Two.", "Two."]


async def test_a_script_can_depend_on_the_request() -> None:
    engine = ScriptedEngine(lambda asked: Reply.of(asked.messages[1].content.upper()))
    assert (await complete(engine, request("why?"))).text == "WHY?"


async def test_a_script_can_fail_half_way() -> None:
    pieces: list[str] = []
    with pytest.raises(UpstreamFailed):
        async for piece in ScriptedEngine([Reply.of("One ", UpstreamFailed("died"))]).stream(request()):
            pieces.append(piece.text)
    assert pieces == ["One "]


async def test_a_script_that_hangs_ends_at_the_deadline() -> None:
    with pytest.raises(DeadlineExceeded):
        await complete(ScriptedEngine([Reply.of(HANG)]), request(deadline=time.monotonic() + 0.02))
