"""Text from token ids as they come: no half character, nothing decoded twice, nothing past a stop string."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

logger = logging.getLogger(__name__)

REPLACEMENT = "\ufffd"  # what a decoder shows for bytes that make no character, or none yet
WINDOW = 8  # tokens of context for decoding by window; a character has at most four bytes, a joint of words one token
_INVALID_PREFIX = (
    "Invalid prefix encountered"  # message of tokenizers' DecodeStream, which has no type of its own for it
)


class WindowDecoder:
    """Decodes the last tokens again with each new one; for tokenizers without a Rust half, and for a stream's rest."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._before: list[int] = []  # tokens whose text is out, as context
        self._pending: list[int] = []  # tokens whose text is not

    def push(self, token_id: int) -> str:
        """The text that this token completes; empty while a character is incomplete."""
        self._pending.append(token_id)
        text = self._pending_text()
        if not text or text.endswith(REPLACEMENT):
            return ""
        self.passed(self._pending)
        return text

    def passed(self, token_ids: Sequence[int]) -> None:
        """Notes tokens whose text is out, whoever decoded it."""
        self._before = [*self._before, *token_ids][-WINDOW:]
        self._pending = []

    def hold(self, token_id: int) -> None:
        """Notes a token whose text is not out yet."""
        self._pending.append(token_id)

    def take_pending(self) -> list[int]:
        """The tokens whose text is not out."""
        return self._pending

    def finish(self) -> str:
        """The whole characters that were held back for an incomplete one behind them."""
        text = self._pending_text().rstrip(REPLACEMENT) if self._pending else ""
        self._pending = []
        return text

    def _pending_text(self) -> str:
        before = self._decode(self._before)
        return self._decode([*self._before, *self._pending])[len(before) :]

    def _decode(self, token_ids: list[int]) -> str:
        if not token_ids:
            return ""
        text = self._tokenizer.decode(token_ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text if isinstance(text, str) else "".join(text)


class Detokeniser:
    """The text of one completion, token by token. Special tokens have none."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._window = WindowDecoder(tokenizer)
        backend = getattr(tokenizer, "backend_tokenizer", None) or getattr(tokenizer, "_tokenizer", None)
        self._backend: Tokenizer | None = backend if isinstance(backend, Tokenizer) else None
        self._stream = DecodeStream(skip_special_tokens=True) if self._backend is not None else None

    def push(self, token_id: int) -> str:
        """The text that this token completes; empty while a character is incomplete."""
        if self._stream is None:
            return self._window.push(token_id)
        try:
            text = self._stream.step(self._backend, token_id)
        except Exception as error:
            if _INVALID_PREFIX not in str(error):
                raise
            # Some vocabularies decode a token differently beside another one. The window copes with that.
            logger.info("decoding a completion by window: %s", error)
            self._stream = None
            return self._window.push(token_id)
        if text is None:
            self._window.hold(token_id)
            return ""
        self._window.passed([*self._window.take_pending(), token_id])
        return str(text)

    def finish(self) -> str:
        """What was held back at the end, without an incomplete last character."""
        return self._window.finish()


class StopStrings:
    """Lets text through up to the stop string that is complete first; holds back what may be the beginning of one.

    Which text comes out does not depend on how it was cut into pieces.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""
        self.stopped = False

    def push(self, text: str) -> str:
        """The text that may go out now. Sets `stopped` once a stop string has come; then nothing more goes out."""
        if self.stopped or not self._stops:
            return "" if self.stopped else text
        text = self._held + text
        found = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)[1]]
        keep = max(_overlap(text, stop) for stop in self._stops)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """What was held back and turned out to be no stop string."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` with which `stop` begins, shorter than `stop`."""
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)


@dataclass
class CompletionText:
    """The text of one completion: detokenised, up to the first stop string.

    `token_ids` are the tokens taken so far; those behind a stop string are not.
    """

    detokeniser: Detokeniser
    stops: StopStrings
    token_ids: list[int]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, stops: Sequence[str]) -> CompletionText:
        """The text of a completion that has no token yet."""
        return cls(Detokeniser(tokenizer), StopStrings(stops), [])

    @property
    def stopped(self) -> bool:
        """Whether a stop string has come."""
        return self.stops.stopped

    def push(self, token_ids: Sequence[int]) -> str:
        """The text that may go out after these tokens."""
        out: list[str] = []
        for token_id in token_ids:
            if self.stopped:
                break
            self.token_ids.append(token_id)
            out.append(self.stops.push(self.detokeniser.push(token_id)))
        return "".join(out)

    def finish(self) -> str:
        """The rest of the text, when no more tokens come."""
        if self.stopped:
            return ""
        rest = self.stops.push(self.detokeniser.finish())
        return rest if self.stopped else rest + self.stops.finish()
