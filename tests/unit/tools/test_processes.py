"""Running a command with its output in a log, and reading from the log why it failed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools.failure import INTERRUPTED, Failure, run_command
from tools.processes import reason, run_logged, tail


def run(tmp_path: Path, code: str, lines: list[str] | None = None) -> int:
    heard = lines if lines is not None else []
    return run_logged(
        [sys.executable, "-c", code], tmp_path / "log", cwd=tmp_path, environment=os.environ, on_line=heard.append
    )


def test_the_output_is_in_the_log_and_the_status_is_returned(tmp_path: Path) -> None:
    assert run(tmp_path, "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)") == 3
    assert set((tmp_path / "log").read_text().split()) == {"out", "err"}


def test_a_bar_that_redraws_its_line_is_heard_as_lines(tmp_path: Path) -> None:
    lines: list[str] = []
    run(tmp_path, r"print('Epochs: 1%\rEpochs: 2%\rdone')", lines)
    assert lines == ["Epochs: 1%", "Epochs: 2%", "done"]


def test_colours_are_taken_out_of_what_is_heard(tmp_path: Path) -> None:
    lines: list[str] = []
    run(tmp_path, r"print('\x1b[31mred\x1b[0m')", lines)
    assert lines == ["red"]


def test_an_interrupted_command_is_ended(tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_logged(
            [sys.executable, "-c", "import os, time; print(os.getpid(), flush=True); time.sleep(600)"],
            tmp_path / "log",
            cwd=tmp_path,
            environment=os.environ,
            on_line=interrupt,
        )
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "log").read_text()), 0)


def test_the_reason_is_the_last_line_that_names_an_error(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("starting\nrasa.InvalidRule: two rules contradict\n  see the docs\n")
    log.write_text("starting\nerror: no space left: /tmp\nsee the docs\n")
    assert reason(log) == "error: no space left: /tmp"


def test_without_such_a_line_the_reason_is_the_last_one(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("one\ntwo\n\n")
    assert reason(tmp_path / "log") == "two"


def test_a_missing_log_has_no_reason_and_no_end(tmp_path: Path) -> None:
    assert reason(tmp_path / "log") is None
    assert tail(tmp_path / "log") == []


def test_a_failure_is_one_line_and_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise Failure("The disk is full.")

    assert run_command(fail) == 1
    assert capsys.readouterr().err == "frontdesk: The disk is full.\n"


def test_ctrl_c_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    assert run_command(interrupted) == INTERRUPTED
    assert "stopped" in capsys.readouterr().err
