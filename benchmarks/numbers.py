"""Measures the assistant as it is run: training, start-up, memory, turns, held-out scores; writes docs/numbers.md.

`make bench-numbers`. The baseline is the project that `rasa init` makes (its pipeline, policies and data), trained and
served on the same machine in the same run; turns of both are measured in alternation, so that the machine's mood
falls on both. Nothing else should run meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from benchmarks import report
from benchmarks.report import ROOT, Row
from tools.project import child_environment

ROUNDS = 40
WARM_UP = 5
READY_SECONDS = 180.0
TRAININGS = 3
# A conversation that touches the database, and one sentence that both assistants answer with a template.
SCRIPT = ("where is my order 1187", "what are your opening hours", "never mind")
GREETING = "hello"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def server(command: list[str], folder: Path, environment: Mapping[str, str], url: str) -> Iterator[tuple[int, float]]:
    """A running server: its process id and the seconds until it answered."""
    log = tempfile.NamedTemporaryFile("w+", suffix=".log")  # noqa: SIM115 (lives as long as the process)
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=folder, env=dict(environment), stdout=log, stderr=log, start_new_session=True
    )
    try:
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    break
            if process.poll() is not None or time.monotonic() - began > READY_SECONDS:
                log.seek(0)
                raise SystemExit(f"{command[2]} did not start:\n{log.read()[-3000:]}")
            time.sleep(0.1)
        yield process.pid, time.monotonic() - began
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()


def say(port: int, sender: str, message: str) -> float:
    """Seconds that one turn took."""
    body = json.dumps({"sender": sender, "message": message}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/webhooks/rest/webhook", body, {"Content-Type": "application/json"}
    )
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=60) as answer:
        messages: list[Any] = json.load(answer)
    if not messages:
        raise SystemExit(f"the assistant said nothing to {message!r}")
    return time.perf_counter() - began


def train(folder: Path, environment: Mapping[str, str]) -> float:
    """Seconds of a training from nothing, start of Python included."""
    shutil.rmtree(folder / ".rasa", ignore_errors=True)
    command = [sys.executable, "-m", "rasa", "train", "--force", "--skip-validation", "--fixed-model-name", "measured"]
    began = time.monotonic()
    subprocess.run(command, cwd=folder, env=dict(environment), check=True, capture_output=True)
    return time.monotonic() - began


def resident(pid: int) -> float:
    """Resident memory of a process and its children, in MiB."""
    process = psutil.Process(pid)
    return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)]) / 2**20


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def copy_of_project(folder: Path) -> Path:
    """The Rasa project in a folder of its own, so that measuring leaves models and caches of the checkout alone."""
    target = folder / "frontdesk"
    target.mkdir()
    for name in ("config.yml", "domain.yml", "endpoints.yml", "credentials.yml", "brand.yml"):
        shutil.copy(ROOT / name, target / name)
    shutil.copytree(ROOT / "data", target / "data")
    return target


def rasa_rows(folder: Path) -> list[Row]:
    environment = child_environment()
    environment["PYTHONPATH"] = str(ROOT)
    stock, ours = folder / "stock", copy_of_project(folder)
    stock.mkdir()
    say_init = [sys.executable, "-m", "rasa", "init", "--no-prompt", "--init-dir", str(stock)]
    subprocess.run(say_init, env=dict(environment), check=True, capture_output=True)

    trainings: dict[str, list[float]] = {"frontdesk": [], "rasa_init": []}
    for _ in range(TRAININGS):
        trainings["frontdesk"].append(train(ours, environment))
        trainings["rasa_init"].append(train(stock, environment))

    actions_port, port, stock_port = free_port(), free_port(), free_port()
    environment["FRONTDESK_ACTIONS_PORT"] = str(actions_port)
    environment["FRONTDESK_ACTIONS_URL"] = f"http://127.0.0.1:{actions_port}/webhook"
    environment.setdefault("FRONTDESK_SECRET_KEY", "only-for-this-measurement")
    environment["FRONTDESK_DEVELOPMENT"] = "1"  # messages without a session, as the stock channel takes them
    for limit in ("MESSAGES", "MESSAGES_ADDRESS"):
        environment[f"FRONTDESK_LIMIT_{limit}"] = "1000000"
    environment["FRONTDESK_DATABASE_URL"] = f"sqlite:///{folder / 'measured.db'}"
    for arguments in (["init"], ["seed"], ["import", str(ROOT / "data" / "knowledge")]):
        subprocess.run(
            [sys.executable, "-m", "knowledge_base", *arguments],
            cwd=ROOT, env=dict(environment), check=True, capture_output=True,
        )  # fmt: skip

    run = [sys.executable, "-m", "rasa", "run", "--model", "models/measured.tar.gz", "--interface", "127.0.0.1"]
    ours_run = [*run, "--endpoints", "endpoints.yml", "--credentials", "credentials.yml", "--port", str(port)]
    stock_run = [*run, "--port", str(stock_port)]
    stock_credentials = stock / "credentials.yml"
    stock_credentials.write_text("rest:\n", encoding="utf-8")
    with (
        server(
            [sys.executable, "-m", "actions"], ROOT, environment, f"http://127.0.0.1:{actions_port}/ready"
        ) as action,
        server(ours_run, ours, environment, f"http://127.0.0.1:{port}/ready") as dialogue,
        server(stock_run, stock, environment, f"http://127.0.0.1:{stock_port}/webhooks/rest/") as baseline,
    ):
        for number in range(WARM_UP):
            say(port, f"warm{number}", GREETING)
            say(stock_port, f"warm{number}", GREETING)
            for message in SCRIPT:
                say(port, f"warmed{number}", message)
        greetings, stock_greetings, scripted = [], [], []
        for number in range(ROUNDS):
            greetings.append(say(port, f"greet{number}", GREETING))
            stock_greetings.append(say(stock_port, f"greet{number}", GREETING))
            scripted.extend(say(port, f"script{number}", message) for message in SCRIPT)
        memory = {"frontdesk": resident(dialogue[0]), "frontdesk_actions": resident(action[0])}
        stock_memory = resident(baseline[0])
    base = statistics.median(stock_greetings)
    slow_base = percentile(stock_greetings, 0.95)
    return [
        Row("training", "frontdesk", "training_time", statistics.median(trainings["frontdesk"]), "s"),
        Row("training", "rasa_init", "training_time", statistics.median(trainings["rasa_init"]), "s"),
        Row("start_up", "frontdesk", "rasa_server_ready", dialogue[1], "s"),
        Row("start_up", "frontdesk_actions", "action_server_ready", action[1], "s"),
        Row("start_up", "rasa_init", "rasa_server_ready", baseline[1], "s"),
        Row("memory", "frontdesk", "resident", memory["frontdesk"], "MiB"),
        Row("memory", "frontdesk_actions", "resident", memory["frontdesk_actions"], "MiB"),
        Row("memory", "rasa_init", "resident", stock_memory, "MiB"),
        Row("turn_greeting", "frontdesk", "p50_ratio_to_rasa_init", statistics.median(greetings) / base, "x"),
        Row("turn_greeting", "frontdesk", "p95_ratio_to_rasa_init", percentile(greetings, 0.95) / slow_base, "x"),
        Row("turn_scripted", "frontdesk", "p50_ratio_to_rasa_init", statistics.median(scripted) / base, "x"),
        Row("turn_scripted", "frontdesk", "p95_ratio_to_rasa_init", percentile(scripted, 0.95) / slow_base, "x"),
        Row("turn_greeting", "rasa_init", "p50", base * 1000, "ms"),
        Row("turn_greeting", "rasa_init", "p95", slow_base * 1000, "ms"),
    ]


def held_out_rows(model: Path) -> list[Row]:
    """Scores of the checkout's model on the held-out messages."""
    sys.path.insert(0, str(ROOT / "tests" / "nlu"))
    from evaluation import TrainedModel
    from routing_turns import route, routing_turns, score_routing
    from scores import score

    trained = TrainedModel(model)
    scores = score(trained)
    turns = routing_turns("test")
    routing = score_routing(turns, route(trained, turns))
    return [
        Row("shop_heldout", "frontdesk", "intent_f1", scores.intent_f1),
        Row("shop_heldout", "frontdesk", "accuracy", scores.intent_accuracy),
        Row("shop_heldout", "frontdesk", "entity_f1", scores.entity_f1),
        Row("shop_heldout", "frontdesk", "small_talk_topic_accuracy", scores.topic_accuracy),
        *(Row("shop_routing", "frontdesk", f"routing_{name}", value) for name, value in vars(routing).items()),
    ]


