"""A passage taken apart for the checks: its sentences, windows of one to three of them, and their vectors."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from llm_component.checks.language import content_keys
from llm_component.checks.sentences import split_sentences
from llm_component.protocol import Passage

LARGEST_WINDOW = 3  # sentences
_MARKS = re.compile(r"\*\*|__|`|^[ \t]{0,12}#{1,6}[ \t]{1,8}|^[ \t]{0,12}(?:[-*•]|\d{1,4}[.)])[ \t]{1,8}", re.MULTILINE)
_LIST = re.compile(r"\s*(?:[-*•]|\d+[.)])\s+")
_RULE = re.compile(r"[\s:|-]+")


class Encoder(Protocol):
    """What is needed of `llm_component.encoder.SentenceEncoder`."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of length 1: `(n, dimension)`."""


@dataclass(frozen=True)
class Window:
    """Consecutive sentences of a passage, with the keys of their content words."""

    text: str
    keys: frozenset[str]


@dataclass(frozen=True)
class PassageView:
    """A passage as the checks see it. `vectors`: `(len(windows), dimension)`, each of length 1."""

    title: str
    text: str
    sentences: tuple[str, ...]
    windows: tuple[Window, ...]
    vectors: np.ndarray

    @cached_property
    def whole(self) -> str:
        """Title and text: where a fact or a name may stand."""
        return f"{self.title}\n{self.text}"

    @cached_property
    def keys(self) -> frozenset[str]:
        """Content keys of title and text."""
        return frozenset(content_keys(self.whole))

    @cached_property
    def sequence(self) -> tuple[str, ...]:
        """Content keys of the text in their order, for common spans."""
        return tuple(content_keys(self.text))


def plain_text(text: str) -> str:
    """`text` without the marks of Markdown; a table's row becomes a line with commas."""
    lines = []
    for line in _MARKS.sub("", text).splitlines():
        if _RULE.fullmatch(line) and "-" in line:
            continue
        if line.lstrip().startswith("|"):
            line = ", ".join(cell.strip() for cell in line.strip().strip("|").split("|") if cell.strip())
        lines.append(line)
    return "\n".join(lines)


def sentences_of(text: str) -> list[str]:
    """The sentences of a passage's text. A line of a list or a table stays whole; a list's lines are told with the
    line that leads in to them ("Not included: wall mounting"). What has no letter is left out."""
    found: list[str] = []
    lead = ""
    for block in text.splitlines():
        line = plain_text(block).strip()
        if not line:
            continue
        if _LIST.match(block):
            found.append(f"{lead} {line}" if lead else line)
            continue
        lead = line if line.endswith(":") else ""
        found.extend([line] if block.lstrip().startswith("|") else split_sentences(line))
    return [each for each in found if re.search(r"[^\W\d_]", each)]


class PassageViews:
    """Views of passages, kept by their text: a passage that was seen before costs no encoding. Thread-safe."""

    def __init__(self, encoder: Encoder, kept: int = 256) -> None:
        self._encoder = encoder
        self._kept = kept
        self._views: OrderedDict[tuple[str, str], PassageView] = OrderedDict()
        self._lock = threading.Lock()

    def views(self, passages: Sequence[Passage]) -> list[PassageView]:
        """One view a passage, in their order; all that are new are encoded in one batch."""
        keys = [(_title(each), each.text) for each in passages]
        with self._lock:
            found = {key: self._views[key] for key in keys if key in self._views}
        new = [key for key in dict.fromkeys(keys) if key not in found]
        sentences = {key: sentences_of(key[1]) or [key[0]] for key in new}
        texts = [sentence for key in new for sentence in sentences[key]]
        vectors = self._encoder.encode(texts) if texts else np.zeros((0, 0), dtype=np.float32)
        start = 0
        for key in new:
            end = start + len(sentences[key])
            found[key] = _view(key, sentences[key], vectors[start:end])
            start = end
        with self._lock:
            for key in keys:
                self._views[key] = found[key]
                self._views.move_to_end(key)
            while len(self._views) > self._kept:
                self._views.popitem(last=False)
        return [found[key] for key in keys]


def _title(passage: Passage) -> str:
    return f"{passage.title}: {passage.heading}" if passage.heading else passage.title


def _view(key: tuple[str, str], sentences: Sequence[str], vectors: np.ndarray) -> PassageView:
    """Windows of several sentences get the mean of their sentences' vectors, weighted by length."""
    weights = np.array([max(len(each.split()), 1) for each in sentences], dtype=np.float32)[:, None]
    windows: list[Window] = []
    rows: list[np.ndarray] = []
    for size in range(1, min(LARGEST_WINDOW, len(sentences)) + 1):
        for start in range(len(sentences) - size + 1):
            part = slice(start, start + size)
            text = " ".join(sentences[part])
            mean = (vectors[part] * weights[part]).sum(axis=0)
            windows.append(Window(text, frozenset(content_keys(text))))
            rows.append(mean / max(float(np.linalg.norm(mean)), 1e-9))
    return PassageView(key[0], plain_text(key[1]), tuple(sentences), tuple(windows), np.stack(rows).astype(np.float32))
