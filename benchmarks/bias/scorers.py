"""How likely a model finds a text, or an ending of a text, whatever kind of model it is."""

from __future__ import annotations

import dataclasses
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

from llm_component.evaluation import likelihood
from llm_component.evaluation.cases import EvaluationError
from llm_component.evaluation.perplexity import framed
from llm_component.evaluation.texts import load_masked
from llm_component.models.loaded import LoadedModel
from llm_component.settings import Settings

MOST_TOKENS = 480  # of a text, special tokens not counted


@dataclass(frozen=True)
class Ending:
    """A text that goes on with one of several endings; some models take `context` and `question` apart."""

    context: str
    question: str
    endings: tuple[str, ...]


class Scorer(ABC):
    """Log-probabilities under one model. `kind` says which."""

    kind: str

    @abstractmethod
    def texts(self, texts: Sequence[str]) -> list[float]:
        """Of whole texts."""

    @abstractmethod
    def shared(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
        """Of each pair of texts that differ in a few words: of the words that both share, given the words that differ
        (CrowS-Pairs), or of the whole texts where the model reads from left to right.
        """

    @abstractmethod
    def endings(self, cases: Sequence[Ending]) -> list[list[float]]:
        """Of every ending, a token on average, given what stands before it."""


class CausalScorer(Scorer):
    """A model that reads from left to right: the sum over all tokens."""

    kind = "causal"

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        begin = loaded.tokenizer.bos_token_id
        # Without a beginning token the end token stands there, so that the first word counts too.
        self._begin = int(begin if begin is not None else min(loaded.end_token_ids))

    def _ids(self, text: str) -> list[int]:
        return self._loaded.text_ids(text)[:MOST_TOKENS]

    def texts(self, texts: Sequence[str]) -> list[float]:
        rows = [[self._begin, *self._ids(text)] for text in texts]
        return [sum(row) for row in likelihood.causal(self._loaded.model, rows, pad=self._loaded.pad_token_id)]

    def shared(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
        found = self.texts([text for pair in pairs for text in pair])
        return list(zip(found[::2], found[1::2], strict=True))

    def endings(self, cases: Sequence[Ending]) -> list[list[float]]:
        rows, starts = [], []
        for case in cases:
            before = self._ids(f"{case.context} {case.question}")
            for ending in case.endings:
                # The space belongs to the ending: tokenizers keep it with the word behind it.
                rows.append([self._begin, *before, *self._ids(f" {ending}")])
                starts.append(len(before))
        found = likelihood.causal(self._loaded.model, rows, pad=self._loaded.pad_token_id)
        means = [sum(row[start:]) / max(1, len(row) - start) for row, start in zip(found, starts, strict=True)]
        return _grouped(means, [len(case.endings) for case in cases])


class WrittenScorer(Scorer):
    """An encoder-decoder: what is scored is written, given the rest.

    A sentence alone is no task of such a model, so for whole sentences it gets the words that two sentences share as
    its source and writes the sentence; what that says of it is limited, and docs/bias.md says so.
    """

    kind = "encoder_decoder"

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded

    def texts(self, texts: Sequence[str]) -> list[float]:
        return [sum(row) for row in self._written([("", "", text) for text in texts])]

    def shared(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
        jobs = []
        for first, second in pairs:
            common = " ".join(common_words(first, second))
            jobs += [("", common, first), ("", common, second)]
        found = [sum(row) for row in self._written(jobs)]
        return list(zip(found[::2], found[1::2], strict=True))

    def endings(self, cases: Sequence[Ending]) -> list[list[float]]:
        jobs = [(case.context, case.question, ending) for case in cases for ending in case.endings]
        means = [sum(row) / max(1, len(row)) for row in self._written(jobs)]
        return _grouped(means, [len(case.endings) for case in cases])

    def _written(self, jobs: Sequence[tuple[str, str, str]]) -> list[list[float]]:
        from llm_component.engines.interface import Grounding, GroundingPassage, Message

        loaded = self._loaded
        sources, targets = [], []
        for context, question, text in jobs:
            if loaded.source is not None:
                passages = (GroundingPassage("", "", context),) if context else ()
                grounding = Grounding("answer", question=question or "?", passages=passages)
                sources.append(list(loaded.source.build(grounding).ids))
                targets.append(loaded.source.target_ids(text)[:-1])
            else:
                asked = " ".join(part for part in (context, question) if part)
                sources.append(list(loaded.prompt_ids([Message("user", asked or "?")])))
                targets.append(loaded.text_ids(text)[:MOST_TOKENS])
        return likelihood.written(loaded.model, sources, targets, pad=loaded.pad_token_id)


class MaskedScorer(Scorer):
    """A masked language model: each token masked alone (pseudo-log-likelihood)."""

    kind = "masked"

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self._model = model
        self._tokenizer = tokenizer

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])[:MOST_TOKENS]

    def _score(self, rows: Sequence[list[int]], places: Sequence[Sequence[int]]) -> list[list[float]]:
        pad = int(self._tokenizer.pad_token_id or 0)
        return likelihood.masked(self._model, rows, places, mask_id=self._tokenizer.mask_token_id, pad=pad)

    def texts(self, texts: Sequence[str]) -> list[float]:
        both = [framed(self._tokenizer, self._ids(text)) for text in texts]
        return [sum(row) for row in self._score([row for row, _ in both], [places for _, places in both])]

    def shared(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
        rows: list[list[int]] = []
        places: list[list[int]] = []
        for first, second in pairs:
            ids = self._ids(first), self._ids(second)
            for own, shared in zip(ids, shared_positions(*ids), strict=True):
                row, where = framed(self._tokenizer, own)
                rows.append(row)
                places.append([where[place] for place in shared])
        found = [sum(row) for row in self._score(rows, places)]
        return list(zip(found[::2], found[1::2], strict=True))

    def endings(self, cases: Sequence[Ending]) -> list[list[float]]:
        rows, places, sizes = [], [], []
        for case in cases:
            before = self._ids(f"{case.context} {case.question}")
            for ending in case.endings:
                own = self._ids(ending)
                row, where = framed(self._tokenizer, [*before, *own])
                rows.append(row)
                places.append(where[len(before) :])
            sizes.append(len(case.endings))
        means = [sum(row) / max(1, len(row)) for row in self._score(rows, places)]
        return _grouped(means, sizes)


def shared_positions(first: Sequence[int], second: Sequence[int]) -> tuple[list[int], list[int]]:
    """Positions of the tokens that two texts have in common, in each."""
    found: tuple[list[int], list[int]] = ([], [])
    for block in SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks():
        found[0].extend(range(block.a, block.a + block.size))
        found[1].extend(range(block.b, block.b + block.size))
    return found


def common_words(first: str, second: str) -> list[str]:
    """The words that two texts have in common, in their order."""
    words, others = first.split(), second.split()
    return [words[place] for place in shared_positions_of(words, others)]


def shared_positions_of(first: Sequence[str], second: Sequence[str]) -> list[int]:
    """Places in `first` of the words that both have."""
    blocks = SequenceMatcher(None, first, second, autojunk=False).get_matching_blocks()
    return [place for block in blocks for place in range(block.a, block.a + block.size)]


def _grouped(values: Sequence[float], sizes: Sequence[int]) -> list[list[float]]:
    found, start = [], 0
    for size in sizes:
        found.append(list(values[start : start + size]))
        start += size
    return found


def scorer_for(settings: Settings) -> tuple[str, Scorer]:
    """The model's name and its scorer. Raises `EvaluationError` or `ModelError` where there can be none."""
    if settings.upstream_url is not None:
        raise EvaluationError("a model on another server does not say how likely a text is: name a folder or a hub id")
    from llm_component.models.files import find_folder
    from llm_component.models.loading import load_model

    if settings.model and Path(settings.model).expanduser().is_dir():
        folder = find_folder(settings.model)
        said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if any("MaskedLM" in one or "PreTraining" in one for one in said.get("architectures") or []):
            model, tokenizer = load_masked(folder, settings)
            return folder.name, MaskedScorer(model, tokenizer)
    loaded = load_model(dataclasses.replace(settings, dtype="fp32" if settings.dtype == "auto" else settings.dtype))
    scorer: Scorer = WrittenScorer(loaded) if loaded.kind == "encoder_decoder" else CausalScorer(loaded)
    return loaded.name, scorer
