"""Runs the project's checks one after the other, each with a line of its own, and counts what passed and failed.

A failed check does not keep the others from running; the status is not zero if any failed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.failure import run_command
from tools.processes import plain, run_logged
from tools.progress import Step
from tools.project import LOGS, MODEL, ROOT, shown
from tools.services import service_environment

PACKAGES = ("frontdesk", "knowledge_base", "llm_component", "rasa_addons", "actions", "tools")
FAILURE_LINES = 150  # of a failed check's output; the rest is in its log
NO_TESTS = 5  # pytest's status for a folder without tests

_PERCENT = re.compile(r"\[\s*(\d+)%\]\s*$")
_STORIES = re.compile(r"(?:END-TO-END|CONVERSATION) level:.*?Correct:\s+(\d+) / (\d+)", re.DOTALL)


@dataclass(frozen=True)
class Check:
    """One check: its command, and what must be there for it to make sense."""

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()

    @property
    def log(self) -> Path:
        """Where its whole output goes."""
        return LOGS / f"check-{self.name.replace(' ', '-')}.log"

    @property
    def report(self) -> Path:
        """Where pytest writes its counts."""
        return self.log.with_suffix(".xml")


@dataclass(frozen=True)
class Outcome:
    """How a check ended, in tests; a check that is no test run counts as one test."""

    check: Check
    passed: int
    failed: int
    skipped: int
    seconds: float

    @property
    def summary(self) -> str:
        """In words."""
        if self.passed + self.failed + self.skipped <= 1:
            return "failed" if self.failed else "passed"
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def python(*arguments: str) -> tuple[str, ...]:
    """A command for this Python."""
    return (sys.executable, *arguments)


def pytest_check(name: str, folder: str) -> Check:
    """A run of pytest over a folder."""
    check = Check(name, (), (folder,))
    command = python("-m", "pytest", folder, "-q", "--color=no", f"--junitxml={check.report}")
    return Check(name, command, (folder,))


def lint_checks(root: Path = ROOT) -> list[Check]:
    """Form and types; fast, and needs no model."""
    packages = [package for package in PACKAGES if any((root / package).glob("*.py"))]
    return [
        Check("lint", python("-m", "ruff", "check", "--output-format", "concise", ".")),
        Check("format", python("-m", "ruff", "format", "--check", "--output-format", "concise", ".")),
        Check("types", python("-m", "mypy", *(f"--package={package}" for package in packages))),
    ]


def all_checks(root: Path = ROOT) -> list[Check]:
    """Every check, the fast ones first."""
    stories = python("-m", "rasa", "test", "core", "--model", str(MODEL), "--stories", "tests/stories")
    stories += ("--e2e", "--fail-on-prediction-errors", "--out", "results/stories", "--no-plot")
    return [
        *lint_checks(root),
        pytest_check("unit tests", "tests/unit"),
        pytest_check("LLM component", "tests/llm"),
        Check("training data", python("-m", "tools.validate_data", "--rasa"), ("domain.yml",)),
        Check("dialogues", stories, ("tests/stories",)),
        pytest_check("held-out messages", "tests/nlu"),
        pytest_check("whole system", "tests/e2e"),
        pytest_check("browser", "tests/browser"),
    ]


def llm_checks() -> list[Check]:
    """What is checked in the environment that the LLM component has alone: this Python must be that environment's."""
    return [pytest_check("LLM component alone", "tests/llm")]


def counts(check: Check, status: int, output: str) -> tuple[int, int, int]:
    """Tests passed, failed and skipped: from pytest's report, from Rasa's story counts, or one for the whole check."""
    try:
        suites = ElementTree.parse(check.report).getroot().iter("testsuite")  # noqa: S314  our own pytest wrote it
        numbers = [[int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")] for suite in suites]
    except (OSError, ElementTree.ParseError):
        numbers = []
    if numbers:
        tests, failures, errors, skipped = (sum(column) for column in zip(*numbers, strict=True))
        failed = failures + errors
        if status not in (0, NO_TESTS) and not failed:
            failed = 1  # it broke outside a test, as in collecting them
        return max(tests - failures - errors - skipped, 0), failed, skipped
    stories = _STORIES.search(output)
    if stories and status == 0:
        return int(stories.group(2)), 0, 0
    return (1, 0, 0) if status == 0 else (0, 1, 0)


def progress_of(line: str) -> str:
    """What a line of output says about how far a check is."""
    percent = _PERCENT.search(line)
    return f"{percent.group(1)} %" if percent else ""


def perform(check: Check, run: Callable[..., int] = run_logged) -> Outcome:
    """Runs a check, shows its line, and shows the end of its output if it failed."""
    began = time.monotonic()
    if check.report.exists():
        check.report.unlink()
    with Step(check.name) as step:
        status = run(
            check.command,
            check.log,
            cwd=ROOT,
            environment=service_environment(os.environ)[0],
            on_line=lambda line: step.update(progress_of(line)),
        )
        output = check.log.read_text(encoding="utf-8", errors="replace") if check.log.exists() else ""
        passed, failed, skipped = counts(check, status, output)
        outcome = Outcome(check, passed, failed, skipped, time.monotonic() - began)
        step.finish(outcome.summary)
    if outcome.failed:
        for line in end_of(output):
            print(f"    {line}")
        print(f"    (all of it: {shown(check.log)})", flush=True)
    return outcome


def end_of(output: str, count: int = FAILURE_LINES) -> list[str]:
    """The last lines of an output, from pytest's failures on if they are in it."""
    lines = [plain(line) for line in output.replace("\r", "\n").splitlines()]
    starts = [number for number, line in enumerate(lines) if re.match(r"=+ (FAILURES|ERRORS) =+", line)]
    return lines[starts[0] :][-count:] if starts else [line for line in lines if line][-count:]


def perform_all(checks: Sequence[Check], root: Path = ROOT, do: Callable[[Check], Outcome] = perform) -> int:
    """Runs the checks whose files are there, prints the result, and returns the exit status."""
    began = time.monotonic()
    outcomes = [do(check) for check in checks if all((root / need).exists() for need in check.needs)]
    failed = [outcome for outcome in outcomes if outcome.failed]
    print()
    for outcome in failed:
        print(f"FAILED {outcome.check.name}: {outcome.summary} (log: {shown(outcome.check.log)})")
    passed_tests, failed_tests, skipped_tests = (
        sum(getattr(outcome, kind) for outcome in outcomes) for kind in ("passed", "failed", "skipped")
    )
    skipped_words = f", {skipped_tests} skipped" if skipped_tests else ""
    seconds = time.monotonic() - began
    print(f"{passed_tests} passed, {failed_tests} failed{skipped_words} in {seconds:.1f} s", flush=True)
    return 1 if failed else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.check", description=__doc__.splitlines()[0])
    parser.add_argument("--lint", action="store_true", help="only lint, form and types")
    parser.add_argument("--types", action="store_true", help="only types")
    parser.add_argument("--llm", action="store_true", help="only the LLM component, in an environment of its own")
    arguments = parser.parse_args()
    quick = arguments.lint or arguments.types
    checks = llm_checks() if arguments.llm else lint_checks() if quick else all_checks()
    print("Checking:", flush=True)
    return perform_all([check for check in checks if check.name == "types" or not arguments.types])


if __name__ == "__main__":
    sys.exit(run_command(main))
