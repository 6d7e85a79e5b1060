"""Brand files in which support is always open, or always closed, so that no test depends on the time of day."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import yaml

from tools.project import ROOT

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def always_open(file: Path) -> Path:
    """Writes the project's brand with support around the clock, but for the last minute of a day."""
    return _written(file, {"hours": {day: ["0:00", "23:59"] for day in DAYS}, "holidays": []})


def closed_today(file: Path, today: date) -> Path:
    """Writes the project's brand with a holiday today and on the days beside it."""
    return _written(file, {"holidays": [today + timedelta(days=days) for days in (-1, 0, 1)]})


def _written(file: Path, changes: dict[str, object]) -> Path:
    brand = yaml.safe_load((ROOT / "brand.yml").read_text(encoding="utf-8"))
    file.write_text(yaml.safe_dump({**brand, **changes}, allow_unicode=True), encoding="utf-8")
    return file
