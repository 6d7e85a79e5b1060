"""Decodes in groups of rows that came together: encoder-decoders, and causal models that slots do not fit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from llm_component.decoding.cohort import Cohort
from llm_component.decoding.interface import Decoder, DecoderStats, OutOfMemory, Row, RowStep
from llm_component.decoding.memory import memory_errors
from llm_component.decoding.running import RunningRow
from llm_component.decoding.sampling import choose

log = logging.getLogger(__name__)

RECOVERY_STEPS = 256  # steps without lack of memory after which one more row is tried


class CohortDecoder(Decoder):
    """Cohorts of rows; see `Decoder`. Each step is one forward a cohort, over the rows that still run.

    Args:
        make: a cohort of rows before their first token.
        encoder_decoder: context is counted for each side, not for prompt and completion together.
        budget_tokens: positions of keys and values of all rows together.
        forced_first_token: the first token of each completion, where the model asks for one.
    """

    def __init__(
        self,
        make: Callable[[list[RunningRow]], Cohort],
        *,
        device: torch.device,
        end_tokens: frozenset[int],
        max_rows: int,
        context_tokens: int,
        budget_tokens: int,
        encoder_decoder: bool,
        forced_first_token: int | None = None,
    ) -> None:
        self.max_rows = max_rows
        self.context_tokens = context_tokens
        self.before_forward: Callable[[str], None] = lambda what: None  # tests make it fail; "admit" or "step"
        self._make = make
        self._device = device
        self._end_tokens = end_tokens
        self._budget_tokens = budget_tokens
        self._encoder_decoder = encoder_decoder
        self._forced_first_token = forced_first_token
        self._cohorts: list[Cohort] = []
        self._row_limit = max_rows
        self._calm_steps = 0

    def _count(self) -> int:
        return sum(len(cohort.rows) for cohort in self._cohorts)

    def room_for(self, rows: Sequence[Row]) -> int:
        running = self._count()
        needed = sum(self._end_of(each.row) for cohort in self._cohorts for each in cohort.rows)
        room = 0
        for row in rows:
            needed += self._end_of(row)
            if running + room + 1 > min(self.max_rows, self._row_limit) or needed > self._budget_tokens:
                break
            room += 1
        # Alone a row is always worth a try: waiting would not make more room.
        return max(room, 1) if rows and not running else room

    @staticmethod
    def _end_of(row: Row) -> int:
        return len(row.prompt) + row.max_tokens

    def admit(self, rows: Sequence[Row]) -> list[RowStep]:
        if not rows:
            return []
        self._check(rows)
        if self._count() + len(rows) > self.max_rows:
            raise OutOfMemory(f"{len(rows)} rows, but {self.max_rows - self._count()} free places")
        cohort = self._make([RunningRow.start(row) for row in rows])
        with self._memory_errors(), torch.inference_mode():
            self.before_forward("admit")
            tokens = self._choose(cohort)
        self._cohorts.append(cohort)
        steps = self._take(cohort, tokens)
        self._join(cohort)
        return steps

    def _join(self, cohort: Cohort) -> None:
        """Lets a new cohort go on in an older one, where the model can."""
        if cohort in self._cohorts[1:]:
            with torch.inference_mode():
                if any(other.absorb(cohort) for other in self._cohorts if other is not cohort):
                    self._cohorts.remove(cohort)

    def _check(self, rows: Sequence[Row]) -> None:
        known = {each.row.id for cohort in self._cohorts for each in cohort.rows}
        for row in rows:
            if row.id in known:
                raise ValueError(f"row {row.id} is running already")
            if not row.prompt or row.max_tokens < 1:
                raise ValueError(f"row {row.id} needs a prompt and at least one token to generate")
            asked = max(len(row.prompt), row.max_tokens) if self._encoder_decoder else self._end_of(row)
            if asked > self.context_tokens:
                raise ValueError(f"row {row.id} asks for more than {self.context_tokens} tokens")
            known.add(row.id)

    def _choose(self, cohort: Cohort) -> list[int]:
        logits = cohort.logits()
        if self._forced_first_token is not None and not cohort.rows[0].output:
            return [self._forced_first_token] * len(cohort.rows)
        return choose(logits, [each.row.sampling for each in cohort.rows], [each.draws for each in cohort.rows])

    def _take(self, cohort: Cohort, tokens: Sequence[int]) -> list[RowStep]:
        steps = [each.take([token], self._end_tokens) for each, token in zip(cohort.rows, tokens, strict=True)]
        self._keep(cohort, [place for place, step in enumerate(steps) if not step.ended])
        return steps

    def step(self) -> list[RowStep]:
        if not self._cohorts:
            return []
        with self._memory_errors(), torch.inference_mode():
            self.before_forward("step")
            for cohort in self._cohorts:
                if cohort.pending is None:
                    # Kept until all cohorts have theirs: if a later one fails, this one is not computed again.
                    cohort.pending = self._choose(cohort)
        steps: list[RowStep] = []
        for cohort in list(self._cohorts):
            tokens, cohort.pending = cohort.pending or [], None
            steps += self._take(cohort, tokens)
        self._recover()
        return steps

    def _keep(self, cohort: Cohort, places: Sequence[int]) -> None:
        """Leaves only these rows in a cohort; an empty cohort goes."""
        if len(places) == len(cohort.rows):
            return
        if places:
            with torch.inference_mode():
                cohort.keep(places)
        else:
            self._cohorts.remove(cohort)

    @contextmanager
    def _memory_errors(self) -> Iterator[None]:
        try:
            with memory_errors(self._device):
                yield
        except OutOfMemory:
            self._row_limit = max(1, min(self._row_limit, self._count()))
            self._calm_steps = 0
            log.warning("No memory left for more than %d rows", self._row_limit)
            raise

    def _recover(self) -> None:
        if self._row_limit < self.max_rows:
            self._calm_steps += 1
            if self._calm_steps >= RECOVERY_STEPS:
                self._row_limit, self._calm_steps = self._row_limit + 1, 0

    def release(self, row_id: int) -> None:
        for cohort in list(self._cohorts):
            places = [place for place, each in enumerate(cohort.rows) if each.row.id != row_id]
            self._keep(cohort, places)

    def clear(self) -> None:
        self._cohorts = []
        self._row_limit = self.max_rows

    def stats(self) -> DecoderStats:
        lengths = [
            len(each.row.prompt) + len(each.output) for cohort in list(self._cohorts) for each in list(cohort.rows)
        ]
        return DecoderStats(rows=len(lengths), kv_tokens_used=sum(lengths), kv_tokens_total=self._budget_tokens)
