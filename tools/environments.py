"""The project's two Python environments: the assistant's, and that of the LLM component alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.project import LLM_LOCK, LLM_VENV, LOCK, ROOT, VENV
from tools.stamps import hash_of

GIGABYTE = 2**30


@dataclass(frozen=True)
class PythonEnvironment:
    """An environment: where it lies, which Pythons it may be made from, and what is installed into it.

    Args:
        versions: of Python, the one to be preferred, and fetched if there is none, first.
        variable: the environment variable with which the user names a Python.
        requirements: the file that is resolved into the lock; its Python is the oldest of `versions`.
        lock_options: for uv, when it resolves.
        disk: bytes that the packages and their downloads take.
    """

    folder: Path
    versions: tuple[str, ...]
    variable: str
    prompt: str
    lock: Path
    requirements: Path
    lock_options: tuple[str, ...]
    disk: int

    @property
    def python(self) -> Path:
        """Its own Python."""
        return self.folder / "bin" / "python"

    @property
    def oldest(self) -> str:
        """The oldest Python it may be made from."""
        return min(self.versions, key=lambda version: [int(part) for part in version.split(".")])

    def log(self, step: str) -> str:
        """The name of a set-up step's log."""
        return f"setup-{step}.log" if self is ASSISTANT else f"setup-llm-{step}.log"

    def hashes(self) -> dict[str, str]:
        """What it is made from; its stamp holds this."""
        return {"lock": hash_of(ROOT, [self.lock]), "python": ", ".join(self.versions)}


ASSISTANT = PythonEnvironment(
    folder=VENV,
    versions=("3.10",),  # Rasa 3.6 refuses 3.11
    variable="FRONTDESK_PYTHON",
    prompt="frontdesk",
    lock=LOCK,
    requirements=ROOT / "requirements-dev.txt",
    lock_options=(),  # pyproject.toml says for which systems
    disk=10 * GIGABYTE,  # it takes about 7 GB, the downloads come on top for a while
)
LLM_COMPONENT = PythonEnvironment(
    folder=LLM_VENV,
    versions=("3.12", "3.13", "3.11"),
    variable="FRONTDESK_LLM_PYTHON",
    prompt="frontdesk-llm",
    lock=LLM_LOCK,
    requirements=ROOT / "llm_component" / "requirements-dev.txt",
    lock_options=("--no-config",),  # pyproject.toml limits the assistant's lock to Python 3.10
    disk=9 * GIGABYTE,  # it takes about 6 GB
)
