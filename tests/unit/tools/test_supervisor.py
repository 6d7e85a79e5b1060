"""The supervisor on real processes: they start together, one that dies is restarted once, and all of them end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tools.failure import Failure
from tools.services import Service, port_free
from tools.supervisor import RESTART_AGAIN_SECONDS, Stopped, Supervisor, how_it_ended

MakeService = Callable[..., Service]
Eventually = Callable[[Callable[[], object]], None]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] if Path("/proc").is_dir() else "R"
    except OSError:
        return False
    return state != "Z"


def supervisor(*services: Service, tmp_path: Path, **settings: object) -> Supervisor:
    settings.setdefault("say", lambda line: None)
    return Supervisor(services, os.environ, cwd=tmp_path, grace_seconds=5.0, **settings)  # type: ignore[arg-type]


def test_all_services_are_ready_before_it_goes_on(service: MakeService, tmp_path: Path) -> None:
    one, two = service("one"), service("two")
    told: list[str] = []
    with supervisor(one, two, tmp_path=tmp_path) as running:
        running.start()
        running.wait_ready(told.append)
        assert not port_free(one.port)
        assert not port_free(two.port)
    assert told[-1] == "one ready, two ready"


def test_leaving_ends_every_process_and_frees_the_ports(service: MakeService, tmp_path: Path) -> None:
    one, two = service("one"), service("two")
    with supervisor(one, two, tmp_path=tmp_path) as running:
        running.start()
        running.wait_ready()
    assert port_free(one.port)
    assert port_free(two.port)


def test_what_a_service_started_is_ended_with_it(service: MakeService, tmp_path: Path, eventually: Eventually) -> None:
    note = tmp_path / "child.pid"
    with supervisor(service("one", "parent", str(note)), tmp_path=tmp_path) as running:
        running.start()
        running.wait_ready()
        child = int(note.read_text())
        assert alive(child)
    eventually(lambda: not alive(child))


def test_a_process_that_ignores_the_request_to_end_is_killed(service: MakeService, tmp_path: Path) -> None:
    stubborn = service("stubborn", "stubborn")
    with Supervisor([stubborn], os.environ, cwd=tmp_path, say=lambda line: None, grace_seconds=0.2) as running:
        running.start()
        running.wait_ready()
    assert port_free(stubborn.port)


def test_a_taken_port_is_named_with_its_variable_and_nothing_is_started(service: MakeService, tmp_path: Path) -> None:
    one, two = service("one"), service("two")
    with supervisor(two, tmp_path=tmp_path) as first:
        first.start()
        first.wait_ready()
        with (
            supervisor(one, two, tmp_path=tmp_path) as second,
            pytest.raises(Failure, match=f"Port {two.port}, for the two, is in use.*TWO_PORT"),
        ):
            second.start()
        assert port_free(one.port)


def test_a_service_that_ends_while_it_starts_ends_everything_with_the_end_of_its_log(
    service: MakeService, tmp_path: Path
) -> None:
    one, two = service("one"), service("two")
    (tmp_path / "two.end").touch()
    with supervisor(one, two, tmp_path=tmp_path, ready=lambda url: False) as running:
        running.start()
        with pytest.raises(
            Failure, match=r"(?s)two ended while it was starting \(status 3\).*two\.log.*the disk is full"
        ):
            running.wait_ready()
    assert port_free(one.port)


def test_a_service_that_never_answers_is_given_up(service: MakeService, tmp_path: Path) -> None:
    with supervisor(service("one"), tmp_path=tmp_path, ready=lambda url: False, start_seconds=0.0) as running:
        running.start()
        with pytest.raises(Failure, match="one was not ready within"):
            running.wait_ready()


class Watched(Supervisor):
    """A supervisor that does `during` between two looks at its services, until that asks for the end."""

    during: Callable[[], None] = staticmethod(lambda: None)

    def wait(self, seconds: float) -> None:
        self.during()
        super().wait(min(seconds, 0.01))


def test_a_service_that_dies_is_started_once_more_and_says_so(service: MakeService, tmp_path: Path) -> None:
    one = service("one")
    said: list[str] = []
    running = Watched([one], os.environ, cwd=tmp_path, say=said.append)
    with running:
        running.start()
        running.wait_ready()
        first = running.process("one")

        def end_it_then_see_it_serve() -> None:
            if running.process("one") is first:
                (tmp_path / "one.end").touch()
                first.wait()
                (tmp_path / "one.end").unlink()
            else:
                del running.during
                running.wait_ready()
                raise Stopped

        running.during = end_it_then_see_it_serve  # type: ignore[method-assign]
        with pytest.raises(Stopped):
            running.watch()
    assert len(said) == 1
    assert "The one ended (status 3); starting it once more." in said[0]


def end_the_service_whenever_it_serves(running: Watched, tmp_path: Path) -> Callable[[], None]:
    def end_it() -> None:
        (tmp_path / "one.end").touch()
        running.process("one").wait()

    return end_it


def test_a_service_that_dies_again_ends_everything_with_one_sentence(service: MakeService, tmp_path: Path) -> None:
    one, two = service("one"), service("two")
    running = Watched([one, two], os.environ, cwd=tmp_path, say=lambda line: None)
    with running:
        running.start()
        running.wait_ready()
        running.during = end_the_service_whenever_it_serves(running, tmp_path)  # type: ignore[method-assign]
        with pytest.raises(Failure, match=r"(?s)The one ended again after a restart.*the disk is full"):
            running.watch()
    assert port_free(two.port)


def test_after_a_long_life_a_service_may_be_restarted_again(service: MakeService, tmp_path: Path) -> None:
    times = iter(range(0, 100 * int(RESTART_AGAIN_SECONDS), int(RESTART_AGAIN_SECONDS) + 1))
    said: list[str] = []
    running = Watched([service("one")], os.environ, cwd=tmp_path, say=said.append, clock=lambda: float(next(times)))
    with running:
        running.start()
        end_it = end_the_service_whenever_it_serves(running, tmp_path)

        def end_it_twice() -> None:
            if len(said) == 2:
                raise Stopped
            end_it()

        running.during = end_it_twice  # type: ignore[method-assign]
        with pytest.raises(Stopped):
            running.watch()
    assert len(said) == 2


# Optional services


def optional(service: Service, **changes: Any) -> Service:
    return replace(service, optional=True, **changes)


def test_nobody_waits_for_an_optional_service(service: MakeService, tmp_path: Path) -> None:
    one, two = service("one"), optional(service("two"), ready_url="http://127.0.0.1:1/")
    with supervisor(one, two, tmp_path=tmp_path) as running:
        running.start()
        running.wait_ready()
        assert running.runs(two)


@pytest.mark.parametrize("trouble", ["no program", "taken port"])
def test_an_optional_service_that_cannot_be_started_is_given_up_with_a_sentence(
    service: MakeService, tmp_path: Path, trouble: str
) -> None:
    one, two, other = service("one"), optional(service("two")), service("other")
    two = replace(two, command=("/nowhere",)) if trouble == "no program" else replace(two, port=other.port)
    said: list[str] = []
    with supervisor(other, tmp_path=tmp_path) as before:
        before.start()
        before.wait_ready()
        with supervisor(one, two, tmp_path=tmp_path, say=said.append) as running:
            running.start()
            running.wait_ready()
            assert running.runs(one)
            assert not running.runs(two)
    assert [line.splitlines()[-1] for line in said] == ["The assistant goes on without the two."]


def test_an_optional_service_that_ends_while_it_starts_is_given_up_with_the_end_of_its_log(
    service: MakeService, tmp_path: Path
) -> None:
    one, two = service("one"), optional(service("two"))
    (tmp_path / "two.end").touch()
    said: list[str] = []
    with supervisor(one, two, tmp_path=tmp_path, say=said.append, ready=lambda url: bool(said)) as running:
        running.start()
        running.wait_ready()
        assert not running.runs(two)
    assert "two ended while it was starting (status 3)" in said[0]
    assert "the disk is full" in said[0]


def test_an_optional_service_that_dies_again_is_given_up_and_the_others_run_on(
    service: MakeService, tmp_path: Path
) -> None:
    one, two = service("one"), optional(service("two"))
    said: list[str] = []
    running = Watched([one, two], os.environ, cwd=tmp_path, say=said.append)
    with running:
        running.start()
        running.wait_ready()
        (tmp_path / "two.end").touch()

        def stop_once_it_is_given_up() -> None:
            if not running.runs(two):
                raise Stopped

        running.during = stop_once_it_is_given_up  # type: ignore[method-assign]
        with pytest.raises(Stopped):
            running.watch()
        assert running.process("one").poll() is None
    assert "starting it once more" in said[0]
    assert said[1].endswith("The assistant goes on without the two.")


def test_a_service_has_variables_of_its_own(service: MakeService, tmp_path: Path) -> None:
    note = tmp_path / "note"
    code = f"import os, pathlib; pathlib.Path({str(note)!r}).write_text(os.environ['ONLY_HERE']); input()"
    one = replace(service("one"), command=(sys.executable, "-c", code), settings={"ONLY_HERE": "yes"})
    with supervisor(one, tmp_path=tmp_path) as running:
        running.start()
        running.process("one").wait(timeout=20)
    assert note.read_text() == "yes"


@pytest.mark.parametrize(
    ("status", "words"), [(3, "status 3"), (-15, "by SIGTERM"), (-9, "by SIGKILL; was the memory used up?")]
)
def test_how_a_process_ended_is_said_in_words(status: int, words: str) -> None:
    assert how_it_ended(status) == words


def test_a_program_that_does_not_exist_is_a_sentence(service: MakeService, tmp_path: Path) -> None:
    broken = replace(service("one"), command=("/nowhere/python",))
    with supervisor(broken, tmp_path=tmp_path) as running, pytest.raises(Failure, match="one could not be started"):
        running.start()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells children of their parent's death")
def test_when_the_supervisor_itself_is_killed_its_services_end(
    service: MakeService, tmp_path: Path, eventually: Eventually
) -> None:
    import subprocess

    one = service("one")
    script = tmp_path / "supervise.py"
    script.write_text(
        "import os, time\n"
        "from pathlib import Path\n"
        "from tools.services import Service\n"
        "from tools.supervisor import Supervisor\n"
        f"one = Service('one', {one.command!r}, {one.port}, 'P', {one.ready_url!r}, Path({str(one.log)!r}))\n"
        "with Supervisor([one], os.environ) as running:\n"
        "    running.start(); running.wait_ready(); print('ready', flush=True); running.wait(600)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.kill()
    eventually(lambda: port_free(one.port))
