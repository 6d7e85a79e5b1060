"""Rows that were admitted together and advance together, with the model's own cache."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from transformers.modeling_outputs import BaseModelOutput

from llm_component.decoding import ragged
from llm_component.decoding.forwarding import BASE_ADAPTER, inner_model
from llm_component.decoding.memory import is_out_of_memory
from llm_component.decoding.running import RunningRow
from llm_component.models.loaded import LoadedModel


class Cohort(ABC):
    """Rows whose completions have the same length. `pending`: tokens that are chosen but not passed on yet.

    The cache is dropped whenever its state is in doubt, for example after a forward that failed; the next forward
    then computes it anew from the rows' tokens.
    """

    def __init__(self, loaded: LoadedModel, rows: list[RunningRow]) -> None:
        self.rows = rows
        self.pending: list[int] | None = None
        self._model: Any = loaded.model
        self._device = loaded.device
        self._pad = loaded.pad_token_id
        self._adapters = bool(loaded.adapters)
        self._parameters = inspect.signature(inner_model(loaded).forward).parameters
        self._cache: Any = None

    @property
    def has_cache(self) -> bool:
        """Whether the next forward computes the last tokens only."""
        return self._cache is not None

    def logits(self) -> torch.Tensor:
        """Logits (rows, vocabulary) after what each row has so far."""
        cache, self._cache = self._cache, None
        extra = {"adapter_names": [each.row.adapter or BASE_ADAPTER for each in self.rows]} if self._adapters else {}
        logits, self._cache = self._from_start(extra) if cache is None else self._next(cache, extra)
        return logits

    @abstractmethod
    def _from_start(self, extra: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        """Logits from prompts and completions so far, and the cache that this gave, if any."""

    @abstractmethod
    def _next(self, cache: Any, extra: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        """Logits after the rows' last tokens, with the cache of all before."""

    def absorb(self, other: Cohort) -> bool:
        """Takes the rows of another cohort in, where their states can go on together; else False, and nothing changes.

        Both have a cache and no pending tokens.
        """
        return False

    def keep(self, places: Sequence[int]) -> None:
        """Takes all other rows out."""
        self.rows = [self.rows[place] for place in places]
        if self.pending is not None:
            self.pending = [self.pending[place] for place in places]
        cache, self._cache = self._cache, None
        try:
            self._select(torch.tensor(places, device=self._device))
            if cache is not None and hasattr(cache, "batch_select_indices"):
                cache.batch_select_indices(torch.tensor(places, device=self._device))
                self._cache = cache
        except (RuntimeError, MemoryError) as error:
            self._forget()
            if not is_out_of_memory(error):
                raise

    def _select(self, places: torch.Tensor) -> None:  # noqa: B027  a cohort may hold nothing else
        """Takes rows out of what is held beside the cache."""

    def _forget(self) -> None:  # noqa: B027  a cohort may hold nothing else
        """What is held beside the cache may be half changed: it is to be computed anew."""

    def _last_tokens(self) -> torch.Tensor:
        return torch.tensor([[each.output[-1]] for each in self.rows], device=self._device)

    def _padded(self, texts: Sequence[Sequence[int]], *, left: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and their mask, both (rows, longest)."""
        width = max(map(len, texts))
        ids, mask = [], []
        for text in texts:
            padding = width - len(text)
            ids.append([*[self._pad] * padding, *text] if left else [*text, *[self._pad] * padding])
            mask.append([0] * padding + [1] * len(text) if left else [1] * len(text) + [0] * padding)
        both = torch.tensor([ids, mask], device=self._device)
        return both[0], both[1]


class EncoderDecoderCohort(Cohort):
    """Prompts go through the encoder once, padded on the right.

    Completions of rows that were admitted together need no padding. Where the model takes a mask for them, rows that
    came later join in, padded on the left: one forward serves all.

    Args:
        start_token: the decoder's first input.
    """

    def __init__(self, loaded: LoadedModel, rows: list[RunningRow], start_token: int) -> None:
        super().__init__(loaded, rows)
        self._start_token = start_token
        self._encoder: Any = None if self._adapters else inner_model(loaded).get_encoder()
        self._encoded: Any = None
        self._mask: torch.Tensor | None = None
        self._ids: torch.Tensor | None = None
        self._targets: torch.Tensor | None = None  # mask of the completions so far; None: no padding
        self._joins = bool(getattr(inner_model(loaded), "takes_ragged_targets", False))

    def absorb(self, other: Cohort) -> bool:
        if not isinstance(other, EncoderDecoderCohort) or not self._joins:
            return False
        both = (self, other)
        if any(each._cache is None or each._encoded is None or each.pending is not None for each in both):
            return False
        if self._encoded.keys() != other._encoded.keys():
            return False
        try:
            merged = ragged.merged([each._state() for each in both], self._pad)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return False
        for name, value in merged.encoded.items():
            self._encoded[name] = value
        self._mask, self._ids, self._targets, self._cache = merged.mask, merged.ids, merged.targets, merged.cache
        self.rows = [*self.rows, *other.rows]
        return True

    def _state(self) -> ragged.State:
        assert self._mask is not None and self._ids is not None
        encoded = {name: value for name, value in self._encoded.items() if isinstance(value, torch.Tensor)}
        return ragged.State(encoded, self._mask, self._ids, self._targets, self._cache)

    def keep(self, places: Sequence[int]) -> None:
        super().keep(places)
        if self._targets is not None and self._cache is not None:
            self._targets = ragged.trimmed(self._cache, self._targets)

    def _from_start(self, extra: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        decoder_ids, targets = self._padded([[self._start_token, *each.output] for each in self.rows], left=True)
        self._targets = None if bool(targets.all()) else targets
        if self._encoded is None:
            ids, self._mask = self._padded([each.row.prompt for each in self.rows], left=False)
            self._ids = ids
            if self._encoder is None:  # adapters reach the encoder through the whole model only
                return self._whole(ids, decoder_ids, extra)
            self._encoded = self._encoder(input_ids=ids, attention_mask=self._mask, return_dict=True)
        return self._decode(decoder_ids, None, extra)

    def _whole(self, ids: torch.Tensor, decoder_ids: torch.Tensor, extra: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        output = self._model(
            input_ids=ids,
            attention_mask=self._mask,
            decoder_input_ids=decoder_ids,
            use_cache=True,
            return_dict=True,
            **extra,
        )
        self._encoded = BaseModelOutput(last_hidden_state=output.encoder_last_hidden_state)
        return output.logits[:, -1], output.past_key_values

    def _next(self, cache: Any, extra: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        if self._targets is not None:
            self._targets = torch.cat([self._targets, self._targets.new_ones((len(self.rows), 1))], dim=1)
        return self._decode(self._last_tokens(), cache, extra)

    def _decode(self, decoder_ids: torch.Tensor, cache: Any, extra: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        if "encoder_input_ids" in self._parameters:  # of a model that points at its input
            extra = {**extra, "encoder_input_ids": self._ids}
        if self._targets is not None:
            extra = {**extra, "decoder_attention_mask": self._targets}
        output = self._model(
            encoder_outputs=self._encoded,
            attention_mask=self._mask,
            decoder_input_ids=decoder_ids,
            past_key_values=cache,
            use_cache=True,
            return_dict=True,
            **extra,
        )
        return output.logits[:, -1], getattr(output, "past_key_values", None)

    def _select(self, places: torch.Tensor) -> None:
        if self._encoded is None or self._mask is None or self._ids is None:
            return
        for name, value in list(self._encoded.items()):
            if isinstance(value, torch.Tensor):
                self._encoded[name] = value.index_select(0, places)
        self._mask = self._mask.index_select(0, places)
        self._ids = self._ids.index_select(0, places)
        if self._targets is not None:
            self._targets = self._targets.index_select(0, places)

    def _forget(self) -> None:
        self._encoded = self._mask = self._ids = self._targets = None


class CausalCohort(Cohort):
    """Prompts padded on the left, positions given, the model's own cache."""

    def __init__(self, loaded: LoadedModel, rows: list[RunningRow]) -> None:
        super().__init__(loaded, rows)
        self._takes_positions = "position_ids" in self._parameters
        self._mask: torch.Tensor | None = None

    def _from_start(self, extra: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        ids, self._mask = self._padded([[*each.row.prompt, *each.output] for each in self.rows], left=True)
        positions = (self._mask.cumsum(dim=-1) - 1).clamp_min(0)
        return self._forward(ids, positions, None, extra)

    def _next(self, cache: Any, extra: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        if self._mask is None:
            return self._from_start(extra)
        self._mask = torch.cat([self._mask, self._mask.new_ones((len(self.rows), 1))], dim=-1)
        positions = self._mask.sum(dim=-1, keepdim=True) - 1
        return self._forward(self._last_tokens(), positions, cache, extra)

    def _forward(
        self, ids: torch.Tensor, positions: torch.Tensor, cache: Any, extra: dict[str, Any]
    ) -> tuple[torch.Tensor, Any]:
        if self._takes_positions:
            extra = {**extra, "position_ids": positions}
        if "logits_to_keep" in self._parameters:
            extra = {**extra, "logits_to_keep": 1}
        output = self._model(
            input_ids=ids, attention_mask=self._mask, past_key_values=cache, use_cache=True, return_dict=True, **extra
        )
        return output.logits[:, -1], getattr(output, "past_key_values", None)

    def _select(self, places: torch.Tensor) -> None:
        if self._mask is not None:
            self._mask = self._mask.index_select(0, places)

    def _forget(self) -> None:
        self._mask = None


class UncachedCohort(Cohort):
    """Everything anew for each token, padded on the right, which no causal model sees. Slow; right for all of them."""

    def _from_start(self, extra: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        texts = [[*each.row.prompt, *each.output] for each in self.rows]
        ids, mask = self._padded(texts, left=False)
        output = self._model(input_ids=ids, attention_mask=mask, use_cache=False, return_dict=True, **extra)
        ends = torch.tensor([len(text) - 1 for text in texts], device=self._device)
        return output.logits[torch.arange(len(texts), device=self._device), ends], None

    def _next(self, cache: Any, extra: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        return self._from_start(extra)
