"""Finding a Python 3.10: every candidate is started, and one that does not start or does not suit is passed over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import interpreters
from tools.failure import Failure
from tools.interpreters import Interpreter, probe


def find_python(
    environment: dict[str, str],
    *versions: str,
    ask: Callable[[str], Interpreter | None] = probe,
) -> Interpreter | None:
    return interpreters.find_python(environment, versions or ("3.10",), "FRONTDESK_PYTHON", ask)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a machine with an empty PATH, an empty home, and nothing in the usual folders."""
    for name in ("bin", "home"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(interpreters.sys, "executable", str(tmp_path / "bin" / "starter"))
    monkeypatch.setattr(interpreters, "USUAL_FOLDERS", ())
    return {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path / "home")}


def put_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def put_python(path: Path, version: str = "3.10.9", *, problem: str | None = None, named: str | None = None) -> Path:
    """A program that answers the probe as a Python of this version would."""
    numbers = [int(number) for number in version.split(".")]
    answer = {
        "path": named or str(path),
        "version": numbers,
        "implementation": "CPython",
        "problem": problem,
    }
    return put_program(path, f"cat <<'END'\n{json.dumps(answer)}\nEND")


def failing_shim(path: Path) -> Path:
    return put_program(path, 'echo "pyenv: python3.10: command not found" >&2; exit 127')


def test_a_python_on_path_is_found(machine: dict[str, str], tmp_path: Path) -> None:
    python = put_python(tmp_path / "bin" / "python3.10")
    found = find_python(machine)
    assert found is not None
    assert found.path == python


def test_a_shim_that_fails_is_passed_over_for_the_next_on_path(machine: dict[str, str], tmp_path: Path) -> None:
    failing_shim(tmp_path / "bin" / "python3.10")
    python = put_python(tmp_path / "later" / "python3.10")
    found = find_python({**machine, "PATH": f"{machine['PATH']}:{tmp_path / 'later'}"})
    assert found is not None
    assert found.path == python


def test_a_shim_that_fails_is_passed_over_for_the_version_that_pyenv_holds(
    machine: dict[str, str], tmp_path: Path
) -> None:
    failing_shim(tmp_path / "bin" / "python3.10")
    python = put_python(tmp_path / "home" / ".pyenv" / "versions" / "3.10.13" / "bin" / "python3.10")
    found = find_python(machine)
    assert found is not None
    assert found.path == python


def test_pyenv_is_found_where_pyenv_root_says(machine: dict[str, str], tmp_path: Path) -> None:
    python = put_python(tmp_path / "elsewhere" / "versions" / "3.10.2" / "bin" / "python3.10")
    found = find_python({**machine, "PYENV_ROOT": str(tmp_path / "elsewhere")})
    assert found is not None
    assert found.path == python


def test_a_python_that_uv_fetched_before_is_found(machine: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "home" / ".local" / "share" / "uv" / "python" / "cpython-3.10.19-linux-x86_64-gnu"
    python = put_python(folder / "bin" / "python3.10")
    found = find_python(machine)
    assert found is not None
    assert found.path == python


@pytest.mark.parametrize("version", ["3.9.18", "3.11.7", "3.12.1"])
def test_another_version_is_not_taken(machine: dict[str, str], tmp_path: Path, version: str) -> None:
    put_python(tmp_path / "bin" / "python3", version)
    assert find_python(machine) is None


def test_a_python_without_full_text_search_is_not_taken(machine: dict[str, str], tmp_path: Path) -> None:
    put_python(tmp_path / "bin" / "python3.10", problem="no such module: fts5")
    assert find_python(machine) is None


def test_of_two_versions_the_preferred_one_is_taken(machine: dict[str, str], tmp_path: Path) -> None:
    put_python(tmp_path / "bin" / "python3", "3.13.0")
    python = put_python(tmp_path / "home" / ".pyenv" / "versions" / "3.12.1" / "bin" / "python3.12", "3.12.1")
    found = find_python(machine, "3.12", "3.13", "3.11")
    assert found is not None
    assert found.path == python


def test_another_version_that_suits_is_taken_where_the_preferred_one_is_not_there(
    machine: dict[str, str], tmp_path: Path
) -> None:
    put_python(tmp_path / "bin" / "python3", "3.10.9")
    python = put_python(tmp_path / "bin" / "python3.11", "3.11.7")
    found = find_python(machine, "3.12", "3.13", "3.11")
    assert found is not None
    assert found.path == python


def test_of_one_version_the_newest_that_pyenv_holds_is_taken(machine: dict[str, str], tmp_path: Path) -> None:
    for version in ("3.10.9", "3.10.13", "3.10.4"):
        put_python(tmp_path / "home" / ".pyenv" / "versions" / version / "bin" / "python3.10", version)
    found = find_python(machine)
    assert found is not None
    assert found.version == (3, 10, 13)


@pytest.mark.parametrize("folder", [interpreters.VENV, interpreters.LLM_VENV])
def test_the_environments_that_are_to_be_made_are_no_candidates(machine: dict[str, str], folder: Path) -> None:
    inside = folder / "bin"
    asked: list[str] = []
    find_python({**machine, "PATH": str(inside)}, ask=lambda path: asked.append(path))
    assert not [path for path in asked if path.startswith(str(inside))]


def test_the_python_that_the_user_names_is_taken_before_path(machine: dict[str, str], tmp_path: Path) -> None:
    put_python(tmp_path / "bin" / "python3.10")
    named = put_python(tmp_path / "mine" / "python")
    found = find_python({**machine, "FRONTDESK_PYTHON": str(named)})
    assert found is not None
    assert found.path == named


@pytest.mark.parametrize(("version", "said"), [("3.11.7", "is 3.11.7"), (None, "does not start")])
def test_a_named_python_that_does_not_suit_is_refused_with_the_reason(
    machine: dict[str, str], tmp_path: Path, version: str | None, said: str
) -> None:
    path = tmp_path / "mine" / "python"
    if version:
        put_python(path, version)
    with pytest.raises(Failure, match=said):
        find_python({**machine, "FRONTDESK_PYTHON": str(path)})


def test_the_probe_reports_this_python() -> None:
    import sys

    found = probe(sys.executable)
    assert found is not None
    assert found.version == tuple(sys.version_info[:3])
    assert found.path.exists()


def test_the_probe_answers_none_for_a_program_that_talks_nonsense(tmp_path: Path) -> None:
    assert probe(str(put_program(tmp_path / "python3.10", "echo hello"))) is None
