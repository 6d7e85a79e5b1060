"""What the machine could do at best: measured copy bandwidth and matrix rate, and the time a step needs at least."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from benchmarks.llm.shapes import Shape

ROUNDS = 5
COPY_BYTES = {"cpu": 2**28, "cuda": 2**32}  # far beyond every cache
MATRIX_SIDE = {"cpu": 1024, "cuda": 8192}


def synchronise(device: torch.device) -> None:
    """Waits until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True)
class Machine:
    """Bytes read per second while copying, and floating point operations per second of a matrix product."""

    bytes_per_second: float
    flops: float


def measure(device: torch.device, dtype: torch.dtype) -> Machine:
    """The best of several rounds of a large copy (bytes read; as many are written) and of a square matrix product."""
    count = COPY_BYTES[device.type]
    source = torch.ones(count, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    side = MATRIX_SIDE[device.type]
    left = torch.randn(side, side, device=device).to(dtype)
    right = torch.randn(side, side, device=device).to(dtype)

    def best(work: object, amount: float) -> float:
        rates = []
        for _ in range(ROUNDS):
            synchronise(device)
            began = time.perf_counter()
            work()  # type: ignore[operator]
            synchronise(device)
            rates.append(amount / (time.perf_counter() - began))
        return max(rates)

    # A copy reads and writes each byte; decoding reads only, so both directions count as reading.
    return Machine(best(lambda: target.copy_(source), 2.0 * count), best(lambda: left @ right, 2.0 * side**3))


def parameters(shape: Shape) -> int:
    """Weights that a step reads: all but an input embedding of its own, of which it reads a row."""
    head = shape.head_dim or shape.hidden // shape.heads
    attention = shape.hidden * head * (2 * shape.heads + 2 * shape.kv_heads)
    return shape.layers * (attention + 3 * shape.hidden * shape.intermediate) + shape.vocabulary * shape.hidden


def least_step_seconds(shape: Shape, machine: Machine, rows: int, length: int, bytes_each: int) -> float:
    """The time of one decoding step for `rows` of `length` tokens: weights and keys and values read once, or the sums.

    The roofline of Williams et al. 2009: whichever of memory traffic and arithmetic takes longer.
    """
    head = shape.head_dim or shape.hidden // shape.heads
    kv = rows * length * shape.layers * 2 * shape.kv_heads * head * bytes_each
    traffic = (parameters(shape) * bytes_each + kv) / machine.bytes_per_second
    sums = 2.0 * rows * (parameters(shape) + shape.layers * 2 * shape.heads * head * length)
    return max(traffic, sums / machine.flops)
