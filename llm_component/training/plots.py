"""Loss curves as SVG: plain text, small, and readable in a browser, so that no plotting library is needed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 40, 48
MOST_POINTS = 600
SMOOTHING = 0.95  # of the exponential mean, where there are enough points

Point = tuple[float, float]


def draw_curve(lines: Sequence[Mapping[str, Any]], title: str = "Loss") -> str:
    """The curve of a `loss.jsonl`: each step in grey, their moving mean in blue, evaluations in orange."""
    steps = [(float(line["step"]), float(line["loss"])) for line in lines if "loss" in line]
    checks = [(float(line["step"]), float(line["evaluation"]["loss"])) for line in lines if "evaluation" in line]
    series = [("each update", "#c9c9c9", 1.0, steps), ("moving mean", "#1f5fbf", 2.0, smoothed(steps))]
    if checks:
        series.append(("evaluation", "#d95f02", 2.0, checks))
    return draw(series, title)


def smoothed(points: Sequence[Point]) -> list[Point]:
    """The exponential mean, without the pull towards 0 at the start."""
    keep = min(SMOOTHING, 1.0 - 1.0 / max(1.0, len(points) / 10))
    mean = weight = 0.0
    result: list[Point] = []
    for x, y in points:
        mean, weight = keep * mean + (1 - keep) * y, keep * weight + (1 - keep)
        result.append((x, mean / weight))
    return result


def draw(series: Sequence[tuple[str, str, float, Sequence[Point]]], title: str) -> str:
    """Lines as `(name, colour, width, points)` over the steps."""
    everything = [point for _name, _colour, _width, points in series for point in points if math.isfinite(point[1])]
    if not everything:
        everything = [(0.0, 0.0)]
    low_x, high_x = min(x for x, _ in everything), max(x for x, _ in everything)
    low_y, high_y = min(0.0, min(y for _, y in everything)), max(y for _, y in everything)
    high_x, high_y = max(high_x, low_x + 1), max(high_y, low_y + 1e-9)

    def place(point: Point) -> str:
        x = LEFT + (point[0] - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (point[1] - low_y) / (high_y - low_y) * (HEIGHT - TOP - BOTTOM)
        return f"{x:.1f},{y:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" role="img"><title>{escape(title)}</title>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
    ]
    for value in ticks(low_y, high_y):
        x, y = place((low_x, value)).split(",")
        parts.append(f'<line x1="{x}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="#ececec"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{value:g}</text>')
    for value in ticks(low_x, high_x):
        x = place((value, low_y)).split(",")[0]
        parts.append(f'<text x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{value:g}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 10}" text-anchor="end">updates</text>')
    for number, (name, colour, width, points) in enumerate(series):
        finite = thinned([point for point in points if math.isfinite(point[1])])
        if finite:
            drawn = " ".join(place(point) for point in finite)
            parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="{width}"/>')
        at = WIDTH - RIGHT - 120 * (len(series) - number)
        parts.append(f'<rect x="{at}" y="14" width="12" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{at + 18}" y="22">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most `MOST_POINTS` of them, evenly, the last one among them."""
    step = max(1, math.ceil(len(points) / MOST_POINTS))
    kept = list(points[::step])
    if points and kept[-1] != points[-1]:
        kept.append(points[-1])
    return kept


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, four to nine of them."""
    size = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = next(size * factor for factor in (1, 2, 5, 10) if (high - low) / (size * factor) <= 8)
    first = math.ceil(low / step)
    return [round(step * number, 10) for number in range(first, math.floor(high / step) + 1)]
