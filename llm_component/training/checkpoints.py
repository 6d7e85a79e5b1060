"""Checkpoints: everything that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import pickle
import random
import re
import shutil
from pathlib import Path
from typing import Any

import torch

from llm_component.models.tokens import first_line
from llm_component.training.errors import TrainingError

FOLDER = "checkpoints"
FILE = "state.pt"
VERSION = 1
_NAME = re.compile(r"step-(\d+)")


def random_states() -> dict[str, Any]:
    """The states of all generators that a step may draw from."""
    states: dict[str, Any] = {"torch": torch.get_rng_state(), "python": random.getstate()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def restore_random_states(states: dict[str, Any]) -> None:
    """Puts them back."""
    torch.set_rng_state(states["torch"])
    random.setstate(states["python"])
    if "cuda" in states and torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])


def save(out: Path, step: int, state: dict[str, Any], keep: int) -> Path:
    """Writes a checkpoint whole or not at all, and removes the oldest beyond `keep`.

    Raises:
        TrainingError: the disk does not take it.
    """
    folder = out / FOLDER / f"step-{step:07d}"
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        torch.save({"version": VERSION, **state}, partial / FILE)
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    except (OSError, RuntimeError) as error:
        raise TrainingError(f"the checkpoint cannot be written to {folder}: {error}") from error
    for old in found(out)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def found(out: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    folder = out / FOLDER
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and (path / FILE).is_file())


def load(folder: Path) -> dict[str, Any]:
    """What `save` was given.

    Raises:
        TrainingError: the file is broken, or of another version of this program.
    """
    try:
        state: dict[str, Any] = torch.load(folder / FILE, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise TrainingError(
            f"the checkpoint {folder} cannot be read ({first_line(error)}); remove it to use the one before"
        ) from error
    if state.get("version") != VERSION:
        raise TrainingError(f"the checkpoint {folder} is of another version of this program; start anew")
    return state


def check_same(saved: dict[str, Any], now: dict[str, Any]) -> None:
    """Raises `TrainingError` where a run would go on with settings that change its loss curve."""
    different = sorted(name for name in saved.keys() | now.keys() if saved.get(name) != now.get(name))
    if different:
        name = different[0]
        raise TrainingError(
            f"this run began with {name}={saved.get(name)!r}, not {now.get(name)!r} "
            f"({len(different)} settings differ: {', '.join(different)}); give the same ones, or another --out"
        )
