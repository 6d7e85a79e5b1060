"""`make bench-nlu`: which intent, is it out of scope, and at what cost, beside Rasa's own pipeline.

    make bench-nlu ARGS='--data FOLDER --only clinc150_full hint3_curekart --systems frozen fine_tuned stock'

Public sets are read from --data or FRONTDESK_DATA_SETS; one that is absent is left out with a line. `--only` also
takes learning (accuracy by examples an intent), cost (training time, time a message and memory of both pipelines on
the shop's data) and turns (turns a second at 20 conversations); the last two want an idle machine. Parts run alone: the
rows of others stay in benchmarks/results/nlu.json.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks import report
from benchmarks.generation.__main__ import page as table
from benchmarks.generation.datasets import fingerprint
from benchmarks.nlu import beside, learning, page, plots
from benchmarks.nlu.annotations import Example
from benchmarks.nlu.datasets import READERS, IntentSet, leaks, out_of_scope
from benchmarks.nlu.evaluation import Report, evaluate
from benchmarks.nlu.page import SYSTEMS
from benchmarks.nlu.pipelines import PipelineError, frontdesk, stock
from benchmarks.nlu.systems import KeptVectors, NothingTrained, OurModel
from llm_component.encoder import SentenceEncoder, load_encoder
from llm_component.evaluation.run import Row
from llm_component.training.data.readers import VARIABLE
from rasa_addons.intents.model import IntentSettings, Mode

NAME = "nlu"
LEARNING, COST, TURNS = "learning", "cost", "turns"
PARTS = (*READERS, LEARNING, COST, TURNS)


@dataclass
class Run:
    """What was asked for, and what was measured so far."""

    arguments: argparse.Namespace
    rows: list[Row] = field(default_factory=list)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @functools.cached_property
    def encoder(self) -> SentenceEncoder:
        """Loaded when first needed."""
        return load_encoder(os.environ.get("FRONTDESK_ENCODER"))

    def read(self, name: str) -> IntentSet | None:
        """A data set, or None with a line where its files are absent."""
        folder = Path(self.arguments.data).expanduser() if self.arguments.data else Path()
        try:
            return READERS[name](folder)
        except FileNotFoundError as error:
            progress(f"{name}: left out, {error.filename} is not there; name the folder with --data or {VARIABLE}")
            return None

    def outliers(self) -> list[Example]:
        """CLINC150's messages out of scope, without its test part; none where it is absent."""
        found = self.read("clinc150_full")
        return out_of_scope((*found.train, *found.validation)) if found else []

    def system(self, mode: Mode, calibration_folds: int = IntentSettings.calibration_folds) -> OurModel:
        """`frozen` or `fine_tuned`. No vectors are kept from set to set: their time belongs to the training."""
        settings = IntentSettings(mode=mode, calibration_folds=calibration_folds)
        return OurModel(mode, settings, KeptVectors(self.encoder))

    def record(self, name: str, rows: Sequence[Row], found: IntentSet | None, seconds: float) -> None:
        """Adds a part with what it was measured on, and writes all results: a later part that fails loses nothing."""
        about: dict[str, Any] = {
            "machine": report.machine(),
            "versions": report.versions(),
            "commit": report.commit(),
            "seed": self.arguments.seed,
            "seconds": round(seconds, 1),
        }
        if found is not None:
            about |= {"data": fingerprint(found.files), "licence": found.licence, "leaks": asdict(leaks(found))}
        self.rows += rows
        self.parts[name] = about
        write(self.rows, self.parts, self.arguments.seed)


def progress(text: str) -> None:
    """One line to whoever waits."""
    print(f"  {text}", flush=True)


def measure_set(run: Run, name: str, system: Mode | Literal["stock"]) -> None:
    """One system on one data set."""
    found = run.read(name)
    if found is None:
        return
    progress(f"{name}, {system}")
    began = time.monotonic()
    seed, samples = run.arguments.seed, run.arguments.samples
    if system == "stock":
        pipeline = stock(run.arguments.stock_epochs, seed)
        shown = beside.evaluate_pipeline(found, pipeline, run.arguments.keep, seed=seed, samples=samples)
    else:
        shown = evaluate(found, run.system(system), run.outliers(), seed=seed, samples=samples)
    measured = shown.rows[0].system
    write_mistakes(found, measured, shown)
    run.record(f"{name}, {measured}", shown.rows, found, time.monotonic() - began)


