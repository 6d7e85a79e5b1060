"""The sequence of checks: all of them run, each is counted, and one that failed makes the status."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tools import check as module
from tools.check import Check, Outcome, counts, end_of, perform, perform_all, progress_of

REPORT = '<testsuites><testsuite tests="12" failures="2" errors="1" skipped="3"/></testsuites>'


@pytest.fixture(autouse=True)
def own_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOGS", tmp_path)


def python_check(name: str, code: str) -> Check:
    return Check(name, (sys.executable, "-c", code))


def test_a_failed_check_keeps_no_other_from_running_and_makes_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    checks = [python_check("first", "print('the disk is full'); raise SystemExit(1)"), python_check("second", "")]
    assert perform_all(checks) == 1
    said = capsys.readouterr().out
    assert "first: failed" in said
    assert "the disk is full" in said
    assert "second: passed" in said
    assert "1 passed, 1 failed in" in said.splitlines()[-1]


def test_when_all_pass_the_status_is_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert perform_all([python_check("first", ""), python_check("second", "")]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 passed, 0 failed in")


def test_a_check_of_something_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    def never(check: Check) -> Outcome:
        raise AssertionError

    assert perform_all([Check("browser", (), ("tests/browser",))], root=tmp_path, do=never) == 0


def test_pytests_own_counts_are_taken() -> None:
    check = Check("unit tests", ())
    check.report.write_text(REPORT)
    assert counts(check, 1, "") == (6, 3, 3)


def test_a_pytest_run_that_breaks_outside_a_test_counts_as_failed() -> None:
    check = Check("unit tests", ())
    check.report.write_text('<testsuites><testsuite tests="5" failures="0" errors="0" skipped="0"/></testsuites>')
    assert counts(check, 3, "") == (5, 1, 0)


def test_the_report_of_an_earlier_run_is_not_taken_for_this_one() -> None:
    check = python_check("unit tests", "raise SystemExit(2)")
    check.report.write_text('<testsuites><testsuite tests="5" failures="0" errors="0" skipped="0"/></testsuites>')
    assert perform(check).failed == 1


def test_rasas_stories_are_counted() -> None:
    said = "INFO Evaluation Results on END-TO-END level:\nINFO \tCorrect:          41 / 41\n"
    assert counts(Check("dialogues", ()), 0, said) == (41, 0, 0)
    assert counts(Check("dialogues", ()), 1, said) == (0, 1, 0)


def test_the_progress_of_pytest_is_shown_as_per_cent() -> None:
    assert progress_of("tests/unit/test_orders.py ......   [ 45%]") == "45 %"
    assert progress_of("collecting") == ""


def test_of_a_failed_pytest_run_the_failures_are_shown() -> None:
    output = "collected 3 items\n===== FAILURES =====\n___ test_one ___\nE  assert 1 == 2\n"
    assert end_of(output)[0] == "===== FAILURES ====="


def test_the_component_is_checked_by_the_python_that_runs_the_checks() -> None:
    (only,) = module.llm_checks()
    assert only.command[:4] == (sys.executable, "-m", "pytest", "tests/llm")


def test_the_component_is_checked_in_the_assistants_environment_too() -> None:
    assert "LLM component" in [check.name for check in module.all_checks()]