def page(rows: list[Row], path: Path) -> str:
    meta = json.loads(path.read_text(encoding="utf-8"))["meta"]
    return (
        "# Numbers\n\n"
        "Made by `make bench-numbers` (benchmarks/numbers.py), which measures this checkout beside the project that\n"
        "`rasa init` makes, on the same machine in the same run. Times of turns are ratios to that baseline's answer\n"
        "to a greeting; `turn_scripted` asks for an order, asks for the opening hours inside the form, and stops.\n"
        f"Medians of {TRAININGS} trainings and of {ROUNDS} rounds. The held-out messages (tests/nlu) were never\n"
        "trained on.\n\n"
        f"{report.table(rows)}\n"
        f"Machine: {meta['machine']}. Commit {meta['commit']}. Raw results: benchmarks/results/numbers.json.\n\n"
        "GPU numbers: not measured; nothing here uses one yet.\n"
    )


def main() -> int:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="frontdesk-numbers-") as name:
        rows = rasa_rows(Path(name))
    rows += held_out_rows(Path(os.environ.get("FRONTDESK_MODEL", ROOT / "models" / "frontdesk.tar.gz")))
    data = {
        "training": report.data_hash([ROOT / "data" / "nlu", ROOT / "config.yml", ROOT / "domain.yml"]),
        "held_out": report.data_hash([ROOT / "tests" / "nlu" / "heldout.yml"]),
    }
    path = report.write("numbers", rows, seed=1, data=data, seconds=time.monotonic() - began)
    (ROOT / "docs").mkdir(exist_ok=True)
    (ROOT / "docs" / "numbers.md").write_text(page(rows, path), encoding="utf-8")
    print(report.table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
