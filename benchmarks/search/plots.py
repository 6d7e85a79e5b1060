"""The two plots of the search benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Row

WIDTH, HEIGHT = 7.0, 3.4  # inches


def relevance_curve(curves: dict[str, Sequence[tuple[float, float, float]]], threshold: float, file: Path) -> None:
    """What each threshold refuses, one line style a half; the chosen threshold is marked."""
    pyplot = without_screen()
    figure, axes = pyplot.subplots(figsize=(WIDTH, HEIGHT))
    for (name, points), style in zip(curves.items(), ("--", "-"), strict=True):
        at, bad, good = zip(*points, strict=True)
        axes.plot(at, bad, style, color="tab:blue", label=f"unanswerable refused, {name}")
        axes.plot(at, good, style, color="tab:red", label=f"answerable refused, {name}")
    axes.axvline(threshold, color="black", linewidth=0.8)
    axes.set(xlabel="threshold of the relevance score", ylabel="share of questions", xlim=(0, 1), ylim=(0, 1))
    axes.legend(fontsize=7)
    figure.savefig(file, dpi=120, bbox_inches="tight")
    pyplot.close(figure)


def scale(rows: Sequence[Row], sizes: dict[str, int], file: Path) -> None:
    """p95 of a search and recall against exact search, by number of passages, one line an engine."""
    pyplot = without_screen()
    figure, (times, recalls) = pyplot.subplots(1, 2, figsize=(WIDTH * 1.3, HEIGHT))
    for engine in dict.fromkeys(row.system for row in rows if row.metric == "p95_ms"):
        for axes, metric in ((times, "p95_ms"), (recalls, "recall_at_10_vs_exact")):
            points = [
                (sizes[row.dataset.removeprefix("scale_")], row.value)
                for row in rows
                if row.system == engine and row.metric == metric
            ]
            axes.plot(*zip(*sorted(points), strict=True), marker="o", label=engine)
    times.set(xlabel="passages", ylabel="p95 of a search, ms", xscale="log", yscale="log")
    recalls.set(xlabel="passages", ylabel="recall@10 against exact", xscale="log", ylim=(0.9, 1.005))
    times.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(file, dpi=120)
    pyplot.close(figure)


def without_screen():  # type: ignore[no-untyped-def]
    """matplotlib without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot
