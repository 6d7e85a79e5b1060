"""Demo customers, for whoever tries the assistant: read from the knowledge base and shown as a table."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.project import ROOT

DEMO_COMMAND = (sys.executable, "-m", "knowledge_base", "demo", "--json")
DEMO_SECONDS = 60.0


class DemoCustomers:
    """The demo customers, asked for beside other work: `rows` waits for the answer."""

    def __init__(self, environment: Mapping[str, str], command: Sequence[str] = DEMO_COMMAND) -> None:
        self._rows: list[dict[str, Any]] = []
        self._environment = environment
        self._command = command
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        self._rows = demo_customers(self._environment, self._command)

    def rows(self) -> list[dict[str, Any]]:
        """The customers; empty if the knowledge base has none."""
        self._thread.join()
        return self._rows


def demo_customers(
    environment: Mapping[str, str], command: Sequence[str] = DEMO_COMMAND, cwd: Path = ROOT
) -> list[dict[str, Any]]:
    """The demo customers as the knowledge base lists them; empty if it has none or cannot say."""
    try:
        answer = subprocess.run(
            list(command),
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=DEMO_SECONDS,
        )
        rows = json.loads(answer.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def as_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows as aligned lines under a line of headings; a list in a cell is joined with commas."""
    if not rows:
        return []
    headings = list(dict.fromkeys(key for row in rows for key in row))

    def cell(value: object) -> str:
        if isinstance(value, (list, tuple)):
            return ", ".join(cell(item) for item in value)
        if isinstance(value, dict):
            return " ".join(cell(item) for item in value.values())
        return "" if value is None else str(value)

    table = [[heading.replace("_", " ") for heading in headings]]
    table += [[cell(row.get(heading)) for heading in headings] for row in rows]
    widths = [max(len(line[column]) for line in table) for column in range(len(headings))]
    return ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() for line in table]
