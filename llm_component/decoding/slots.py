"""Decodes causal models: every row has a slot of one key-value cache, and joins or leaves at any step."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch

from llm_component.decoding.forwarding import SlotForward
from llm_component.decoding.graphs import StepGraphs
from llm_component.decoding.guessing import Guesser, accepted_prefix
from llm_component.decoding.interface import Decoder, DecoderStats, OutOfMemory, Row, RowStep
from llm_component.decoding.memory import memory_errors
from llm_component.decoding.prefill import Prefill
from llm_component.decoding.prefixes import PrefixStore
from llm_component.decoding.running import RunningRow
from llm_component.decoding.sampling import choose

log = logging.getLogger(__name__)

LENGTH_STEP = 64  # positions; attention reads a multiple of it
RECOVERY_STEPS = 256  # steps without lack of memory after which one more row is tried


def round_up(number: int, step: int) -> int:
    """The next multiple of `step`."""
    return -(-number // step) * step


class SlotDecoder(Decoder):
    """Rows in slots. See `Decoder`; `room_for` counts slots and the budget of positions.

    Args:
        forward: the model with its cache.
        end_tokens: ids that end a row.
        max_rows: slots at most.
        context_tokens: of a row, prompt and completion.
        budget_tokens: positions of all slots together, free ones included.
        speculation: guess ahead where one row runs alone at temperature 0.
        graphs: captured steps; None: every step is launched anew.
    """

    def __init__(
        self,
        forward: SlotForward,
        *,
        end_tokens: frozenset[int],
        max_rows: int,
        context_tokens: int,
        budget_tokens: int,
        speculation: bool = True,
        graphs: StepGraphs | None = None,
    ) -> None:
        self.max_rows = max_rows
        self.context_tokens = context_tokens
        self.before_forward: Callable[[str], None] = lambda what: None  # tests make it fail; "admit" or "step"
        self._forward = forward
        self._cache = forward.cache
        self._end_tokens = end_tokens
        self._budget_tokens = budget_tokens
        self._speculation = speculation
        self._graphs = graphs
        self._prefixes = PrefixStore(most_tokens=max(budget_tokens // 8, 1))
        self._prefill = Prefill(forward, self._prefixes, LENGTH_STEP)
        self._running: list[RunningRow] = []  # in the order of their slots
        self._row_limit = max_rows
        self._calm_steps = 0
        self._guessed = self._accepted = 0

    @property
    def forwards(self) -> int:
        """Forwards of the model so far."""
        return self._forward.calls

    def room_for(self, rows: Sequence[Row]) -> int:
        room = 0
        longest = max((self._end_of(each) for each in self._running), default=0)
        for row in rows:
            longest = max(longest, len(row.prompt) + row.max_tokens)
            needed = len(self._running) + room + 1
            if needed > min(self.max_rows, self._row_limit) or not self._fits(needed, longest):
                break
            room += 1
        # Alone a row is always worth a try: waiting would not make more room.
        return max(room, 1) if rows and not self._running else room

    @staticmethod
    def _end_of(running: RunningRow) -> int:
        return len(running.row.prompt) + running.row.max_tokens

    def _fits(self, rows: int, positions: int) -> bool:
        return rows * round_up(positions, LENGTH_STEP) <= self._budget_tokens

    def admit(self, rows: Sequence[Row]) -> list[RowStep]:
        if not rows:
            return []
        self._check(rows)
        taken = {each.slot for each in self._running}
        free = [slot for slot in range(self.max_rows) if slot not in taken][: len(rows)]
        if len(free) < len(rows):
            raise OutOfMemory(f"{len(rows)} rows, but {len(free)} free slots")
        joining = [RunningRow.start(row, slot) for row, slot in zip(rows, free, strict=True)]
        with self._memory_errors(), torch.inference_mode():
            self.before_forward("admit")
            self._ensure(max(free) + 1, max(each.length for each in joining) + 1)
            logits, cached = self._prefill.run(joining, self._running)
            tokens = choose(logits, [row.sampling for row in rows], [each.draws for each in joining])
        steps = [
            each.take([token], self._end_tokens, shared)
            for each, token, shared in zip(joining, tokens, cached, strict=True)
        ]
        self._running += [each for each, step in zip(joining, steps, strict=True) if not step.ended]
        self._running.sort(key=lambda each: each.slot)
        return steps

    def _check(self, rows: Sequence[Row]) -> None:
        known = {each.row.id for each in self._running}
        for row in rows:
            if row.id in known:
                raise ValueError(f"row {row.id} is running already")
            if not row.prompt or row.max_tokens < 1:
                raise ValueError(f"row {row.id} needs a prompt and at least one token to generate")
            if len(row.prompt) + row.max_tokens > self.context_tokens:
                raise ValueError(f"row {row.id} asks for more than {self.context_tokens} tokens")
            known.add(row.id)

    def step(self) -> list[RowStep]:
        if not self._running:
            return []
        with self._memory_errors(), torch.inference_mode():
            self.before_forward("step")
            self._close_ranks()
            guess = self._guess()
            chosen = self._decode(guess)
        if guess:
            chosen = [chosen[0][: self._judge(guess, chosen[0]) + 1]]
        steps = []
        for each, tokens in zip(self._running, chosen, strict=True):
            step = each.take(tokens, self._end_tokens)
            each.length += len(step.token_ids)
            steps.append(step)
        self._running = [each for each, step in zip(self._running, steps, strict=True) if not step.ended]
        self._recover()
        return steps

    def _decode(self, guess: list[int]) -> list[list[int]]:
        """The model's choice after each row's last token and, for a lone row, after each guessed one."""
        rows = self._running
        tokens = [[each.output[-1], *guess] for each in rows]
        needed = max(each.length for each in rows) + 1 + len(guess)
        self._ensure(len(rows), needed)
        starts = [each.length for each in rows]
        adapters = [each.row.adapter for each in rows]
        logits = None
        if self._graphs is not None and not guess:
            logits = self._graphs.run([row[0] for row in tokens], starts, needed)
        if logits is None:
            length = min(round_up(needed, LENGTH_STEP), self._cache.positions)
            logits = self._forward(tokens, starts, [each.slot for each in rows], length, adapters)
        if guess:
            return [logits[0].argmax(dim=-1).tolist()]
        return [
            [token]
            for token in choose(logits[:, -1], [each.row.sampling for each in rows], [each.draws for each in rows])
        ]

    def _close_ranks(self) -> None:
        """Moves rows from behind into slots that others have left, so that rows lie side by side from slot 0 on."""
        count = len(self._running)
        free = set(range(count)) - {each.slot for each in self._running}
        for each in reversed(self._running):
            if each.slot < count:
                break
            target = min(free)
            self._cache.copy_slot(each.slot, target, each.length)
            free.remove(target)
            each.slot = target
        self._running.sort(key=lambda each: each.slot)

    def _guess(self) -> list[int]:
        if not self._speculation or len(self._running) != 1:
            return []
        only = self._running[0]
        if only.draws is not None:
            return []
        if only.guesser is None:
            only.guesser = Guesser(only.row.prompt, only.row.copy_from, only.output)
        return only.guesser.guess(only.row.max_tokens - len(only.output) - 1)

    def _judge(self, guess: list[int], chosen: list[int]) -> int:
        """How many guessed tokens came true, which is remembered for the next guess."""
        accepted = accepted_prefix(guess, chosen)
        guesser = self._running[0].guesser
        if guesser is not None:
            guesser.learn(len(guess), accepted)
        self._guessed += len(guess)
        self._accepted += accepted
        return accepted

    def _ensure(self, rows: int, positions: int) -> None:
        """Grows the buffers, by half at least so that it is seldom needed."""
        cache = self._cache
        if rows > cache.rows:
            rows = min(max(rows, cache.rows * 3 // 2), self.max_rows)
        if positions > cache.positions:
            positions = max(round_up(positions, LENGTH_STEP), round_up(cache.positions * 3 // 2, LENGTH_STEP))
            positions = min(positions, round_up(self.context_tokens, LENGTH_STEP))
        cache.ensure(rows, positions)

    @contextmanager
    def _memory_errors(self) -> Iterator[None]:
        try:
            with memory_errors(self._forward.device):
                yield
        except OutOfMemory:
            self._lost_memory()
            raise

    def _lost_memory(self) -> None:
        """Kept prefixes go, and for a while no more rows are let in than run now."""
        self._prefixes.clear()
        self._row_limit = max(1, min(self._row_limit, len(self._running)))
        self._calm_steps = 0
        log.warning("No memory left for more than %d rows; kept prefixes are dropped", self._row_limit)

    def _recover(self) -> None:
        if self._row_limit < self.max_rows:
            self._calm_steps += 1
            if self._calm_steps >= RECOVERY_STEPS:
                self._row_limit, self._calm_steps = self._row_limit + 1, 0

    def release(self, row_id: int) -> None:
        self._running = [each for each in self._running if each.row.id != row_id]

    def clear(self) -> None:
        self._running = []
        self._prefixes.clear()
        self._row_limit = self.max_rows
        if self._graphs is None:  # captured steps hold the addresses of the buffers
            self._cache.drop(1, LENGTH_STEP)

    def stats(self) -> DecoderStats:
        running = self._running
        return DecoderStats(
            rows=len(running),
            kv_tokens_used=sum(each.length for each in running),
            kv_tokens_total=self._budget_tokens,
            guessed_tokens=self._guessed,
            accepted_tokens=self._accepted,
        )
