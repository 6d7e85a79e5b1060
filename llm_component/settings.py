"""The component's settings: from the environment, with defaults that work, shown at start with secrets masked."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

PREFIX = "FRONTDESK_LLM_"
UPSTREAM_MARK = "upstream:"
ECHO_MODEL = "echo"
NO_MODEL = "none"

EngineName = Literal["auto", "batch", "paged"]
ENGINES = ("auto", "batch", "paged")
DTYPES = ("auto", "bf16", "fp16", "fp32")
QUANTIZATIONS = ("none", "8bit", "4bit")
SECRETS = frozenset({"secret", "upstream_key"})


class SettingsError(ValueError):
    """A setting cannot be used; the message names it and says what it may be."""


def _setting(default: object, says: str) -> object:
    return field(default=default, metadata={"says": says})


@dataclass(frozen=True)
class Settings:
    """Each field is the environment variable `FRONTDESK_LLM_` + its name in capitals."""

    model: str = _setting("", "folder, hub id, upstream:URL, echo, or none; empty: the default model")  # type: ignore[assignment]
    engine: str = _setting("auto", "auto, batch or paged")  # type: ignore[assignment]
    device: str = _setting("auto", "auto, cpu, cuda, cuda:1 ...")  # type: ignore[assignment]
    dtype: str = _setting("auto", "auto, bf16, fp16 or fp32")  # type: ignore[assignment]
    quantization: str = _setting("none", "none, 8bit or 4bit; on a GPU")  # type: ignore[assignment]
    adapters: str = _setting("", "LoRA adapters: name=folder,name=folder")  # type: ignore[assignment]
    context_tokens: int = _setting(0, "prompt and completion together; 0: what the model can")  # type: ignore[assignment]
    max_rows: int = _setting(0, "requests generated at once; 0: by device and memory")  # type: ignore[assignment]
    max_waiting: int = _setting(128, "requests that may wait; more are refused with 429")  # type: ignore[assignment]
    speculation: bool = _setting(True, "guess copied tokens ahead for a lone request")  # type: ignore[assignment]
    host: str = _setting("127.0.0.1", "address to listen on")  # type: ignore[assignment]
    port: int = _setting(5006, "port to listen on")  # type: ignore[assignment]
    secret: str = _setting("", "shared secret that clients send as Authorization: Bearer")  # type: ignore[assignment]
    allow_open: bool = _setting(False, "listen for other machines without a secret")  # type: ignore[assignment]
    max_body_bytes: int = _setting(1_000_000, "largest request body")  # type: ignore[assignment]
    chat_seconds: float = _setting(120.0, "time that a chat completion has where it names none")  # type: ignore[assignment]
    drain_seconds: float = _setting(20.0, "time that running requests have after SIGTERM")  # type: ignore[assignment]
    cache_entries: int = _setting(512, "answers kept for equal questions on equal knowledge; 0: none")  # type: ignore[assignment]
    cache_seconds: float = _setting(3600.0, "how long they are kept")  # type: ignore[assignment]
    upstream_model: str = _setting("", "model name to ask the upstream for; empty: its first")  # type: ignore[assignment]
    upstream_key: str = _setting("", "API key of the upstream")  # type: ignore[assignment]
    encoder: str = _setting("", "sentence encoder of the checks; empty: the packaged one")  # type: ignore[assignment]
    support_threshold: float = _setting(0.0, "least support of a sentence; 0: the calibrated one")  # type: ignore[assignment]

    @property
    def upstream_url(self) -> str | None:
        """The base URL of an OpenAI-compatible server, or None where the model is our own."""
        if not self.model.startswith(UPSTREAM_MARK):
            return None
        return self.model[len(UPSTREAM_MARK) :].strip().rstrip("/")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Reads every setting. Raises `SettingsError` at the first that cannot be used."""
        source = os.environ if environment is None else environment
        values: dict[str, object] = {}
        for each in fields(cls):
            said = source.get(PREFIX + each.name.upper(), "").strip()
            if said:
                values[each.name] = _read(PREFIX + each.name.upper(), said, each.default)
        settings = cls(**values)  # type: ignore[arg-type]
        settings.check()
        return settings

    def check(self) -> None:
        """Raises `SettingsError` where a value is outside what it may be."""
        _one_of("ENGINE", self.engine, ENGINES)
        _one_of("DTYPE", self.dtype, DTYPES)
        _one_of("QUANTIZATION", self.quantization, QUANTIZATIONS)
        url = self.upstream_url
        if url is not None and not url.startswith(("http://", "https://")):
            raise SettingsError(
                f"{PREFIX}MODEL={self.model}: after {UPSTREAM_MARK} comes an http:// or https:// address"
            )
        if not 0 < self.port < 65536:
            raise SettingsError(f"{PREFIX}PORT={self.port} is no port: give a number from 1 to 65535")
        for name in ("context_tokens", "max_rows", "max_waiting", "cache_entries"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{PREFIX}{name.upper()} must not be negative")
        for name in ("max_body_bytes", "chat_seconds"):
            if not getattr(self, name) > 0:
                raise SettingsError(f"{PREFIX}{name.upper()} must be above 0")
        for name in ("drain_seconds", "cache_seconds"):
            if not 0 <= getattr(self, name) < math.inf:
                raise SettingsError(f"{PREFIX}{name.upper()} must be a number of seconds, not below 0")
        if not 0 <= self.support_threshold <= 1:
            raise SettingsError(f"{PREFIX}SUPPORT_THRESHOLD must be from 0 to 1")

    def adapter_folders(self) -> dict[str, str]:
        """LoRA adapters by name. Raises `SettingsError` where one is not written `name=folder`."""
        found: dict[str, str] = {}
        for part in filter(None, (piece.strip() for piece in self.adapters.split(","))):
            name, mark, folder = part.partition("=")
            if not mark or not name.strip() or not folder.strip():
                raise SettingsError(f"{PREFIX}ADAPTERS: write name=folder, separated by commas; not {part!r}")
            found[name.strip()] = folder.strip()
        return found

    def shown(self) -> dict[str, object]:
        """All settings as they may be logged: secrets masked."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: ("***" if value else "") if name in SECRETS else value for name, value in values.items()}


def as_table() -> str:
    """All settings with their defaults as a Markdown table; docs/llm.md holds it."""
    lines = ["| variable | default | what it sets |", "| --- | --- | --- |"]
    for each in fields(Settings):
        default = str(each.default).lower() if isinstance(each.default, bool) else each.default
        lines.append(f"| `{PREFIX}{each.name.upper()}` | {default} | {each.metadata['says']} |")
    return "\n".join(lines) + "\n"


def _read(variable: str, said: str, default: object) -> object:
    try:
        if isinstance(default, bool):
            lowered = said.lower()
            if lowered not in ("1", "0", "true", "false", "yes", "no"):
                raise ValueError
            return lowered in ("1", "true", "yes")
        if isinstance(default, int):
            return int(said)
        if isinstance(default, float):
            return float(said)
    except ValueError:
        kind = {bool: "true or false", int: "a whole number", float: "a number"}[type(default)]
        raise SettingsError(f"{variable}={said} must be {kind}") from None
    return said


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise SettingsError(f"{PREFIX}{name}={value} is unknown: use {', '.join(allowed)}")
