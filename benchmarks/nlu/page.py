"""The page of results: aims beside what was measured, all rows, and a table of mistakes a set and system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.generation.__main__ import page as table
from benchmarks.nlu.evaluation import Report
from llm_component.evaluation.run import Row

SYSTEMS = ("frozen", "fine_tuned", "stock")
NOT_MEASURED = "not measured"
NOTES = """\
Made by `make bench-nlu` (benchmarks/nlu). How to read it: docs/nlu.md.

- `frozen`: a linear head on the encoder's vectors; `fine_tuned`: the encoder trained too; `stock`: the sparse pipeline
  of Rasa with DIET, default settings, in a process of its own.
- `in_scope_accuracy` and `accuracy` without a threshold. `mcc`, `in_scope_accuracy_at_threshold` and `oos_recall` at
  one threshold that was chosen without the test part (HINT3: on training folds with whole intents left out, and the
  out-of-scope messages of CLINC150's training and validation parts; CLINC150: on its validation part).
  `mcc_by_...`: the same with one sign alone. `mcc_best_on_test` is the best threshold on test, as papers print it: no
  result of ours.
- MCC over all labels, out of scope being one of them (HINT3, Arora et al. 2020). Intervals: bootstrap over messages.
- `train_s` of `frozen` and `fine_tuned` holds the encoding of the training texts, not the loading of the encoder; that
  of `stock` the whole of Rasa's training. `train_cpu_s` is comparable where the machine was busy with other work.
"""


@dataclass(frozen=True)
class Aim:
    """A figure that a set should reach."""

    dataset: str
    metric: str
    value: float


AIMS = (
    Aim("hint3_sofmattress", "in_scope_accuracy", 0.79),
    Aim("hint3_sofmattress", "mcc", 0.66),
    Aim("hint3_curekart", "in_scope_accuracy", 0.87),
    Aim("hint3_curekart", "mcc", 0.66),
    Aim("clinc150_full", "in_scope_accuracy_at_threshold", 0.965),
    Aim("clinc150_full", "oos_recall", 0.80),
    Aim("banking77_full", "accuracy", 0.94),
    Aim("banking77_10shot", "accuracy", 0.88),
    Aim("clinc150_10shot", "accuracy", 0.945),
    Aim("hwu64_10shot", "accuracy", 0.865),
    Aim("shop_heldout", "macro_f1", 0.95),
)
# Sets whose aim is a distance to the stock pipeline, and that distance.
OVER_STOCK = {f"hwu64_fold{fold}": 0.04 for fold in (1, 2, 3)}


def aims_table(rows: Sequence[Row]) -> str:
    """Aims beside the systems; what was not run says so."""
    values = {(row.dataset, row.system, row.metric): row.value for row in rows}

    def cell(dataset: str, system: str, metric: str) -> str:
        value = values.get((dataset, system, metric))
        return NOT_MEASURED if value is None else f"{value:.3f}"

    lines = ["| data | metric | aim | " + " | ".join(SYSTEMS) + " |", "| --- | --- | ---: | ---: | ---: | ---: |"]
    wanted = [(aim.dataset, aim.metric, f"{aim.value:g}") for aim in AIMS]
    wanted += [(dataset, "accuracy", f"stock + {over:g}") for dataset, over in OVER_STOCK.items()]
    for dataset, metric, aim in wanted:
        cells = " | ".join(cell(dataset, system, metric) for system in SYSTEMS)
        lines.append(f"| {dataset} | {metric} | {aim} | {cells} |")
    return "\n".join(lines) + "\n"


def parts_table(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """What each part was measured on, and what its test part shares with its training part."""
    lines = [
        "| part | licence | data | test examples also in training | machine | commit | seed |",
        "| --- | --- | --- | ---: | --- | --- | ---: |",
    ]
    for name, part in sorted(parts.items()):
        shared = part.get("leaks", {}).get("in_train", "")
        lines.append(
            f"| {name} | {part.get('licence', '')} | {part.get('data', '')} | {shared} | {part['machine']} "
            f"| {part['commit']} | {part['seed']} |"
        )
    return "\n".join(lines) + "\n"


def whole(rows: Sequence[Row], parts: Mapping[str, Mapping[str, Any]]) -> str:
    """nlu.md."""
    sections = [
        f"# Intents\n\n{NOTES}",
        f"## Aims\n\n{aims_table(rows)}",
        f"## All figures\n\n{table(rows)}",
        f"## Parts\n\n{parts_table(parts)}",
    ]
    return "\n".join(sections)


def mistakes_page(dataset: str, system: str, report: Report, licence: str) -> str:
    """The confusions and the most confident mistakes of one system on one set."""
    lines = [f"# {dataset}, {system}", "", f"Messages are quoted from the set ({licence}).", "", "## Confusions", ""]
    lines += ["| wanted | predicted | messages |", "| --- | --- | ---: |"]
    lines += [f"| {wanted} | {predicted} | {count} |" for wanted, predicted, count in report.confusions]
    lines += ["", "## Most confident mistakes", "", "| message | wanted | predicted | probability |"]
    lines += ["| --- | --- | --- | ---: |"]
    for one in report.mistakes:
        text = " ".join(one.text.split()).replace("|", "\\|")
        lines.append(f"| {text} | {one.wanted} | {one.predicted} | {one.confidence:.2f} |")
    return "\n".join(lines) + "\n"
