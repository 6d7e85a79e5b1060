"""`generate`: lets a model write from a prompt, a file of prompts, or in a chat in the terminal; from passages too."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from llm_component.cli import serve
from llm_component.cli.evaluate import add_model_arguments
from llm_component.settings import Settings, SettingsError

if TYPE_CHECKING:
    from llm_component.answers.pipeline import AnswerPipeline
    from llm_component.engines.interface import Engine, Message, Sampling
    from llm_component.protocol import Passage

SUMMARY = "write from a prompt, a file of prompts, or in a chat; with --passages grounded answers"
EXIT_CANNOT = 2
ABSTENTION = "I'm sorry, I can't find that in our information."
END_OF_CHAT = frozenset({"/quit", "/exit"})
Write = Callable[[str], None]


class GenerateError(ValueError):
    """What was asked for cannot be done; the message says why and what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The model's settings, what is asked, and how tokens are chosen."""
    add_model_arguments(parser)
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("prompt", nargs="?", help="what to write from; nothing: a chat, which /quit ends")
    asked.add_argument("--file", type=Path, metavar="FILE", help="prompts, one a line")
    parser.add_argument("--passages", type=Path, metavar="FILE", help=PASSAGES_HELP)
    parser.add_argument(
        "--no-checks", action="store_true", help="with --passages: show what the checks would hold back"
    )
    parser.add_argument("--system", default="", help="rules before the prompt")
    parser.add_argument("--max-tokens", type=int, default=256, help="of a completion")
    parser.add_argument("--temperature", type=float, default=0.0, help="0: always the likeliest token")
    parser.add_argument("--top-p", type=float, default=1.0, help="draw from the likeliest tokens of this probability")
    parser.add_argument("--top-k", type=int, default=0, help="draw from so many tokens at most; 0: no limit")
    parser.add_argument("--seed", type=int, default=None, help="of the draws; without one they differ each time")
    parser.add_argument("--json", action="store_true", help="one JSON object a prompt instead of text")


PASSAGES_HELP = (
    "answer from these passages: .json or .jsonl with title, heading and text, or .md or .txt, whose headings part it"
)


def run(arguments: argparse.Namespace) -> int:
    """0; 2 where the model or the input cannot be used, with one sentence on standard error."""
    from llm_component.encoder import EncoderError
    from llm_component.engines.interface import EngineError
    from llm_component.evaluation.cases import EvaluationError

    try:
        settings = dataclasses.replace(serve.settings_of(arguments, os.environ), cache_entries=0)
        asyncio.run(_run(arguments, settings, _put))
    except (GenerateError, SettingsError, EngineError, EncoderError, EvaluationError) as error:
        print(f"llm_component generate: {error}", file=sys.stderr)
        return EXIT_CANNOT
    except (KeyboardInterrupt, EOFError):
        print()
    return 0


def _put(text: str) -> None:
    print(text, end="", flush=True)


async def _run(arguments: argparse.Namespace, settings: Settings, write: Write) -> None:
    from llm_component.engines.build import build_engine
    from llm_component.evaluation.passage_files import read_passages

    passages = read_passages(arguments.passages) if arguments.passages else None
    prompts = _prompts(arguments)
    engine = build_engine(settings)
    if engine is None and passages is None:
        raise GenerateError("no model is set: name a folder, a hub id or upstream:URL with --model")
    try:
        if engine is not None:
            await engine.start()
            if engine.prompt_style == "compact" and passages is None:
                raise GenerateError("this model answers from passages and does not chat: give --passages FILE")
        talk = Talk(engine, settings, arguments, passages)
        if prompts is None:
            await chat(talk, write)
        else:
            for prompt in prompts:
                await talk.say(prompt, write)
                talk.forget()
    finally:
        if engine is not None:
            await engine.close()


def _prompts(arguments: argparse.Namespace) -> list[str] | None:
    """The prompts, or None for a chat. Raises `GenerateError` where there is none."""
    if arguments.file:
        try:
            lines = arguments.file.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            raise GenerateError(f"{arguments.file} cannot be read ({error.strerror})") from error
        found = [line.strip() for line in lines if line.strip()]
    elif arguments.prompt is not None:
        found = [arguments.prompt.strip()] if arguments.prompt.strip() else []
    else:
        return None
    if not found:
        raise GenerateError("there is no prompt: give some text")
    return found


