"""Servers that are measured over HTTP: our own, and `transformers serve` where an environment with it is named."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from benchmarks.llm.prompts import Prompt
from benchmarks.llm.systems import CPU_MEMORY_SHARE, Run, System
from benchmarks.report import ROOT
from llm_component.models.loaded import LoadedModel

READY_SECONDS = 180.0
PROBE_SECONDS = 0.25
REQUEST_SECONDS = 600.0
CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }} {% endfor %}"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def save(loaded: LoadedModel, folder: Path) -> None:
    """Writes model and tokenizer as a server loads them."""
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.chat_template = CHAT_TEMPLATE
    loaded.tokenizer.save_pretrained(folder)
    loaded.tokenizer.chat_template = None


class HttpSystem(System):
    """A server process with OpenAI's chat completions, asked with streams that are opened at once."""

    def __init__(self, name: str, command: list[str], port: int, ready: str, model: str, variables: dict[str, str]):
        self.name = name
        self._command = command
        self._base = f"http://127.0.0.1:{port}"
        self._ready = ready
        self._model = model
        self._variables = variables
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process

    def begin(self) -> None:
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", **self._variables}
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, env=environment, stdout=self._log, stderr=self._log, start_new_session=True
        )
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(self._base + self._ready, timeout=2).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(PROBE_SECONDS)
        raise RuntimeError(f"{self.name} did not start:\n{self._last_lines()}")

    def _last_lines(self) -> str:
        self._log.seek(0)
        return self._log.read()[-2000:].decode(errors="replace")

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def run(self, prompts: Sequence[Prompt], new_tokens: int) -> Run:
        try:
            return asyncio.run(self._run(prompts, new_tokens))
        except httpx.HTTPError as error:
            status = None if self._process is None else self._process.poll()
            raise RuntimeError(f"{self.name} failed ({error}; exit status {status}):\n{self._last_lines()}") from error

    async def _run(self, prompts: Sequence[Prompt], new_tokens: int) -> Run:
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=self._base, timeout=REQUEST_SECONDS, limits=limits) as client:
            began = time.perf_counter()
            ended = await asyncio.gather(*(self._one(client, prompt, new_tokens, began) for prompt in prompts))
        first, ends, tokens = zip(*ended, strict=True)
        return Run(list(first), list(ends), sum(tokens))

    async def _one(
        self, client: httpx.AsyncClient, prompt: Prompt, new_tokens: int, began: float
    ) -> tuple[float, float, int]:
        body = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in prompt.messages],
            "max_tokens": new_tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        first, tokens, pieces = 0.0, 0, 0
        async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            if answer.status_code != 200:
                raise RuntimeError(f"{self.name}: {answer.status_code} {(await answer.aread())[:300]!r}")
            async for line in answer.aiter_lines():
                if not line.startswith("data: ") or line == "data: [DONE]":
                    continue
                chunk = json.loads(line[6:])
                if any((choice.get("delta") or {}).get("content") for choice in chunk.get("choices") or []):
                    first = first or time.perf_counter() - began
                    pieces += 1
                tokens = (chunk.get("usage") or {}).get("completion_tokens", tokens)
        return first, time.perf_counter() - began, tokens or pieces


def our_server(python: str, folder: Path, rows: int, device: str, dtype: str) -> HttpSystem:
    """`python -m llm_component serve`, without caches and guessing ahead."""
    port = free_port()
    variables = {
        "FRONTDESK_LLM_MODEL": str(folder),
        "FRONTDESK_LLM_PORT": str(port),
        "FRONTDESK_LLM_MAX_ROWS": str(rows),
        "FRONTDESK_LLM_MAX_WAITING": str(4 * rows),
        "FRONTDESK_LLM_CACHE_ENTRIES": "0",
        "FRONTDESK_LLM_SPECULATION": "false",
        "FRONTDESK_LLM_DEVICE": device,
        "FRONTDESK_LLM_DTYPE": dtype,
        "FRONTDESK_LLM_CHAT_SECONDS": str(REQUEST_SECONDS),
    }
    command = [python, "-m", "llm_component", "serve"]
    return HttpSystem("frontdesk_server", command, port, "/ready", "", variables)


def transformers_serve(python: str, folder: Path, device: str, dtype: str) -> HttpSystem:
    """`transformers serve` with continuous batching, from an environment that has `transformers[serving]`."""
    port = free_port()
    names = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}
    command = [str(Path(python).with_name("transformers")), "serve", str(folder), "--continuous-batching"]
    command += ["--device", device, "--dtype", names[dtype], "--host", "127.0.0.1", "--port", str(port)]
    if device == "cpu":  # by itself it takes most of the machine's memory
        command += ["--cb-max-memory-percent", str(CPU_MEMORY_SHARE)]
    return HttpSystem("transformers_serve", command, port, "/health", str(folder), {})
