"""What every engine keeps to: the same tests for our scheduler, transformers' continuous batching and the echo."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import transformers

from llm_component.engines.batch import BatchEngine
from llm_component.engines.choice import PAGED_SINCE, version_of, why_not_paged
from llm_component.engines.echo import EchoEngine
from llm_component.engines.interface import (
    DeadlineExceeded,
    Engine,
    EngineError,
    EngineUnavailable,
    GenerationRequest,
    Message,
    Overloaded,
    Piece,
    RequestRefused,
    Sampling,
    complete,
)
from llm_component.engines.paged import PagedEngine
from llm_component.settings import Settings

PATIENCE = 120
QUESTION = "How long may I return a kettle, and who pays for the parcel?"
HAS_PAGED = version_of(transformers.__version__) >= PAGED_SINCE
NEEDS_PAGED = pytest.mark.skipif(not HAS_PAGED, reason="continuous batching needs transformers 5.8 or newer")

OWN = [
    pytest.param(("batch", "tiny_llama"), id="batch-llama"),
    pytest.param(("batch", "tiny_qwen"), id="batch-qwen"),
    pytest.param(("batch", "tiny_t5"), id="batch-t5"),
    pytest.param(("paged", "tiny_llama"), id="paged-llama", marks=NEEDS_PAGED),
    pytest.param(("paged", "tiny_qwen"), id="paged-qwen", marks=NEEDS_PAGED),
]
BATCH = OWN[:3]
PAGED = OWN[3:]
ALL = [*OWN, pytest.param(("echo", ""), id="echo")]


def make_engine(kind: str, folder: Path | None, **changes: Any) -> Engine:
    if folder is None:
        return EchoEngine()
    from llm_component.decoding.build import make_decoder
    from llm_component.models.loading import load_model

    settings = Settings(**{"model": str(folder), "device": "cpu", "engine": kind, "max_rows": 4} | changes)
    if kind == "paged":
        return PagedEngine(lambda: load_model(settings), settings=settings)

    def load() -> tuple[Any, Any]:
        loaded = load_model(settings)
        return loaded, make_decoder(loaded, settings)

    return BatchEngine(load, max_waiting=settings.max_waiting, speculation=settings.speculation)


@pytest.fixture
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    kind, folder = request.param
    engine = make_engine(kind, request.getfixturevalue(folder) if folder else None)
    await engine.start()
    yield engine
    await engine.close()


def asking(text: str = QUESTION, *, deadline: float | None = None, **sampling: Any) -> GenerationRequest:
    return GenerationRequest((Message("user", text),), Sampling(**{"max_tokens": 12} | sampling), deadline=deadline)


async def outcome(engine: Engine, request: GenerationRequest) -> Piece | EngineError:
    try:
        return await asyncio.wait_for(complete(engine, request), PATIENCE)
    except EngineError as error:
        return error


async def text_of(engine: Engine, request: GenerationRequest) -> str:
    return (await asyncio.wait_for(complete(engine, request), PATIENCE)).text


@pytest.mark.parametrize("engine", ALL, indirect=True)
async def test_the_last_piece_alone_says_how_it_ended_and_what_it_took(engine: Engine) -> None:
    pieces = [piece async for piece in engine.stream(asking())]
    assert all(piece.finish_reason is None and piece.usage is None for piece in pieces[:-1])
    assert pieces[-1].finish_reason is not None
    assert pieces[-1].usage is not None


@pytest.mark.parametrize("engine", ALL, indirect=True)
async def test_a_completion_is_not_longer_than_asked(engine: Engine) -> None:
    piece = await complete(engine, asking(max_tokens=3))
    assert piece.usage is not None
    assert (piece.finish_reason, piece.usage.completion_tokens) == ("length", 3)


@pytest.mark.parametrize("engine", ALL, indirect=True)
async def test_tokens_of_the_prompt_are_those_that_are_counted_beforehand(engine: Engine) -> None:
    request = asking()
    piece = await complete(engine, request)
    assert piece.usage is not None
    assert piece.usage.prompt_tokens == engine.count_tokens(request.messages)


@pytest.mark.parametrize("engine", ALL, indirect=True)
async def test_the_pieces_hold_no_half_characters_and_add_up(engine: Engine) -> None:
    whole = await text_of(engine, asking(max_tokens=40))
    assert "".join([piece.text async for piece in engine.stream(asking(max_tokens=40))]) == whole


@pytest.mark.parametrize("engine", ALL, indirect=True)
async def test_text_at_temperature_0_does_not_depend_on_what_runs_beside(engine: Engine) -> None:
    requests = [asking(f"{QUESTION} {'And then? ' * number}", max_tokens=6 + number) for number in range(6)]
    alone = [await text_of(engine, request) for request in requests]
    assert await asyncio.gather(*(text_of(engine, request) for request in requests)) == alone


@pytest.mark.parametrize("engine", ALL, indirect=True)
async def test_text_ends_before_a_stop_string(engine: Engine) -> None:
    whole = await text_of(engine, asking())
    stop = whole[len(whole) // 2 : len(whole) // 2 + 3]
    piece = await complete(engine, asking(stop=(stop,)))
    assert (piece.text, piece.finish_reason) == (whole[: whole.index(stop)], "stop")


@pytest.mark.parametrize("engine", ALL, indirect=True)
async def test_a_prompt_beyond_the_context_is_refused(engine: Engine) -> None:
    assert isinstance(await outcome(engine, asking("word " * 20_000)), RequestRefused)


@pytest.mark.parametrize("engine", ALL, indirect=True)
async def test_an_unknown_adapter_is_refused(engine: Engine) -> None:
    request = GenerationRequest((Message("user", QUESTION),), adapter="nobody")
    assert isinstance(await outcome(engine, request), RequestRefused)


@pytest.mark.parametrize("engine", ALL, indirect=True)
async def test_a_deadline_that_has_passed_is_an_error(engine: Engine) -> None:
    assert isinstance(await outcome(engine, asking(deadline=time.monotonic() - 1)), DeadlineExceeded)


@pytest.mark.parametrize("engine", ALL, indirect=True)
async def test_a_reader_that_leaves_frees_its_place(engine: Engine) -> None:
    stream = engine.stream(asking(max_tokens=200))
    await stream.__anext__()
    await stream.aclose()  # type: ignore[attr-defined]
    assert isinstance(await outcome(engine, asking()), Piece)
    assert (engine.status().running, engine.status().waiting) == (0, 0)


@pytest.mark.parametrize("engine", ALL, indirect=True)
async def test_a_drained_engine_takes_no_more(engine: Engine) -> None:
    stream = engine.stream(asking())
    await stream.__anext__()
    drained = asyncio.create_task(engine.drain(PATIENCE))
    assert [piece async for piece in stream][-1].finish_reason is not None
    await drained
    assert isinstance(await outcome(engine, asking()), EngineUnavailable)


@pytest.mark.parametrize("engine", OWN, indirect=True)
async def test_a_closed_engine_ends_what_runs_and_takes_no_more(engine: Engine) -> None:
    stream = engine.stream(asking(max_tokens=200))
    await stream.__anext__()
    await engine.close()
    with pytest.raises(EngineUnavailable):
        [piece async for piece in stream]
    assert isinstance(await outcome(engine, asking()), EngineUnavailable)


@pytest.mark.parametrize("engine", OWN, indirect=True)
async def test_chance_gives_text_within_the_limits(engine: Engine) -> None:
    piece = await complete(engine, asking(temperature=1.0, top_p=0.9, top_k=20, max_tokens=5))
    assert piece.usage is not None
    assert 1 <= piece.usage.completion_tokens <= 5


@pytest.mark.parametrize("engine", BATCH, indirect=True)
async def test_a_seed_gives_the_same_text_again_whatever_runs_beside(engine: Engine) -> None:
    request = asking(temperature=1.0, seed=11)
    alone = await text_of(engine, request)
    beside = await asyncio.gather(text_of(engine, request), text_of(engine, asking("Hello", temperature=1.0)))
    assert beside[0] == alone


@pytest.mark.parametrize("engine", PAGED, indirect=True)
async def test_paged_refuses_a_seed_that_it_cannot_keep(engine: Engine) -> None:
    refusal = await outcome(engine, asking(temperature=1.0, seed=11))
    assert isinstance(refusal, RequestRefused)
    assert "FRONTDESK_LLM_ENGINE=batch" in str(refusal)


@pytest.mark.parametrize("kind", ["batch", pytest.param("paged", marks=NEEDS_PAGED)])
async def test_many_at_once_end_in_text_or_are_told_to_come_again(kind: str, tiny_llama: Path) -> None:
    engine = make_engine(kind, tiny_llama, max_waiting=8)
    await engine.start()
    ends = await asyncio.gather(*(outcome(engine, asking(f"Question {number}")) for number in range(100)))
    await engine.close()
    assert {type(end) for end in ends} == {Piece, Overloaded}


@pytest.mark.parametrize("kind", ["batch", pytest.param("paged", marks=NEEDS_PAGED)])
async def test_both_engines_write_what_generate_writes(kind: str, tiny_llama: Path) -> None:
    import torch

    from llm_component.models.loading import load_model

    engine = make_engine(kind, tiny_llama)
    await engine.start()
    text = await text_of(engine, asking(max_tokens=24))
    await engine.close()
    loaded = load_model(Settings(model=str(tiny_llama), device="cpu"))
    prompt = torch.tensor([loaded.prompt_ids(asking().messages)])
    written = loaded.model.generate(
        prompt, do_sample=False, max_new_tokens=24, eos_token_id=sorted(loaded.end_token_ids), pad_token_id=0
    )
    whole = loaded.tokenizer.decode(written[0, prompt.shape[1] :], skip_special_tokens=True)
    assert text == whole.rstrip("\ufffd")  # without the half character at which it was cut


@NEEDS_PAGED
async def test_paged_says_what_to_do_with_an_encoder_decoder(tiny_t5: Path) -> None:
    with pytest.raises(EngineUnavailable, match="FRONTDESK_LLM_ENGINE=batch"):
        await make_engine("paged", tiny_t5).start()


@pytest.mark.skipif(HAS_PAGED, reason="continuous batching is there")
async def test_paged_says_what_to_do_with_an_old_transformers(tiny_llama: Path) -> None:
    with pytest.raises(EngineUnavailable, match=r"needs transformers 5\.8 .* FRONTDESK_LLM_ENGINE=batch"):
        await make_engine("paged", tiny_llama).start()


@NEEDS_PAGED
async def test_paged_starts_transformers_thread_anew_after_it_died(
    tiny_llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make_engine("paged", tiny_llama)
    await engine.start()
    before = engine._manager  # type: ignore[attr-defined]

    def broken() -> None:
        raise RuntimeError("device lost")

    monkeypatch.setattr(before, "_generation_step", broken)
    assert isinstance(await outcome(engine, asking()), EngineUnavailable)
    assert not engine.status().ready
    await asyncio.wait_for(engine._restarting, PATIENCE)  # type: ignore[attr-defined]
    assert isinstance(await outcome(engine, asking()), Piece)
    await engine.close()


@pytest.mark.parametrize(
    ("version", "numbers"), [("5.3.0", (5, 3)), ("5.23.0", (5, 23)), ("5.24.0.dev0", (5, 24)), ("odd", (0, 0))]
)
def test_versions_are_compared_by_their_numbers(version: str, numbers: tuple[int, int]) -> None:
    assert version_of(version) == numbers


@pytest.mark.parametrize(
    ("kind", "adapters", "version", "can"),
    [
        ("causal", (), "5.23.0", True),
        ("causal", (), "5.8.0", True),
        ("causal", (), "5.7.9", False),
        ("causal", ("polite",), "5.23.0", False),
        ("encoder_decoder", (), "5.23.0", False),
    ],
)
def test_what_paged_can_run(kind: Any, adapters: tuple[str, ...], version: str, can: bool) -> None:
    assert (why_not_paged(kind, adapters, version) == "") == can
