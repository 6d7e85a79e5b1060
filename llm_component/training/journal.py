"""The record of a run: a line of progress, `loss.jsonl` with every step, and `loss.svg` drawn from it."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from llm_component.training.plots import draw_curve

FILE = "loss.jsonl"
PLOT = "loss.svg"


def time_left(seconds: float) -> str:
    """Seconds as people say them: `40 s`, `12 min`, `2 h 05 min`."""
    if not math.isfinite(seconds):
        return "unknown time"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


class Journal:
    """Writes what happened. In a terminal the line of progress stays in place; elsewhere each is a line."""

    def __init__(self, out: Path, *, active: bool = True, stream: TextIO | None = None) -> None:
        self._path, self._plot = out / FILE, out / PLOT
        self._active = active
        self._stream = stream or sys.stderr
        self._open_line = False

    def start(self, step: int) -> None:
        """Begins the record, or takes it up again after `step` updates: what came after a checkpoint is forgotten."""
        if not self._active:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        kept = [line for line in read_lines(self._path) if line["step"] <= step] if step else []
        text = "".join(json.dumps(line) + "\n" for line in kept)
        partial = self._path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(self._path)

    def record(self, lines: list[dict[str, Any]]) -> None:
        """Adds lines to `loss.jsonl`."""
        if self._active and lines:
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)

    def progress(self, step: int, steps: int, losses: Mapping[str, float], speed: float, left: float) -> None:
        """Shows where the run is. `speed`: tokens a second. `left`: seconds."""
        if not self._active:
            return
        shown = "  ".join(f"{name} {value:.4f}" for name, value in losses.items())
        line = f"step {step}/{steps}  {shown}  {speed:,.0f} tokens/s  {time_left(left)} left"
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[2K{line}")
            self._open_line = True
        else:
            self._stream.write(line + "\n")
        self._stream.flush()

    def say(self, text: str) -> None:
        """A line of its own."""
        if self._active:
            self._stream.write(("\n" if self._open_line else "") + text + "\n")
            self._stream.flush()
            self._open_line = False

    def draw(self) -> None:
        """Draws the loss curve anew."""
        if self._active:
            lines = read_lines(self._path)
            if lines:
                self._plot.write_text(draw_curve(lines), encoding="utf-8")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a `loss.jsonl`; a last one that was cut off is left out."""
    found: list[dict[str, Any]] = []
    if not path.exists():
        return found
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return found
