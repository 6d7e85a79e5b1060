"""Decode steps captured as CUDA graphs: one launch a step in place of hundreds. Not measured on a GPU yet."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from llm_component.decoding.forwarding import SlotForward
from llm_component.metrics import FAILURES

log = logging.getLogger(__name__)

ROW_BUCKETS = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256)
FIRST_LENGTH = 256  # positions of the shortest bucket; each next one is half as long again
WARM_UP_LENGTH = 2048  # buckets up to it are captured at start, longer ones when they are needed
WARM_UP_FORWARDS = 2  # eager ones before a capture, so that libraries have their workspaces
TOLERANCE = {torch.float32: 1e-3, torch.float16: 5e-2, torch.bfloat16: 0.25}  # of logits, relative to the largest


def length_bucket(needed: int, most: int) -> int:
    """The shortest bucket that holds `needed` positions, `most` at most."""
    length = FIRST_LENGTH
    while length < needed:
        length = -(-length * 3 // 2 // FIRST_LENGTH) * FIRST_LENGTH
    return min(length, most)


@dataclass
class _Captured:
    graph: torch.cuda.CUDAGraph
    inputs: torch.Tensor  # (3, rows): token, position, flat index that is written
    logits: torch.Tensor  # (rows, 1, vocabulary)


class StepGraphs:
    """Captured steps by bucket of rows and of length. Made only for a model without adapters on CUDA.

    Rows are in slots 0, 1, 2 ...; those that fill up a bucket write to the spare slot.
    """

    def __init__(self, forward: SlotForward, max_rows: int) -> None:
        self._forward = forward
        self._cache = forward.cache
        self._buckets = [*(rows for rows in ROW_BUCKETS if rows < max_rows), max_rows]
        self._captured: dict[tuple[int, int], _Captured] = {}
        self._pool: object | None = None
        self._broken = False

    def warm_up(self) -> None:
        """Captures the usual buckets, widest first so that they share memory; checks each against an eager step."""
        most = min(WARM_UP_LENGTH, self._cache.positions)
        lengths = sorted({length_bucket(needed, self._cache.positions) for needed in range(1, most + 1, FIRST_LENGTH)})
        for rows in reversed(self._buckets):
            for length in reversed(lengths):
                if self._broken:
                    return
                self._get(rows, length)

    def run(self, tokens: Sequence[int], positions: Sequence[int], needed: int) -> torch.Tensor | None:
        """Logits (rows, 1, vocabulary) of one token a row; None where the step has to run eagerly."""
        rows = len(tokens)
        bucket = next(each for each in self._buckets if each >= rows)
        captured = self._get(bucket, length_bucket(needed, self._cache.positions))
        if captured is None:
            return None
        captured.inputs.copy_(self._inputs(tokens, positions, bucket))
        captured.graph.replay()
        self._forward.calls += 1
        return captured.logits[:rows]

    def _inputs(self, tokens: Sequence[int], positions: Sequence[int], bucket: int) -> torch.Tensor:
        padding = [0] * (bucket - len(tokens))
        write = [slot * self._cache.positions + position for slot, position in enumerate(positions)]
        spare = [self._cache.spare] * len(padding)
        return torch.tensor([[*tokens, *padding], [*positions, *padding], [*write, *spare]])

    def _get(self, rows: int, length: int) -> _Captured | None:
        if self._broken:
            return None
        captured = self._captured.get((rows, length))
        if captured is None:
            try:
                captured = self._capture(rows, length)
            except (RuntimeError, TypeError, ValueError) as error:
                self._broken = True
                self._captured.clear()
                FAILURES.labels("decoding", "cuda_graph").inc()
                log.warning("CUDA graphs are not used, steps run eagerly: %s", error)
                return None
            self._captured[rows, length] = captured
        return captured

    def _step(self, inputs: torch.Tensor, rows: int, length: int) -> torch.Tensor:
        self._cache.aim(inputs[2], range(rows), length)
        return self._forward.run(inputs[0][:, None], inputs[1][:, None], [None] * rows)

    def _capture(self, rows: int, length: int) -> _Captured:
        device = self._forward.device
        # While it is captured nothing of a row may be overwritten: all rows write to the spare slot.
        inputs = torch.tensor([[0] * rows, [0] * rows, [self._cache.spare] * rows], device=device)
        stream = torch.cuda.Stream(device)
        stream.wait_stream(torch.cuda.current_stream(device))
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_FORWARDS):
                eager = self._step(inputs, rows, length)
            eager = eager.clone()
        torch.cuda.current_stream(device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            logits = self._step(inputs, rows, length)
        if self._pool is None:
            self._pool = graph.pool()
        graph.replay()
        torch.cuda.synchronize(device)
        difference = (logits - eager).abs().max() / eager.abs().max().clamp_min(1e-6)
        if not bool(difference <= TOLERANCE.get(logits.dtype, 0.25)):
            raise RuntimeError(f"a captured step differs from an eager one by {float(difference):.3g}")
        return _Captured(graph, inputs, logits)
