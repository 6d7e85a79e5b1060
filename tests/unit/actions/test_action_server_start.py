"""Starting the action server: what `python -m actions` says of itself, and that it starts only when asked to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
HEAVY = ("rasa_sdk", "sanic", "sqlalchemy", "numpy", "torch")


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m actions`, which lists the modules it imports on standard error; it must end by itself."""
    command = [sys.executable, "-X", "importtime", "-m", "actions", *arguments]
    environment = {**os.environ, "COLUMNS": "120"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    "variable",
    [
        "FRONTDESK_ACTIONS_PORT",
        "FRONTDESK_ACTIONS_HOST",
        "FRONTDESK_DATABASE_URL",
        "FRONTDESK_SECRET_KEY",
        "FRONTDESK_SMTP_URL",
        "FRONTDESK_RELEVANCE_FLOOR",
        "FRONTDESK_ENCODER",
        "FRONTDESK_SEARCH_ENGINE",
        "FRONTDESK_RERANKER",
        "FRONTDESK_ARTICLES_URL",
        "FRONTDESK_BRAND_FILE",
    ],
)
def test_help_names_a_variable_that_operate_md_explains(variable: str, shown_help: str) -> None:
    assert f"  {variable} " in shown_help
    assert f"| `{variable}` |" in (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def shown_help() -> str:
    """What --help prints."""
    shown = start("--help")
    assert shown.returncode == 0
    return shown.stdout


def test_help_says_what_is_started(shown_help: str) -> None:
    assert shown_help.startswith("usage: python -m actions")
    assert "Starts the action server" in shown_help


@pytest.mark.parametrize("arguments", [["--prot", "5056"], ["5056"]])
def test_unknown_arguments_are_refused(arguments: list[str]) -> None:
    refused = start(*arguments)

    assert refused.returncode == 2
    assert f"unrecognized arguments: {' '.join(arguments)}" in refused.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--unknown"]])
def test_without_a_server_nothing_heavy_is_imported(arguments: list[str]) -> None:
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in start(*arguments).stderr.splitlines()}

    assert "argparse" in imported
    assert imported.isdisjoint(HEAVY)
