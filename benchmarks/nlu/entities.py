"""Which extractor finds entities best: Rasa's CRF, DIET for entities alone, or this project's tagger.

    python -m benchmarks.nlu.entities --data FOLDER [--only shop_heldout] [--systems crf_rasa tagger ...]

Each is trained as Rasa's graph would train it and tested on messages it has never seen; the shop's development file
is for choosing, its held-out file only reports. DIET takes hours on one core.
Results: benchmarks/results/nlu_entities.json and .md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rasa.shared.nlu.training_data.loading import load_data
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from benchmarks import report
from benchmarks.nlu import entity_systems
from benchmarks.nlu.annotations import Example
from benchmarks.nlu.datasets import SHOP_TRAINING, hwu64, shop
from benchmarks.nlu.entity_systems import Span, Step, TrainedPipeline
from benchmarks.report import Row

SEED = 1
DATA_VARIABLE = "FRONTDESK_DATA_SETS"
SHOP, HWU64 = "shop_heldout", "hwu64_fold1"
# The steps of each system; a system that reads lookup tables is told which of them hold names.
SYSTEMS: Mapping[str, Callable[[Sequence[str]], tuple[Step, ...]]] = {
    "crf_rasa": lambda _: entity_systems.stock_crf(),
    "diet_entities_only": lambda _: entity_systems.diet(SEED),
    "tagger": lambda names: entity_systems.tagger(SEED, names),
    "tagger_without_copies": lambda names: entity_systems.tagger(SEED, names, copies=0),
}
NOTES = """\
Made by `python -m benchmarks.nlu.entities` (benchmarks/nlu/entities.py). `entity_f1` is micro F1 over exact spans with
their type; roles are not compared. `tagger` is what config.yml names, `tagger_without_copies` the same without changed
copies of the training examples, `crf_rasa` Rasa's CRFEntityExtractor with its default features behind the tokenizer
and the patterns of config.yml, `diet_entities_only` DIET in the pipeline that `rasa init` writes, {epochs} epochs,
without intents. `training_time` is processor time, all threads together; on a busy machine it is what can be compared.
"""


def measure(
    data_root: Path, only: Iterable[str] = (SHOP, HWU64), systems: Iterable[str] = tuple(SYSTEMS)
) -> dict[str, Any]:
    """Trains and tests each system on each data set.

    Returns:
        `{"rows": [...], "data": {...}}` with rows as `benchmarks.report.Row` has them, and the hashes of the data.

    Raises:
        FileNotFoundError: a data set is not in `data_root`.
    """
    rows: list[Row] = []
    hashes: dict[str, str] = {}
    for dataset in only:
        found = shop() if dataset == SHOP else hwu64(data_root, 1)
        hashes[dataset] = report.data_hash(found.files) if dataset == SHOP else found.name
        for system in systems:
            trained, seconds = _trained(dataset, system, found.train)
            rows.append(Row(dataset, system, "entity_f1", entity_f1(trained, found.test)))
            if found.validation:
                rows.append(Row("shop_dev", system, "entity_f1", entity_f1(trained, found.validation)))
            rows.append(Row(dataset, system, "training_time", seconds, "s"))
    return {"rows": [asdict(row) for row in rows], "data": hashes}


def entity_f1(trained: TrainedPipeline, examples: Sequence[Example]) -> float:
    """Micro F1 over exact spans with their type."""
    said = trained.spans([example.text for example in examples])
    return micro_f1([set(example.spans) for example in examples], said)


def micro_f1(gold: Sequence[set[Span]], said: Sequence[set[Span]]) -> float:
    """2 hits / (expected + predicted), over all messages; 1.0 where nothing is expected and nothing found."""
    hits = sum(len(wanted & found) for wanted, found in zip(gold, said, strict=True))
    both = sum(map(len, gold)) + sum(map(len, said))
    return 2 * hits / both if both else 1.0


def _trained(dataset: str, system: str, examples: Sequence[Example]) -> tuple[TrainedPipeline, float]:
    """The trained pipeline and the processor time that it took, in seconds."""
    # Training changes the messages, so that each system gets its own.
    data = load_data(str(SHOP_TRAINING)) if dataset == SHOP else TrainingData([_message(each) for each in examples])
    steps = SYSTEMS[system](("product",) if dataset == SHOP else ())
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        return entity_systems.train(steps, data, Path(folder)), time.process_time() - began


def _message(example: Example) -> Message:
    entities = [
        {"start": start, "end": end, "entity": kind, "value": example.text[start:end]}
        for start, end, kind in example.spans
    ]
    return Message.build(text=example.text, intent=example.intent, entities=entities)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nlu.entities", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--data", type=Path, default=Path(os.environ.get(DATA_VARIABLE, "../data")))
    parser.add_argument("--only", nargs="+", choices=(SHOP, HWU64), default=(SHOP, HWU64))
    parser.add_argument("--systems", nargs="+", choices=tuple(SYSTEMS), default=tuple(SYSTEMS))
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    found = measure(chosen.data, chosen.only, chosen.systems)
    path = report.write(
        "nlu_entities",
        [Row(**row) for row in found["rows"]],
        seed=SEED,
        data=found["data"],
        seconds=time.monotonic() - began,
        title="Entities",
        notes=NOTES.format(epochs=entity_systems.STOCK_EPOCHS),
    )
    print(path.with_suffix(".md").read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
