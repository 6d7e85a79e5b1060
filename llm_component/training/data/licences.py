"""Whether data may be used: shipped weights come only from data whose licence allows commercial use."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llm_component.training.errors import TrainingError

MANIFEST = "MANIFEST.json"
PROVENANCE = "PROVENANCE.txt"
OWN = "your own"


@dataclass(frozen=True)
class Licence:
    """What is known of a source. `commercial` is as its publisher says, starting with yes or no; empty: unknown."""

    source: str
    licence: str
    commercial: str

    @property
    def allows_commercial_use(self) -> bool:
        return self.licence == OWN or self.commercial.strip().lower().startswith("yes")


def own(path: Path) -> Licence:
    """Of files that whoever trains names themselves."""
    return Licence(path.name, OWN, "yes")


def licence_of(root: Path, name: str) -> Licence:
    """The licence of the data set `name` under `root`: from `MANIFEST.json`, else from the folder's own note.

    Raises:
        TrainingError: the manifest is no JSON of the expected form.
    """
    manifest = root / MANIFEST
    if manifest.is_file():
        try:
            entries: list[dict[str, Any]] = json.loads(manifest.read_text(encoding="utf-8"))
            for entry in entries:
                if entry["folder"] == name:
                    return Licence(name, str(entry.get("licence", "")), str(entry.get("commercial", "")))
        except (json.JSONDecodeError, TypeError, KeyError) as error:
            raise TrainingError(f"{manifest} is no list of data sets with folder, licence and commercial") from error
    note = root / name / PROVENANCE
    said = {}
    if note.is_file():
        for line in note.read_text(encoding="utf-8").splitlines():
            key, mark, value = line.partition(":")
            if mark:
                said[key.strip()] = value.strip()
    return Licence(name, said.get("licence", ""), said.get("commercial use", ""))


def check(licences: Iterable[Licence], *, research_only: bool) -> None:
    """Raises `TrainingError` where a licence forbids commercial use or is unknown and the run is not research only."""
    for licence in licences:
        if not licence.allows_commercial_use and not research_only:
            known = (
                f"licence {licence.licence}, commercial use: {licence.commercial}" if licence.licence else "no licence"
            )
            raise TrainingError(
                f"the data set {licence.source} may not go into a model that is passed on ({known}); leave it out, or "
                f"train with --research-only, which marks the model"
            )
