"""What continuous integration runs: both suites in any case, and a last line that hides no failure."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools.project import ROOT

FAKE_MAKE = """#!/bin/sh
case $1 in test) say="{test}";; *) say="{llm}";; esac
echo "Checking:"
test "$say" && echo "$say in 3.0 s"
case $say in *" 0 failed"*) exit 0;; *) exit 1;; esac
"""


def run(tmp_path: Path, test: str, llm: str) -> tuple[int, str]:
    """The status and the last line of the script where `make` ends its targets with these lines."""
    make = tmp_path / "make"
    make.write_text(FAKE_MAKE.format(test=test, llm=llm))
    make.chmod(0o755)
    ended = subprocess.run(
        [ROOT / ".ci" / "run"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    return ended.returncode, ended.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("test", "llm", "status", "said"),
    [
        ("70 passed, 0 failed, 2 skipped", "30 passed, 0 failed", 0, "100 passed, 0 failed"),
        ("69 passed, 1 failed", "30 passed, 0 failed", 1, "99 passed, 1 failed"),
        ("70 passed, 0 failed", "28 passed, 2 failed", 1, "98 passed, 2 failed"),
        ("", "30 passed, 0 failed", 1, "30 passed, 1 failed"),
        ("", "", 1, "0 passed, 2 failed"),
    ],
)
def test_both_suites_count(tmp_path: Path, test: str, llm: str, status: int, said: str) -> None:
    assert run(tmp_path, test, llm) == (status, f"{said} in make test and make test-llm")
