"""The data sets that can be trained on, and what each is good for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from llm_component.training.data import dialogue_readers, grounded_readers, summary_readers
from llm_component.training.data.examples import Example
from llm_component.training.errors import TrainingError

VARIABLE = "FRONTDESK_DATA_SETS"
Reader = Callable[[Path], Iterator[Example]]


@dataclass(frozen=True)
class DataSet:
    """A folder under the data's root. `training` or `evaluation` is None where it must not be used for that."""

    folder: str
    says: str
    training: Reader | None = None
    evaluation: Reader | None = None
    grounded: bool = False


_LISTED = (
    DataSet(
        "doc2dial_qga",
        "questions on public services with the span that answers; its eval_set holds the dialogues of doc2dial_val",
        training=grounded_readers.doc2dial_test_set,
        grounded=True,
    ),
    DataSet(
        "doc2dial_val",
        "the conversations that results are compared on",
        evaluation=grounded_readers.doc2dial_validation,
        grounded=True,
    ),
    DataSet(
        "dstc9_track1",
        "answers from a FAQ about hotels and restaurants",
        training=grounded_readers.dstc9_test,
        evaluation=grounded_readers.dstc9_validation,
        grounded=True,
    ),
    DataSet(
        "dstc11_track5",
        "answers from reviews of guests",
        training=grounded_readers.dstc11_validation,
        evaluation=grounded_readers.dstc11_test,
        grounded=True,
    ),
    DataSet("bitext_responses", "requests to a shop with replies", training=dialogue_readers.bitext_responses),
    DataSet("cucom_ecommerce", "complaints to an online shop", training=dialogue_readers.cucom_ecommerce),
    DataSet("multiwoz_valtest", "booking in a town", training=dialogue_readers.multiwoz_valtest),
    DataSet("sgd", "tasks with services", training=dialogue_readers.sgd),
    DataSet("taskmaster4", "ordering coffee", training=dialogue_readers.taskmaster4),
    DataSet("topical_chat", "open talk", training=dialogue_readers.topical_conversations),
    DataSet("qmsum", "questions about meetings, summed up", training=summary_readers.qmsum),
    DataSet("abcd_meta", "three conversations of a shop's desk", training=dialogue_readers.abcd_meta),
)
DATA_SETS = {one.folder: one for one in _LISTED}


def data_root(said: str = "") -> Path:
    """The folder of the data sets: the option, else the environment's.

    Raises:
        TrainingError: neither names a folder.
    """
    named = said or os.environ.get(VARIABLE, "")
    if not named:
        raise TrainingError(f"say where the data sets lie: --data-root FOLDER, or {VARIABLE}=FOLDER")
    root = Path(named).expanduser()
    if not root.is_dir():
        raise TrainingError(
            f"there is no folder {root}; --data-root or {VARIABLE} must name the folder of the data sets"
        )
    return root


def read(name: str, root: Path, split: str = "training") -> Iterator[Example]:
    """The examples of a data set, for `training` or `evaluation`.

    Raises:
        TrainingError: it is unknown, absent, or not for that use.
    """
    if name not in DATA_SETS:
        raise TrainingError(f"{name} is no data set; known are {', '.join(DATA_SETS)}")
    one = DATA_SETS[name]
    reader = one.training if split == "training" else one.evaluation
    if reader is None:
        other = "evaluation" if split == "training" else "training"
        raise TrainingError(f"{name} is for {other} alone: {one.says}")
    if not (root / name).is_dir():
        raise TrainingError(f"{root} holds no {name}; unpack it there or leave it out")
    return reader(root)


def as_text(example: Example) -> str:
    """An example as running text for pretraining: passages, then what was said, a line each."""
    lines = [" ".join(filter(None, (each.title, each.heading, each.text))) for each in example.passages]
    lines += [turn.content for turn in example.history]
    lines += [example.question, example.target]
    return "\n".join(line for line in lines if line)
