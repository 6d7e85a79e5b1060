"""A step tells its start, its end and its seconds."""

from __future__ import annotations

import io

import pytest

from tools.progress import Step


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_off_a_terminal_start_and_end_are_lines_of_their_own() -> None:
    out, clock = io.StringIO(), Clock()
    with Step("Training the model", out, clock):
        clock.now = 42.0
    assert out.getvalue() == "  Training the model ...\n  Training the model: done (42.0 s)\n"


def test_the_outcome_can_be_named() -> None:
    out = io.StringIO()
    with Step("Training the model", out, Clock()) as step:
        step.finish("trained")
    assert out.getvalue().endswith("Training the model: trained (0.0 s)\n")


@pytest.mark.parametrize(("error", "word"), [(ValueError, "failed"), (KeyboardInterrupt, "stopped")])
def test_a_step_that_is_broken_off_says_so(error: type[BaseException], word: str) -> None:
    out = io.StringIO()
    with pytest.raises(error), Step("Training the model", out, Clock()):
        raise error
    assert f"Training the model: {word}" in out.getvalue()


def test_a_line_can_be_written_above_the_progress() -> None:
    out = io.StringIO()
    with Step("Training the model", out, Clock()) as step:
        step.write("a note")
    assert out.getvalue().splitlines()[1] == "a note"
