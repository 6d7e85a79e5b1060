"""The trained model, loaded once for all that is measured with it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from evaluation import TrainedModel

MODEL = Path(os.environ.get("FRONTDESK_MODEL", Path(__file__).parents[2] / "models" / "frontdesk.tar.gz"))


@pytest.fixture(scope="session")
def model() -> TrainedModel:
    """Fails where nothing was trained."""
    if not MODEL.exists():
        pytest.fail(f"there is no trained model at {MODEL}: run `make train` first")
    return TrainedModel(MODEL)
