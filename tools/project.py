"""Where things lie in the checkout, and the environment that every process of the project starts with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Mapping

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
LOGS = VAR / "log"
STAMPS = VAR / "stamps"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
LLM_VENV = ROOT / ".venv-llm"
LLM_VENV_PYTHON = LLM_VENV / "bin" / "python"
LLM_LOCK = ROOT / "llm_component" / "requirements.lock"
MODEL = ROOT / "models" / "frontdesk.tar.gz"

# Set for every child unless the environment already says otherwise.
CHILD_DEFAULTS = {
    "RASA_TELEMETRY_ENABLED": "false",
    "HF_HUB_OFFLINE": "1",  # the default encoder lies on disk: no model hub is asked
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",  # should TensorFlow find a GPU, it takes what it needs, not all of it
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONWARNINGS": "ignore",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "SANIC_WORKERS": "1",
    "RASA_SHELL_STREAM_READING_TIMEOUT_IN_SECONDS": "60",  # 10 would give up on a slow answer
}


def child_environment(environment: Mapping[str, str] | None = None, **settings: str) -> dict[str, str]:
    """The environment for a child process: the given one (this process's by default), our defaults, `settings`."""
    return {
        **CHILD_DEFAULTS,
        **(os.environ if environment is None else environment),
        "PYTHONUNBUFFERED": "1",
        **settings,
    }


def shown(path: Path) -> str:
    """`path` as a reader in the project's folder would write it."""
    return os.path.relpath(str(path), str(ROOT))
