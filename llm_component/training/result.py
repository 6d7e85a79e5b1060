"""What a finished run leaves beside its weights: `training.json`, which says what they were made from."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from llm_component.training.config import RunConfig
from llm_component.training.data.licences import Licence
from llm_component.training.journal import time_left
from llm_component.training.loop import TIME, Outcome

FILE = "training.json"


@dataclass(frozen=True)
class Origin:
    """What a model was made from. `sources` are names with rows or documents each; `data` is a hash over all rows."""

    base: str
    licences: Sequence[Licence]
    sources: dict[str, int]
    data: str = ""


def describe(config: RunConfig, origin: Origin, outcome: Outcome) -> dict[str, Any]:
    """The content of `training.json`."""
    import torch
    import transformers

    free = all(licence.allows_commercial_use for licence in origin.licences)
    return {
        "base": origin.base,
        "research_only": not free,
        "sources": [asdict(licence) | {"rows": origin.sources.get(licence.source, 0)} for licence in origin.licences],
        "data": origin.data,
        "settings": config.curve(),
        "updates": outcome.step,
        "tokens": outcome.tokens,
        "seconds": round(outcome.seconds, 1),
        "loss": _plain(outcome.losses),
        "evaluation": _plain(outcome.evaluation),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }


def write(folder: Path, described: dict[str, Any]) -> None:
    """Puts `training.json` into a model's folder."""
    (folder / FILE).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")


def ending(config: RunConfig, outcome: Outcome, model: Path | None, command: str) -> str:
    """The last lines of a run: what is there, and how it goes on."""
    done = f"{outcome.step} of {config.steps} updates, {outcome.tokens:,} tokens in {time_left(outcome.seconds)}"
    if outcome.stopped and outcome.stopped != TIME:
        return (
            f"Stopped by {outcome.stopped} after {done}.\n"
            f"Checkpoint: {outcome.checkpoint}\nGo on with: {command} --resume"
        )
    lines = [f"Finished: {done}." if not outcome.stopped else f"Time is up: {done}. Go on with: {command} --resume"]
    if model is not None:
        lines.append(f"Model: {model}")
    return "\n".join(lines)


def _plain(values: dict[str, float]) -> dict[str, float | None]:
    return {name: round(value, 6) if math.isfinite(value) else None for name, value in values.items()}
