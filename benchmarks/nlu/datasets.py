"""The data sets of the benchmark: intent-labelled texts in a training, a validation and a test part."""

from __future__ import annotations

import csv
import functools
import json
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.nlu.annotations import Example, markdown_examples, yaml_examples
from benchmarks.report import ROOT

OUT_OF_SCOPE = "out_of_scope"  # the label of what belongs to no intent, whatever a set calls it
HINT3_OUT_OF_SCOPE = "NO_NODES_DETECTED"
HWU64_FOLDS = (1, 2, 3)
SHOP_TRAINING = ROOT / "data" / "nlu"
SHOP_TESTS = ROOT / "tests" / "nlu"


@dataclass(frozen=True)
class IntentSet:
    """A data set. Parts may hold examples labelled `OUT_OF_SCOPE`; `validation` is empty where a set has none."""

    name: str
    train: tuple[Example, ...]
    validation: tuple[Example, ...]
    test: tuple[Example, ...]
    files: tuple[Path, ...]
    licence: str

    @property
    def labels(self) -> list[str]:
        """The intents that are trained, sorted."""
        return sorted({example.intent for example in in_scope(self.train)})

    @property
    def has_entities(self) -> bool:
        """Whether spans are annotated in the training part."""
        return any(example.spans for example in self.train)


@dataclass(frozen=True)
class Leaks:
    """How many test examples stand in the training part, and how many of those under another intent there.

    Texts are compared without case, punctuation and differences of white space. `within_train` counts training
    examples that repeat an earlier one.
    """

    test: int
    in_train: int
    under_another_intent: int
    within_train: int


def in_scope(examples: Iterable[Example]) -> list[Example]:
    """Those that belong to an intent."""
    return [example for example in examples if example.intent != OUT_OF_SCOPE]


def out_of_scope(examples: Iterable[Example]) -> list[Example]:
    """Those that belong to none."""
    return [example for example in examples if example.intent == OUT_OF_SCOPE]


def normal_form(text: str) -> str:
    """The text as it is compared: lower case, letters and digits alone, single spaces."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(letter if letter.isalnum() else " " for letter in plain).split())


def leaks(found: IntentSet) -> Leaks:
    """What the test part shares with the training part."""
    intents: dict[str, set[str]] = {}
    repeated = 0
    for example in found.train:
        known = intents.setdefault(normal_form(example.text), set())
        repeated += bool(known)
        known.add(example.intent)
    shared = [(example.intent, intents[key]) for example in found.test if (key := normal_form(example.text)) in intents]
    other = sum(intent not in known for intent, known in shared)
    return Leaks(len(found.test), len(shared), other, repeated)


def hint3(data: Path, bot: str, version: str = "v1") -> IntentSet:
    """HINT3 (Arora et al. 2020): real messages to a shop's bot; about half of the test part is out of scope."""
    folder = data / "hint3" / version
    train, test = folder / "train" / f"{bot}_train.csv", folder / "test" / f"{bot}_test.csv"
    names = {HINT3_OUT_OF_SCOPE: OUT_OF_SCOPE}
    name = f"hint3_{bot}" if version == "v1" else f"hint3_{bot}_{version}"
    return IntentSet(
        name,
        _csv_examples(train, "sentence", "label", names),
        (),
        _csv_examples(test, "sentence", "label", names),
        (train, test),
        "ODbL 1.0 and DbCL",
    )


def clinc150(data: Path) -> IntentSet:
    """CLINC150 full (Larson et al. 2019): 150 intents, 100 messages each, and messages out of scope in each part."""
    file = data / "clinc150" / "data_full.json"
    parts = json.loads(file.read_text(encoding="utf-8"))

    def part(name: str) -> tuple[Example, ...]:
        inside = [Example(text, intent) for text, intent in parts[name]]
        return (*inside, *(Example(text, OUT_OF_SCOPE) for text, _ in parts[f"oos_{name}"]))

    return IntentSet("clinc150_full", part("train"), part("val"), part("test"), (file,), "CC BY 3.0")


def banking77(data: Path) -> IntentSet:
    """BANKING77 full (Casanueva et al. 2020): 77 intents of one bank; it has no validation part."""
    train, test = (data / "banking77" / f"{part}.csv" for part in ("train", "test"))
    return IntentSet(
        "banking77_full",
        _csv_examples(train, "text", "category"),
        (),
        _csv_examples(test, "text", "category"),
        (train, test),
        "CC BY 4.0",
    )


def few_shot(data: Path, which: str) -> IntentSet:
    """Ten training examples an intent (the fixed draw of Zhang et al. 2020), the whole validation and test parts."""
    folder = data / "few_shot_intent" / which
    files = tuple(folder / part / name for part in ("train_10", "valid", "test") for name in ("seq.in", "label"))
    train, validation, test = (
        tuple(
            Example(text, intent)
            for text, intent in zip(
                texts.read_text("utf-8").splitlines(), labels.read_text("utf-8").split(), strict=True
            )
        )
        for texts, labels in zip(files[::2], files[1::2], strict=True)
    )
    licence = "CC BY 3.0" if which == "CLINC150" else "CC BY 4.0"
    return IntentSet(f"{which.lower()}_10shot", train, validation, test, files, licence)


def hwu64(data: Path, fold: int) -> IntentSet:
    """One fold of HWU64 (Liu et al. 2019) as the DIET paper split it, with entities."""
    folder = data / "hwu64_rasa_10fold" / f"KFold_{fold}"
    train, test = folder / "train.md", folder / "test.md"
    return IntentSet(
        f"hwu64_fold{fold}", markdown_examples(train), (), markdown_examples(test), (train, test), "CC BY 4.0"
    )


def shop() -> IntentSet:
    """The shop's training data; the held-out file is the test part, the development file the validation part."""
    training = tuple(sorted(SHOP_TRAINING.glob("*.yml")))
    dev, test = SHOP_TESTS / "in_scope_dev.yml", SHOP_TESTS / "heldout.yml"
    examples = tuple(example for file in training for example in yaml_examples(file))
    return IntentSet(
        "shop_heldout", examples, yaml_examples(dev), yaml_examples(test), (*training, dev, test), "this project's"
    )


# Every set by the name of its rows; a reader is given the folder of the data sets.
READERS: dict[str, Callable[[Path], IntentSet]] = {
    "hint3_sofmattress": lambda data: hint3(data, "sofmattress"),
    "hint3_curekart": lambda data: hint3(data, "curekart"),
    "hint3_sofmattress_v2": lambda data: hint3(data, "sofmattress", "v2"),
    "hint3_curekart_v2": lambda data: hint3(data, "curekart", "v2"),
    "clinc150_full": clinc150,
    "banking77_full": banking77,
    "banking77_10shot": lambda data: few_shot(data, "BANKING77"),
    "clinc150_10shot": lambda data: few_shot(data, "CLINC150"),
    "hwu64_10shot": lambda data: few_shot(data, "HWU64"),
    **{f"hwu64_fold{fold}": functools.partial(hwu64, fold=fold) for fold in HWU64_FOLDS},
    "shop_heldout": lambda _data: shop(),
}


def _csv_examples(file: Path, text: str, intent: str, names: dict[str, str] | None = None) -> tuple[Example, ...]:
    with file.open(encoding="utf-8", newline="") as lines:
        return tuple(
            Example(row[text], (names or {}).get(row[intent], row[intent]))
            for row in csv.DictReader(lines)
            if row[text]
        )