def measure_learning(run: Run) -> None:
    """The learning curves of the frozen model."""
    for name in learning.SETS:
        found = run.read(name)
        if found is None:
            continue
        progress(f"learning curve of {name}")
        began = time.monotonic()
        system = run.system("frozen", calibration_folds=0)
        rows = learning.measure(found, system, seed=run.arguments.seed, samples=run.arguments.samples)
        run.record(f"{name}, {LEARNING}", rows, found, time.monotonic() - began)


def measure_pipelines(run: Run, part: str) -> None:
    """Both whole pipelines on the shop's data: what they cost, or how many turns a second they stand."""
    progress(f"{part}: stock, then the project's pipeline")
    began = time.monotonic()
    found = READERS["shop_heldout"](Path())
    pipelines = [stock(run.arguments.stock_epochs, run.arguments.seed), frontdesk()]
    measure = beside.cost if part == COST else beside.throughput
    rows = measure([one.text for one in found.test], pipelines)
    run.record(part, rows, found, time.monotonic() - began)


def write_mistakes(found: IntentSet, system: str, shown: Report) -> None:
    """The table of mistakes, and the curve where there is one, into benchmarks/results/nlu."""
    folder = report.RESULTS / NAME
    folder.mkdir(parents=True, exist_ok=True)
    text = page.mistakes_page(found.name, system, shown, found.licence)
    (folder / f"{found.name}_{system}.md").write_text(text, encoding="utf-8")
    if shown.chosen is not None:
        title = f"{found.name}, {system}"
        plots.rejection(shown.curve, shown.chosen, title, folder / f"{found.name}_{system}.png")


def write(rows: Sequence[Row], parts: dict[str, dict[str, Any]], seed: int) -> None:
    """nlu.json, nlu.md and the learning curves, with the parts of earlier runs that did not run now."""
    earlier_rows, earlier_parts = kept(rows)
    everything = sorted([*earlier_rows, *rows], key=lambda row: (row.dataset, row.system, row.metric))
    about = earlier_parts | parts
    seconds = sum(part["seconds"] for part in about.values())
    data = {name: part["data"] for name, part in about.items() if "data" in part}
    path = report.write(NAME, everything, seed=seed, data=data, seconds=seconds, parts=about)
    path.with_suffix(".md").write_text(page.whole(everything, about), encoding="utf-8")
    if any(row.metric.startswith(learning.METRIC) for row in everything):
        plots.learning(everything, report.RESULTS / f"{NAME}_learning.png")


def kept(new: Sequence[Row]) -> tuple[list[Row], dict[str, dict[str, Any]]]:
    """Rows and parts of earlier runs, without the rows that were measured now."""
    path = report.RESULTS / f"{NAME}.json"
    if not path.is_file():
        return [], {}
    earlier = json.loads(path.read_text(encoding="utf-8"))
    now = {(row.dataset, row.system, row.metric) for row in new}
    rows = [Row(**row) for row in earlier["rows"]]
    return [row for row in rows if (row.dataset, row.system, row.metric) not in now], earlier["meta"]["parts"]


def arguments_of(said: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get(VARIABLE), help="folder of the data sets")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--samples", type=int, default=1000, help="draws of the bootstrap")
    parser.add_argument("--stock-epochs", type=int, default=0, help="of DIET; 0: its default of 300")
    parser.add_argument("--keep", type=Path, help="folder in which trained stock pipelines stay and are used again")
    return parser.parse_args(said)


def main(said: Sequence[str] | None = None) -> int:
    arguments = arguments_of(said)
    run = Run(arguments)
    try:
        for name in arguments.only:
            if name == LEARNING:
                measure_learning(run)
            elif name in (COST, TURNS):
                measure_pipelines(run, name)
            else:
                for system in arguments.systems:
                    measure_set(run, name, system)
    except (PipelineError, NothingTrained) as error:
        print(f"bench-nlu: {error}", file=sys.stderr)
        return 1
    if not run.rows:
        print("bench-nlu: nothing was measured; unpack the data sets and name their folder", file=sys.stderr)
        return 2
    print(table(run.rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