async def chat(talk: Talk, write: Write, ask: Callable[[], Awaitable[str]] | None = None) -> None:
    """Asks for messages and answers them until /quit or the end of input."""

    async def typed() -> str:
        return await asyncio.to_thread(input, "> ")

    ask = ask or typed
    while True:
        try:
            said = (await ask()).strip()
        except EOFError:
            return
        if said in END_OF_CHAT:
            return
        if said:
            await talk.say(said, write)


class Talk:
    """One conversation with a model; each message sees those before it.

    Args:
        engine: started; None: the best passage is quoted.
        passages: None: prompts go to the model as they are.
    """

    def __init__(
        self,
        engine: Engine | None,
        settings: Settings,
        arguments: argparse.Namespace,
        passages: list[Passage] | None,
    ) -> None:
        from llm_component.engines.interface import Sampling

        self._engine = engine
        self._settings = settings
        self._arguments = arguments
        self._passages = passages
        self._turns: list[Message] = []
        self._sampling: Sampling = Sampling(
            max_tokens=arguments.max_tokens,
            temperature=arguments.temperature,
            top_p=arguments.top_p,
            top_k=arguments.top_k,
            seed=arguments.seed,
        )
        self._pipeline = None if passages is None else self._make_pipeline()

    def forget(self) -> None:
        """Begins a new conversation."""
        self._turns = []

    async def say(self, prompt: str, write: Write) -> None:
        """Writes the reply to `prompt` as it comes, and remembers both."""
        from llm_component.engines.interface import Message

        parts = self._plain(prompt) if self._passages is None else self._grounded(prompt, self._passages)
        said: list[str] = []
        citations: list[int] = []
        async for text, cited in parts:
            said.append(text)
            citations += cited
            if not self._arguments.json:
                write(text)
        reply = "".join(said).strip()
        cited_passages = sorted(set(citations))
        if self._arguments.json:
            record: dict[str, object] = {"prompt": prompt, "reply": reply}
            if self._passages is not None:
                record["citations"] = cited_passages
            write(json.dumps(record, ensure_ascii=False) + "\n")
        else:
            write("\n")
            for number in cited_passages:
                write(f"  [{number}] {_named(self._passages, number)}\n")
        self._turns += [Message("user", prompt), Message("assistant", reply)]

    async def _plain(self, prompt: str) -> AsyncIterator[tuple[str, list[int]]]:
        from llm_component.engines.interface import GenerationRequest, Message

        assert self._engine is not None
        rules = [Message("system", self._arguments.system)] if self._arguments.system else []
        request = GenerationRequest((*rules, *self._turns, Message("user", prompt)), self._sampling)
        async with aclosing(self._engine.stream(request)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if piece.text:
                    yield piece.text, []

    async def _grounded(self, prompt: str, passages: list[Passage]) -> AsyncIterator[tuple[str, list[int]]]:
        from llm_component.protocol import Answer, AnswerRequest, Profile, Turn

        assert self._pipeline is not None
        request = AnswerRequest(
            question=prompt,
            profile=Profile(shop_name="the shop", abstention=ABSTENTION),
            passages=passages,
            history=[Turn("assistant" if one.role == "assistant" else "user", one.content) for one in self._turns],
            deadline_seconds=600.0,
            max_tokens=self._arguments.max_tokens,
        )
        shown = 0
        async with aclosing(self._pipeline.stream(request)) as items:
            async for item in items:
                if isinstance(item, Answer):
                    if not shown:
                        yield item.text, []
                else:
                    marks = "".join(f"[{number}]" for number in item.citations)
                    yield f"{item.joint if shown else ''}{item.text}{' ' + marks if marks else ''}", item.citations
                    shown += 1

    def _make_pipeline(self) -> AnswerPipeline:
        from llm_component.answers.pipeline import AnswerPipeline
        from llm_component.evaluation.replies import NoChecks

        if self._arguments.no_checks or self._engine is None:
            return AnswerPipeline(self._engine, NoChecks())
        from llm_component.checks.gate import Checks
        from llm_component.encoder import load_encoder

        return AnswerPipeline(
            self._engine, Checks(load_encoder(self._settings.encoder), self._settings.support_threshold or None)
        )


def _named(passages: Iterable[Passage] | None, number: int) -> str:
    """A passage as it is shown under an answer."""
    one = list(passages or [])[number - 1]
    return ", ".join(part for part in (one.title, one.heading) if part) or one.text[:60]
