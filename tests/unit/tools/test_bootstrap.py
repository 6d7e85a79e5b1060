"""Making the environments: the stamp, the calls of uv, and the sentences when it cannot be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tools import bootstrap, uv
from tools.bootstrap import fetch_python, install, set_up, venv_ready, write_lock
from tools.environments import ASSISTANT, LLM_COMPONENT, PythonEnvironment
from tools.failure import Failure
from tools.interpreters import Interpreter
from tools.stamps import Stamp

BOTH = [pytest.param(ASSISTANT, id="assistant"), pytest.param(LLM_COMPONENT, id="component")]
HASHES = {"lock": "abc", "python": "3.10"}


def program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def own_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "LOGS", tmp_path / "log")
    monkeypatch.setattr(uv, "LOGS", tmp_path / "log")


def made_venv(tmp_path: Path) -> Path:
    venv = tmp_path / "venv"
    program(venv / "bin" / "python", "exit 0")
    Stamp(venv / bootstrap.STAMP_NAME).write(HASHES)
    return venv


def test_a_stamped_environment_is_left_alone(tmp_path: Path) -> None:
    assert venv_ready(made_venv(tmp_path), HASHES)


def test_another_lock_makes_the_environment_stale(tmp_path: Path) -> None:
    assert not venv_ready(made_venv(tmp_path), {**HASHES, "lock": "def"})


def test_an_environment_whose_python_is_gone_is_stale(tmp_path: Path) -> None:
    venv = made_venv(tmp_path)
    (venv / "bin" / "python").unlink()
    assert not venv_ready(venv, HASHES)


def test_an_environment_that_was_not_finished_is_stale(tmp_path: Path) -> None:
    venv = made_venv(tmp_path)
    Stamp(venv / bootstrap.STAMP_NAME).clear()
    assert not venv_ready(venv, HASHES)


class Recorder:
    """Stands in for `run_logged`: notes the commands, and ends each with the status given."""

    def __init__(self, *statuses: int, says: str = "") -> None:
        self.commands: list[list[str]] = []
        self._statuses = list(statuses)
        self._says = says

    def __call__(self, command: Sequence[str], log: Path, **_: Any) -> int:
        self.commands.append(list(command))
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(self._says)
        return self._statuses.pop(0)


PYTHON = Interpreter(Path("/somewhere/python3.10"), (3, 10, 9), "CPython", None)


def test_the_environment_is_made_from_the_python_found_and_brought_to_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Recorder(0, 0)
    (tmp_path / "venv").mkdir()
    monkeypatch.setattr(bootstrap, "run_logged", run)
    monkeypatch.setattr(bootstrap.shutil, "rmtree", lambda *_, **__: None)
    install("uv", PYTHON, replace(ASSISTANT, folder=tmp_path / "venv"), {})
    make, sync = run.commands
    assert make[:4] == ["uv", "venv", "--python", "/somewhere/python3.10"]
    assert sync[:3] == ["uv", "pip", "sync"]
    assert {"--require-hashes", str(ASSISTANT.lock)} <= set(sync)


def test_packages_that_cannot_be_installed_end_in_one_sentence_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "venv").mkdir()
    monkeypatch.setattr(bootstrap, "run_logged", Recorder(0, 2, says="fetching\nerror: the disk is full\n"))
    monkeypatch.setattr(bootstrap.shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(Failure, match=r"could not be installed .*the disk is full"):
        install("uv", PYTHON, replace(ASSISTANT, folder=tmp_path / "venv"), {})


def test_a_python_is_fetched_by_uv_and_then_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = program(tmp_path / "uv", 'test "$2" = find && echo /fetched/python3.10; exit 0')
    monkeypatch.setattr(bootstrap, "probe", lambda path: PYTHON if path == "/fetched/python3.10" else None)
    assert fetch_python(str(fake), ASSISTANT, {"PATH": "/usr/bin:/bin"}) == PYTHON


def test_a_python_that_cannot_be_fetched_ends_in_a_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    fake = program(tmp_path / "uv", 'echo "error: no network: dns"; exit 2')
    with pytest.raises(Failure, match=r"no network.*FRONTDESK_PYTHON"):
        fetch_python(str(fake), ASSISTANT, {"PATH": "/usr/bin:/bin"})


def test_a_uv_on_path_that_fails_is_passed_over(tmp_path: Path) -> None:
    program(tmp_path / "shims" / "uv", "exit 127")
    working = program(tmp_path / "bin" / "uv", "exit 0")
    assert uv.find_uv({"PATH": f"{tmp_path / 'shims'}:{tmp_path / 'bin'}"}) == str(working)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PIP_INDEX_URL": "https://mirror.example/simple"}, "https://mirror.example/simple"),
        (
            {"PIP_INDEX_URL": "https://mirror.example/simple", "UV_DEFAULT_INDEX": "https://own.example/simple"},
            "https://own.example/simple",
        ),
    ],
)
def test_the_index_that_pip_uses_serves_uv_unless_uv_has_its_own(environment: Mapping[str, str], expected: str) -> None:
    assert uv.uv_environment({"PATH": "/usr/bin:/bin", **environment})["UV_DEFAULT_INDEX"] == expected


@pytest.mark.parametrize(
    ("machine", "system", "tag"),
    [
        ("x86_64", "Linux", "manylinux_2_17_x86_64"),
        ("aarch64", "Linux", "manylinux_2_17_aarch64"),
        ("arm64", "Darwin", "macosx_11_0_arm64"),
    ],
)
def test_the_wheel_of_uv_fits_the_machine(machine: str, system: str, tag: str) -> None:
    assert tag in uv.wheel_tags(machine, system)


def finished(folder: Path, target: PythonEnvironment) -> PythonEnvironment:
    """`target` in another folder, as if it had been made there."""
    program(folder / "bin" / "python", "exit 0")
    Stamp(folder / bootstrap.STAMP_NAME).write(target.hashes())
    return replace(target, folder=folder)


@pytest.mark.parametrize("target", BOTH)
def test_nothing_is_run_for_an_environment_that_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: PythonEnvironment
) -> None:
    run = Recorder()
    monkeypatch.setattr(bootstrap, "run_logged", run)
    set_up({}, finished(tmp_path / "venv", target))
    assert run.commands == []


@pytest.mark.parametrize(("target", "python"), [(ASSISTANT, "3.12.1"), (LLM_COMPONENT, "3.10.9")])
def test_an_environment_of_a_python_that_does_not_suit_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: PythonEnvironment, python: str
) -> None:
    run = Recorder(0, 0)
    (tmp_path / "venv").mkdir()
    version = tuple(map(int, python.split(".")))
    monkeypatch.setattr(bootstrap, "run_logged", run)
    monkeypatch.setattr(bootstrap, "probe", lambda path: Interpreter(Path(path), version, "CPython", None))
    monkeypatch.setattr(bootstrap.shutil, "rmtree", lambda *_, **__: None)
    install("uv", PYTHON, replace(target, folder=tmp_path / "venv"), {})
    assert [command[1] for command in run.commands] == ["venv", "pip"]


@pytest.mark.parametrize("version", [(3, 11, 7), (3, 12, 1), (3, 13, 0)])
def test_the_components_environment_is_kept_with_each_python_that_suits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...]
) -> None:
    run = Recorder(0)
    (tmp_path / "venv").mkdir()
    monkeypatch.setattr(bootstrap, "run_logged", run)
    monkeypatch.setattr(bootstrap, "probe", lambda path: Interpreter(Path(path), version, "CPython", None))
    install("uv", PYTHON, replace(LLM_COMPONENT, folder=tmp_path / "venv"), {})
    assert [command[1] for command in run.commands] == ["pip"]


@pytest.mark.parametrize(("target", "oldest"), [(ASSISTANT, "3.10"), (LLM_COMPONENT, "3.11")])
def test_a_lock_is_resolved_for_its_oldest_python(
    monkeypatch: pytest.MonkeyPatch, target: PythonEnvironment, oldest: str
) -> None:
    run = Recorder(0)
    monkeypatch.setattr(bootstrap, "run_logged", run)
    monkeypatch.setattr(bootstrap, "obtain_uv", lambda _: "uv")
    write_lock(target, {"PATH": "/usr/bin:/bin"}, [])
    (command,) = run.commands
    assert command[command.index("--python-version") + 1] == oldest
    assert command[-1] == str(target.lock.relative_to(bootstrap.ROOT))
    assert "--generate-hashes" in command


def test_the_components_lock_is_not_bound_to_the_assistants_python(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Recorder(0)
    monkeypatch.setattr(bootstrap, "run_logged", run)
    monkeypatch.setattr(bootstrap, "obtain_uv", lambda _: "uv")
    write_lock(LLM_COMPONENT, {"PATH": "/usr/bin:/bin"}, [])
    assert "--no-config" in run.commands[0]


@pytest.mark.parametrize("target", BOTH)
def test_the_lock_names_no_package_index(target: PythonEnvironment) -> None:
    text = target.lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text


@pytest.mark.parametrize("target", BOTH)
def test_every_direct_requirement_is_locked_in_its_version(target: PythonEnvironment) -> None:
    lock = target.lock.read_text(encoding="utf-8").lower()
    lines = [
        line.split("#")[0].split(";")[0].strip().lower()
        for name in ("requirements.txt", "requirements-dev.txt")
        for line in (target.requirements.parent / name).read_text(encoding="utf-8").splitlines()
    ]
    pins = [line for line in lines if "==" in line]
    assert len(pins) > 15
    assert [pin for pin in pins if f"\n{pin} " not in lock] == []
