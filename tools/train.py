"""Trains the Rasa model when what it is made from has changed, and only then."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.failure import Failure
from tools.processes import reason, run_logged
from tools.progress import Step
from tools.project import LOGS, MODEL, ROOT, child_environment, shown
from tools.stamps import Stamp, hash_of

# What Rasa is told to read. `data` as a whole would do too, but holds the articles of the knowledge base as well.
DATA = ("data/nlu", "data/rules", "data/stories")
# What components read besides; none of Rasa's own formats.
ROUTING = "data/routing"
# Code that runs during training or shapes what is stored in the model.
CODE = (
    "rasa_addons",
    "llm_component/encoder.py",
    "llm_component/encoder_training",
    "llm_component/manifest.py",
    "requirements.txt",
)
ENCODER_VARIABLE = "FRONTDESK_ENCODER"

_COMPONENT = re.compile(r"(Starting to train|Finished training|Restored) component '(\w+)'")
_WORDS = {"Starting to train": "", "Finished training": "after ", "Restored": "after "}
_EPOCHS = re.compile(r"Epochs:\s+(\d+)%")


def training_hashes(root: Path = ROOT, environment: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """What the model is made from: `data` is what Rasa's own cache sees, `code` is what it does not."""
    return {
        "data": hash_of(
            root, [root / "config.yml", root / "domain.yml", *(root / folder for folder in (*DATA, ROUTING))]
        ),
        "code": hash_of(
            root,
            [root / path for path in CODE],
            suffixes=(".py", ".txt"),
            settings={ENCODER_VARIABLE: environment.get(ENCODER_VARIABLE, "")},
        ),
    }


def training_stamp(model: Path = MODEL) -> Stamp:
    """The stamp that stands beside a model."""
    return Stamp(model.with_name("frontdesk.json"))


def training_command(force: bool, root: Path = ROOT, model: Path = MODEL) -> list[str]:
    """The `rasa train` that makes the model; with `force`, Rasa's cache of trained components is not used."""
    command = [sys.executable, "-m", "rasa", "train", "--config", "config.yml", "--domain", "domain.yml"]
    command += ["--data", *(folder for folder in DATA if (root / folder).is_dir())]
    # Validation is a check of its own (tools/validate_data.py); it would double the time to a first model.
    command += ["--skip-validation", "--out", str(model.parent), "--fixed-model-name", model.name.split(".")[0]]
    return [*command, "--force"] if force else command


def stage_of(line: str) -> str | None:
    """What a line of Rasa's log says about how far the training is; None if it says nothing."""
    component = _COMPONENT.search(line)
    if component:
        return _WORDS[component.group(1)] + component.group(2)
    epochs = _EPOCHS.search(line)
    return f"epochs {epochs.group(1)} %" if epochs else None


def train(
    force: bool = False,
    *,
    root: Path = ROOT,
    model: Path = MODEL,
    run: Callable[..., int] = run_logged,
) -> bool:
    """Trains if needed and returns whether it did. Raises `Failure` if Rasa ends without a model."""
    hashes = training_hashes(root)
    stamp = training_stamp(model)
    stamped = stamp.read()
    if not force and model.is_file() and stamp.matches(hashes):
        return False
    missing = [name for name in ("config.yml", "domain.yml", "data/nlu") if not (root / name).exists()]
    if missing:
        raise Failure(f"The model cannot be trained without {', '.join(missing)}.")
    stamp.clear()
    # Rasa's cache knows a component's own class, but not the modules that the class uses.
    force = force or stamped.get("code") != hashes["code"]
    log = LOGS / "train.log"
    with Step("Training the model") as step:
        component = ""
        step.update("reading the training data")

        def follow(line: str) -> None:
            nonlocal component
            stage = stage_of(line)
            if stage is None:
                return
            if stage.startswith("epochs"):
                step.update(f"{component} {stage}".strip())
            else:
                component = stage
                step.update(component)

        before = model.stat().st_mtime_ns if model.is_file() else None
        status = run(
            training_command(force, root, model),
            log,
            cwd=root,
            environment=child_environment(),
            on_line=follow,
        )
        if status != 0 or not model.is_file() or model.stat().st_mtime_ns == before:
            raise Failure(f"The training ended without a model: {reason(log)} (log: {shown(log)})")
        step.finish("trained")
    stamp.write(hashes)
    return True
