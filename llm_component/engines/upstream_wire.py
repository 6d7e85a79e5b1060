"""What is said to an OpenAI-compatible server and what its answers mean; no network here."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from llm_component.engines.interface import (
    EngineError,
    EngineUnavailable,
    FinishReason,
    GenerationRequest,
    Message,
    Overloaded,
    RequestRefused,
    UpstreamFailed,
    Usage,
)
from llm_component.sse import Event

# OpenAI takes four stop strings; further ones are cut off here (`StopCutter`).
MOST_STOP_STRINGS = 4
_LONGEST_SAID = 300  # characters of a server's error message that are passed on

# Fields that a server may refuse, and what is sent instead: another field, or nothing.
_OTHERWISE = {
    "max_tokens": "max_completion_tokens",
    "stream_options": None,
    "top_k": None,
    "seed": None,
    "temperature": None,
    "top_p": None,
}

# How servers say that they do not know a field. A complaint about its value ("max_tokens is too large") is none.
_NOT_TAKEN = re.compile(
    r"unsupported|not support|unrecogni|unknown|unexpected|extra (inputs|fields)|not (permitted|allowed)|no such", re.I
)

# A tokenizer makes at most one token of a byte. Of Latin letters and spaces it makes far fewer: two bytes a token is
# below what any common one reaches on prose. Digits and signs may be tokens of their own.
_LETTERS = re.compile(r"[A-Za-z ]")
_TOKENS_A_MESSAGE = 8  # role and delimiters of the chat template
_TOKENS_A_PROMPT = 40  # some templates add a system message or the date


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Tokens of a prompt whose tokenizer is not at hand; too high rather than too low.

    Two Latin letters or spaces count as one token, any other byte of UTF-8 as one, and 8 for each message and 40 for
    the template are added. English prose comes out at about twice its tokens.
    """
    return _TOKENS_A_PROMPT + sum(_TOKENS_A_MESSAGE + _text_tokens(each.content) for each in messages)


def _text_tokens(text: str) -> int:
    letters = len(_LETTERS.findall(text))
    return math.ceil(letters / 2) + len(text.encode("utf-8", errors="replace")) - letters


