"""What the training data is: counts, lengths, licences and overlap, as Markdown.

`python -m llm_component.training.data.report --data-root FOLDER [SET ...]`
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_component.training.data.contamination import Contamination, Overlap
from llm_component.training.data.examples import Example
from llm_component.training.data.licences import licence_of
from llm_component.training.data.readers import DATA_SETS, data_root, read
from llm_component.training.errors import TrainingError


@dataclass(frozen=True)
class Measured:
    """Figures of one source; lengths are medians and 95th percentiles in words."""

    examples: int
    unanswerable: int
    with_history: int
    passages: float  # mean of an example
    source_words: tuple[float, float]
    target_words: tuple[float, float]
    overlap: Overlap


def measure(examples: Iterable[Example], known: Contamination | None = None) -> Measured:
    """Reads the examples once. `known`: the evaluation that they must not share word runs with."""
    sources: list[int] = []
    targets: list[int] = []
    unanswerable = with_history = passages = 0
    overlap = Overlap()
    for example in examples:
        history = sum(len(turn.content.split()) for turn in example.history)
        texts = sum(len(passage.text.split()) for passage in example.passages)
        sources.append(len(example.question.split()) + history + texts)
        targets.append(len(example.target.split()))
        unanswerable += not example.answerable
        with_history += bool(example.history)
        passages += len(example.passages)
        if known is not None:
            for _ in known.without([example], overlap):
                pass
    count = len(targets)
    return Measured(
        count,
        unanswerable,
        with_history,
        passages / count if count else 0.0,
        _middle_and_high(sources),
        _middle_and_high(targets),
        overlap,
    )


def _middle_and_high(values: Sequence[int]) -> tuple[float, float]:
    if not values:
        return 0.0, 0.0
    return float(statistics.median(values)), float(sorted(values)[int(0.95 * (len(values) - 1))])


def table(measured: dict[str, Measured], licences: dict[str, str]) -> str:
    """One line a source."""
    lines = [
        "| Source | Licence | Examples | Unanswerable | With history | Passages each | Source words (median, 95 %) "
        "| Target words (median, 95 %) | Share a run of 8 words with the evaluation |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, one in measured.items():
        lines.append(
            f"| {name} | {licences.get(name, '')} | {one.examples} | {one.unanswerable} | {one.with_history} "
            f"| {one.passages:.1f} | {one.source_words[0]:.0f}, {one.source_words[1]:.0f} "
            f"| {one.target_words[0]:.0f}, {one.target_words[1]:.0f} "
            f"| {one.overlap.overlapping} ({one.overlap.share:.1%}) |"
        )
    return "\n".join(lines) + "\n"


def report(root: Path, names: Sequence[str], evaluation: Sequence[str]) -> str:
    """The report on these data sets. Raises `TrainingError` where one cannot be read."""
    known = Contamination.of(example for name in evaluation for example in read(name, root, "evaluation"))
    measured = {name: measure(read(name, root), known) for name in names}
    licences = {name: licence_of(root, name).licence for name in names}
    heading = f"# Training data\n\nCompared with: {', '.join(evaluation) or 'nothing'} ({known.texts} texts).\n\n"
    return heading + table(measured, licences)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the report."""
    parser = argparse.ArgumentParser(prog="python -m llm_component.training.data.report", description=__doc__)
    parser.add_argument("sets", nargs="*", help="data sets; none: all that can be trained on and are there")
    parser.add_argument("--data-root", default="", help="folder of the data sets")
    parser.add_argument(
        "--evaluation", nargs="*", default=["doc2dial_val", "dstc9_track1"], help="sets to compare with"
    )
    chosen = parser.parse_args(arguments)
    try:
        root = data_root(chosen.data_root)
        there = [name for name, one in DATA_SETS.items() if one.training and (root / name).is_dir()]
        sys.stdout.write(report(root, chosen.sets or there, chosen.evaluation))
    except TrainingError as error:
        print(f"report: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
