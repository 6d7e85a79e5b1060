"""The plots of the benchmark: what a rejection threshold costs, and what more examples bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.nlu.learning import METRIC, SIZES
from benchmarks.nlu.metrics import Point
from benchmarks.search.plots import HEIGHT, WIDTH, without_screen
from llm_component.evaluation.run import Row


def rejection(points: Sequence[Point], chosen: Point, title: str, file: Path) -> None:
    """In-scope accuracy, recall of what is out of scope and MCC by threshold; the chosen threshold is marked."""
    pyplot = without_screen()
    figure, axes = pyplot.subplots(figsize=(WIDTH, HEIGHT))
    at = [point.threshold for point in points]
    for name, values in (
        ("in-scope accuracy", [point.in_scope_accuracy for point in points]),
        ("out-of-scope recall", [point.oos_recall for point in points]),
        ("MCC", [point.mcc for point in points]),
    ):
        axes.plot(at, values, label=name)
    axes.axvline(chosen.threshold, color="black", linewidth=0.8)
    axes.set(xlabel="threshold of the learned score", ylabel="on the test part", title=title, xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=7)
    figure.savefig(file, dpi=120, bbox_inches="tight")
    pyplot.close(figure)


def learning(rows: Sequence[Row], file: Path) -> None:
    """Accuracy by examples an intent, one line a set and system."""
    pyplot = without_screen()
    figure, axes = pyplot.subplots(figsize=(WIDTH, HEIGHT))
    lines: dict[tuple[str, str], Mapping[str, float]] = {}
    for row in rows:
        lines[row.dataset, row.system] = {**lines.get((row.dataset, row.system), {}), row.metric: row.value}
    for (dataset, system), values in sorted(lines.items()):
        points = [(size, values[name]) for size in SIZES if (name := f"{METRIC}{size}_an_intent") in values]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=f"{dataset}, {system}")
    axes.set(xlabel="training examples an intent", ylabel="accuracy", xscale="log", xticks=SIZES)
    axes.set_xticklabels(SIZES)
    axes.legend(fontsize=7)
    figure.savefig(file, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
