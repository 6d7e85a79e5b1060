"""How much worse the trained model does where messages are typed in haste or come with a letter around them.

    python -m benchmarks.nlu.robustness [--model models/frontdesk.tar.gz] [--part dev]

Parses a held-out file as it is and once for each way of changing it (`perturbations`), and gives macro F1 of
intents and micro F1 of entities. The development part is for choosing what mends, the test part only reports.
Results of the test part: benchmarks/results/nlu_robustness.json and .md.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from sklearn.metrics import f1_score

from benchmarks import report
from benchmarks.nlu.perturbations import PERTURBATIONS, Annotated, Wordings
from benchmarks.report import ROOT, Row

SEED = 1
PLAIN = "plain"
FILES = {"dev": "in_scope_dev.yml", "test": "heldout.yml"}
TESTS = ROOT / "tests" / "nlu"
MODEL = ROOT / "models" / "frontdesk.tar.gz"
NOTES = """\
Made by `python -m benchmarks.nlu.robustness` (benchmarks/nlu/robustness.py): the shop's held-out messages as they are
(`plain`), with typing mistakes, in small letters, without punctuation, with a pasted greeting and signature, and with
emoji, by seed {seed}. The wordings pasted (benchmarks/nlu/perturbations.yml) are others than those that the mending
was chosen on. `intent_f1` is macro, over the classifier's best intent; `entity_f1` is micro, exact span and type.
"""


class Parser(Protocol):
    """What is measured: a trained model."""

    def parse(self, text: str) -> dict[str, Any]:
        """What Rasa makes of a message."""


@dataclass(frozen=True)
class Held:
    """Macro F1 of intents and micro F1 of entities, as fractions."""

    intent_f1: float
    entity_f1: float


def measure(model: Parser, part: str = "test", seed: int = SEED) -> dict[str, Held]:
    """The scores of the plain messages and of each changed copy of them, by the name of the change."""
    sys.path.insert(0, str(TESTS))
    from evaluation import read_examples
    from scores import entity_f1, intent_of

    examples = read_examples(TESTS / FILES[part])
    wordings, wanted = Wordings.read(part), [example.intent.split("/")[0] for example in examples]
    plain = [Annotated(each.text, tuple(span[:3] for span in each.spans)) for each in examples]
    variants = {PLAIN: plain}
    for name, perturbation in PERTURBATIONS.items():
        rng = random.Random(seed)
        variants[name] = [perturbation(message, rng, wordings) for message in plain]
    found = {}
    for name, messages in variants.items():
        parsed = [model.parse(message.text) for message in messages]
        changed = [
            type(example)(message.text, example.intent, tuple((*span, None) for span in message.spans))
            for example, message in zip(examples, messages, strict=True)
        ]
        intents = [intent_of(result) for result in parsed]
        found[name] = Held(float(f1_score(wanted, intents, average="macro")), entity_f1(changed, parsed))
    return found


def rows(found: dict[str, Held]) -> list[Row]:
    """The scores in the form of all benchmark results."""
    return [
        Row(f"shop_heldout_{name}", "frontdesk", metric, value)
        for name, held in found.items()
        for metric, value in asdict(held).items()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.nlu.robustness", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--model", type=Path, default=MODEL, help="a trained model's archive")
    parser.add_argument("--part", choices=tuple(FILES), default="test")
    chosen = parser.parse_args(arguments)
    sys.path.insert(0, str(TESTS))
    from evaluation import TrainedModel

    began = time.monotonic()
    found = rows(measure(TrainedModel(chosen.model), chosen.part))
    if chosen.part == "test":
        data = {"shop_heldout": report.data_hash([TESTS / FILES["test"]])}
        seconds = time.monotonic() - began
        notes = NOTES.format(seed=SEED)
        report.write("nlu_robustness", found, seed=SEED, data=data, seconds=seconds, title="Robustness", notes=notes)
    print(report.table(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
