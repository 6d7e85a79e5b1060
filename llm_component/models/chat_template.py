"""Turns messages into a model's prompt, and keeps whatever stands in them from passing for a turn of its own."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from llm_component.engines.interface import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PLAIN_TEMPLATE = Path(__file__).with_name("plain_chat.jinja")
PLAIN_STOP = ("\n### ",)  # a plain model writes the customer's next turn itself unless it is stopped there
OPENING = "Hello."  # the customer's turn where a template insists on one before the assistant's first

_PROBES = ("qvxsystem", "qvxuser", "qvxassistant")  # words that no template holds
_ANGLED = re.compile(r"<[^<>\s]{1,60}>")
_SQUARE = re.compile(r"\[/?[^\[\]\s]{1,60}\]")
_PIPED = re.compile(r"<\|[^<>\s]{1,58}\|>")
_SIGNS = re.compile(r"<<[^<>\n]{1,40}>>|<[^<>\s]{1,60}>|\[/?[A-Z_]{2,40}\]")  # control strings within a template
_LABEL = re.compile(r"[#\w][#\w |]{1,30}:")  # a line of a template that names who speaks
# Of widely used templates: a model may know them though they are not tokens here.
_USUAL = frozenset(("<s>", "</s>", "<start_of_turn>", "<end_of_turn>", "<think>", "</think>", "<tool_call>"))
_USUAL |= {"</tool_call>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "<<SYS>>", "<</SYS>>"}
_LINE_START = r"(?:^|(?<=[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]))[ \t]*"


class ChatTemplate:
    """A tokenizer's chat template, or a plain one where it has none. Safe to call from several threads.

    Args:
        tokenizer: of the model.
        plain: use the plain template in any case, as for encoder-decoders.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, plain: bool = False) -> None:
        self._tokenizer = tokenizer
        # Fast tokenizers refuse two callers at once ("Already borrowed").
        self._lock = threading.Lock()
        own = bool(getattr(tokenizer, "chat_template", None)) and not plain
        self._plain = None if own else _plain_template()
        self.source = "of the model" if own else "plain"
        self.stop = () if own else PLAIN_STOP  # texts that end a completion beside the model's end tokens
        self._takes_system = self._shows_system()
        self._signs, self._labels = self._control_strings()

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a whole prompt that asks for the assistant's next turn; contents are cleaned first.

        Raises:
            ValueError: there is no message, or the template refuses them.
        """
        text = self.prompt_text(messages)
        with self._lock:
            # A template of the model writes its own special tokens; round the plain one the tokenizer puts them.
            return self._ids(text, special=self._plain is not None)

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """The prompt as text, before it becomes tokens. Raises `ValueError` as `prompt_ids` does."""
        if not messages:
            raise ValueError("a prompt needs at least one message")
        cleaned = [replace(message, content=self.clean(message.content)) for message in messages]
        if not self._takes_system:
            cleaned = _without_system(cleaned)
        try:
            return self._render(cleaned)
        except jinja2.TemplateError:
            pass  # many templates want user and assistant in turn, and the user first
        try:
            return self._render(_alternating(cleaned))
        except jinja2.TemplateError as error:
            raise ValueError(f"the model's chat template refuses these messages: {error}") from error

    def text_ids(self, text: str) -> list[int]:
        """Token ids of plain text as it stands within a prompt: cleaned, and without special tokens."""
        cleaned = self.clean(text)
        with self._lock:
            return self._ids(cleaned, special=False)

    def clean(self, text: str) -> str:
        """`text` without what the model reads as the start or end of a turn: special tokens and template marks.

        Each becomes a space, so that its neighbours cannot grow together into another.
        """
        text = text.encode("utf-8", "replace").decode("utf-8")  # halves of surrogate pairs, which tokenizers refuse
        cleaned = self._without_control(text)
        if cleaned.isascii():
            return cleaned
        # Tokenizers that normalise would turn look-alikes, such as full-width brackets, into the real thing.
        plain = "".join(sign for sign in unicodedata.normalize("NFKC", cleaned) if unicodedata.category(sign) != "Cf")
        if plain == cleaned:
            return cleaned
        harmless = self._without_control(plain)
        return cleaned if harmless == plain else harmless

    def _without_control(self, text: str) -> str:
        text = _PIPED.sub(" ", text)
        for shape in (_ANGLED, _SQUARE):
            text = shape.sub(lambda found: " " if found[0] in self._signs else found[0], text)
        if self._labels is not None:
            text = self._labels.sub(" ", text)
        return text

    def _control_strings(self) -> tuple[frozenset[str], re.Pattern[str] | None]:
        """Texts to remove: those found by their brackets, and a pattern for all others."""
        texts = set(_USUAL)
        special = set(self._tokenizer.all_special_tokens)
        for token in self._tokenizer.get_added_vocab():
            # Added tokens that are spaces or words belong to the language, not to the protocol.
            if token in special or _ANGLED.fullmatch(token) or _SQUARE.fullmatch(token) or _PIPED.fullmatch(token):
                texts.add(token)
        labels = set()
        for line in self._literals():
            texts.update(_SIGNS.findall(line))
            if _LABEL.fullmatch(line.strip()):
                labels.add(line.strip())
        texts = {text for text in texts if text.strip()}
        by_shape = frozenset(text for text in texts if _ANGLED.fullmatch(text) or _SQUARE.fullmatch(text))
        others = [re.escape(text) for text in sorted(texts - by_shape, key=len, reverse=True)]
        others += [_LINE_START + re.escape(label) for label in sorted(labels, key=len, reverse=True)]
        return by_shape, re.compile("|".join(others)) if others else None

    def _literals(self) -> list[str]:
        """The lines that the template itself writes."""
        turns = [Message("user", _PROBES[1]), Message("assistant", _PROBES[2]), Message("user", _PROBES[1])]
        if self._takes_system:
            turns.insert(0, Message("system", _PROBES[0]))
        return re.sub("|".join(_PROBES), "\n", self._render(turns)).splitlines()

    def _shows_system(self) -> bool:
        """Whether a system turn reaches the model: some templates refuse it, some drop it."""
        try:
            text = self._render([Message("system", _PROBES[0]), Message("user", _PROBES[1])])
        except jinja2.TemplateError:
            return False
        return _PROBES[0] in text

    def _render(self, messages: Sequence[Message]) -> str:
        turns = [{"role": message.role, "content": message.content} for message in messages]
        if self._plain is not None:
            return self._plain.render(messages=turns)
        text = self._tokenizer.apply_chat_template(
            turns,
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,  # models that think aloud would let the customer wait; others ignore it
        )
        return str(text)

    def _ids(self, text: str, special: bool) -> list[int]:
        ids = self._tokenizer(text, add_special_tokens=special, truncation=False, padding=False, verbose=False)
        return list(ids["input_ids"])


def _plain_template() -> jinja2.Template:
    environment = ImmutableSandboxedEnvironment(keep_trailing_newline=True)
    return environment.from_string(PLAIN_TEMPLATE.read_text(encoding="utf-8"))


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """The same with each system turn put in front of the user's turn that follows."""
    folded: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message.role == "system":
            waiting.append(message.content)
        elif message.role == "user":
            folded.append(Message("user", "\n\n".join([*waiting, message.content])))
            waiting = []
        else:
            if waiting:
                folded.append(Message("user", "\n\n".join([*waiting, OPENING])))
                waiting = []
            folded.append(message)
    if waiting:
        folded.append(Message("user", "\n\n".join(waiting)))
    return folded


def _alternating(messages: Sequence[Message]) -> list[Message]:
    """The same with neighbours of one role joined, and with a turn of the user before the assistant's first."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == message.role:
            joined[-1] = Message(message.role, f"{joined[-1].content}\n\n{message.content}")
            continue
        if message.role == "assistant" and (not joined or joined[-1].role == "system"):
            joined.append(Message("user", OPENING))
        joined.append(message)
    return joined