def body_of(request: GenerationRequest, model: str, refused: frozenset[str] | set[str] = frozenset()) -> dict[str, Any]:
    """The body for `/v1/chat/completions`, without the fields that this server has `refused` before.

    Fields outside OpenAI's own (`top_k`) are there only if the request asks for them: OpenAI refuses unknown ones.
    """
    sampling = request.sampling
    body: dict[str, Any] = {
        "model": request.adapter or model,
        "messages": [{"role": each.role, "content": each.content} for each in request.messages],
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if sampling.temperature > 0:
        if sampling.top_p < 1:
            body["top_p"] = sampling.top_p
        if sampling.top_k > 0:
            body["top_k"] = sampling.top_k
        if sampling.seed is not None:
            body["seed"] = sampling.seed
    if sampling.stop:
        body["stop"] = list(sampling.stop[:MOST_STOP_STRINGS])
    for name in refused:
        value = body.pop(name, None)
        instead = _OTHERWISE[name]
        if value is not None and instead is not None:
            body[instead] = value
    return body


def refused_field(message: str, body: dict[str, Any]) -> str | None:
    """The field of `body` that an error message calls unknown and that can be left out; None if there is none.

    Of `stream_options` any mention will do: there is nothing in it that a request could get wrong.
    """
    for name in _OTHERWISE:
        if name in body and re.search(rf"\b{name}\b", message):
            return name if name == "stream_options" or _NOT_TAKEN.search(message) else None
    return None


def said_by(body: bytes) -> str:
    """The message of an error answer, in any of the forms that servers use; "" where there is none."""
    try:
        content = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    if isinstance(content, dict):
        for key in ("error", "message", "detail"):
            inner = content.get(key)
            if isinstance(inner, dict):
                inner = inner.get("message")
            if isinstance(inner, str) and inner.strip():
                return " ".join(inner.split())[:_LONGEST_SAID]
            if inner:
                return " ".join(str(inner).split())[:_LONGEST_SAID]
    return ""


def error_of(status: int, said: str, where: str, model: str, adapter: bool, retry_after: float | None) -> EngineError:
    """The engine error for an HTTP status that is not 200."""
    because = f": {said}" if said else ""
    if status == 429:
        return Overloaded(f"{where} is overloaded{because}", retry_after if retry_after is not None else 1.0)
    if status in (401, 403):
        return EngineUnavailable(f"{where} refuses the key (HTTP {status}){because}; set FRONTDESK_LLM_UPSTREAM_KEY")
    if status == 404 and adapter:
        return RequestRefused(f"{where} does not know the adapter{because}")
    if status == 404:
        return EngineUnavailable(f"{where} knows no model {model!r} or no /chat/completions (HTTP 404){because}")
    if status in (400, 413, 422):
        return RequestRefused(f"{where} refuses the request (HTTP {status}){because}")
    return UpstreamFailed(f"{where} answered {status}{because}", retry_after)


class ChatReader:
    """Follows one completion: takes events or a whole JSON answer, gives text, keeps how it ended.

    Attributes:
        finish: the finish reason, once the server has said it.
        usage: the server's count of tokens, once it has said it.
        done: `[DONE]` came.
        chunks: portions of text so far.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self.finish: FinishReason | None = None
        self.usage: Usage | None = None
        self.done = False
        self.chunks = 0

    def take(self, event: Event) -> str:
        """The text of an event, "" if it has none. Raises `UpstreamFailed` or `Overloaded`."""
        if self.done:
            return ""
        if event.data.strip() == "[DONE]":
            self.done = True
            return ""
        return self._take(self._decoded(event.data.encode()), "delta")

    def take_whole(self, body: bytes) -> str:
        """The text of an answer that came as one JSON body although a stream was asked for. Raises as `take`."""
        text = self._take(self._decoded(body), "message")
        self.done = True
        return text

    def _decoded(self, data: bytes) -> dict[str, Any]:
        try:
            content = msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UpstreamFailed(f"{self._where} sent what is not JSON ({error})") from error
        if not isinstance(content, dict):
            raise UpstreamFailed(f"{self._where} sent JSON that is not a completion")
        if content.get("error") or content.get("object") == "error":
            said = said_by(data)
            inner = content.get("error")
            code = (inner if isinstance(inner, dict) else content).get("code")
            if code in (429, "429", "overloaded", "rate_limit_exceeded"):
                raise Overloaded(f"{self._where} is overloaded: {said}", 1.0)
            raise UpstreamFailed(f"{self._where} reported an error: {said or 'without saying which'}")
        return content

    def _take(self, content: dict[str, Any], part: str) -> str:
        usage = content.get("usage")
        if isinstance(usage, dict):
            self.usage = _usage_of(usage)
        choices = content.get("choices")
        if part == "delta" and (choices == [] or (choices is None and isinstance(usage, dict))):
            return ""  # a chunk with nothing but the usage, or with what the server wants to say about the prompt
        try:
            choice: Any = choices[0]  # type: ignore[index]
            text = (choice.get(part) or {}).get("content") or ""
            finish = choice.get("finish_reason")
        except (AttributeError, TypeError, LookupError) as error:
            raise UpstreamFailed(f"{self._where} sent JSON that is not a completion") from error
        if not isinstance(text, str):
            raise UpstreamFailed(f"{self._where} sent content that is not text")
        if finish:
            # Whatever else a server calls it ("eos", "content_filter"), it has stopped.
            self.finish = "length" if finish == "length" else "stop"
        if text:
            self.chunks += 1
        return text


def _usage_of(usage: dict[str, Any]) -> Usage:
    details = usage.get("prompt_tokens_details")
    return Usage(
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        cached_tokens=_count(details, "cached_tokens") if isinstance(details, dict) else 0,
    )


def _count(numbers: dict[str, Any], name: str) -> int:
    value = numbers.get(name)
    return value if isinstance(value, int) and value >= 0 else 0


class StopCutter:
    """Cuts a streamed text at stop strings that the server was not told. Holds back what may be the start of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(filter(None, stops))
        self._held = ""
        self.stopped = False

    def feed(self, text: str) -> str:
        """What of the text so far is sure to stand before any stop string and has not been given yet."""
        if not self._stops:
            return text
        if self.stopped:
            return ""
        self._held += text
        found = [place for place in (self._held.find(stop) for stop in self._stops) if place >= 0]
        if found:
            self.stopped = True
            sure, self._held = self._held[: min(found)], ""
            return sure
        keep = max((_overlap(self._held, stop) for stop in self._stops), default=0)
        sure, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return sure

    def finish(self) -> str:
        """What was held back, now that nothing follows."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Characters at the end of `text` that `stop` begins with."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)
