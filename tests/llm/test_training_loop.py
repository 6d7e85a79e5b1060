"""The training loop: resumable to the bit, seeded, stoppable, and honest about what does not work."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from llm_component.training import checkpoints
from llm_component.training.allocator import MARK, TUNED, tuned_environment
from llm_component.training.errors import TrainingError
from tests.llm import training_runs
from tests.llm.training_runs import pretrain

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_runs.write_texts(tmp_path_factory.mktemp("texts") / "text")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def state_of(out: Path) -> dict[str, Any]:
    return checkpoints.load(checkpoints.found(out)[-1])


class TestResume:
    OBJECTIVES = [
        {"objective": "causal", "architecture": "gpt2"},  # has dropout
        {"objective": "mlm"},
        {"objective": "denoise"},
    ]

    @pytest.mark.parametrize("settings", OBJECTIVES, ids=lambda settings: settings["objective"])
    def test_a_run_in_two_parts_is_the_run_in_one(self, tmp_path: Path, text: Path, settings: dict[str, str]) -> None:
        whole = pretrain(tmp_path / "whole", text, steps=12, save_every=100, **settings)
        parts = pretrain(tmp_path / "parts", text, steps=12, save_every=5, keep_checkpoints=9, **settings)
        for later in checkpoints.found(parts.out)[1:]:
            (later / checkpoints.FILE).unlink()
            later.rmdir()
        again = pretrain(tmp_path / "parts", text, steps=12, save_every=100, resume=True, **settings)
        assert again.losses == whole.losses
        first, second = state_of(whole.out)["model"], state_of(again.out)["model"]
        assert all(torch.equal(first[name], second[name]) for name in first)

    def test_another_setting_is_refused_by_name(self, tmp_path: Path, text: Path) -> None:
        pretrain(tmp_path / "run", text, steps=2)
        with pytest.raises(TrainingError, match="seed=1, not 2"):
            pretrain(tmp_path / "run", text, steps=2, seed=2, resume=True)

    def test_checkpoints_are_not_overwritten_unasked(self, tmp_path: Path, text: Path) -> None:
        pretrain(tmp_path / "run", text, steps=2)
        with pytest.raises(TrainingError, match="add --resume"):
            pretrain(tmp_path / "run", text, steps=2)

    def test_a_broken_checkpoint_is_named(self, tmp_path: Path, text: Path) -> None:
        pretrain(tmp_path / "run", text, steps=2)
        (checkpoints.found(tmp_path / "run")[-1] / checkpoints.FILE).write_bytes(b"nothing")
        with pytest.raises(TrainingError, match="cannot be read"):
            pretrain(tmp_path / "run", text, steps=2, resume=True)

    def test_the_newest_checkpoints_stay(self, tmp_path: Path, text: Path) -> None:
        pretrain(tmp_path / "run", text, steps=9, save_every=2, keep_checkpoints=2)
        assert [path.name for path in checkpoints.found(tmp_path / "run")] == ["step-0000008", "step-0000009"]


class TestDeterminism:
    def test_the_same_seed_gives_the_same_losses(self, tmp_path: Path, text: Path) -> None:
        runs = [pretrain(tmp_path / name, text, steps=4).losses for name in ("a", "b")]
        assert runs[0] == runs[1]

    def test_another_seed_gives_others(self, tmp_path: Path, text: Path) -> None:
        runs = [pretrain(tmp_path / str(seed), text, steps=4, seed=seed).losses for seed in (1, 2)]
        assert runs[0] != runs[1]

    def test_evaluation_leaves_the_curve_as_it_is(self, tmp_path: Path, text: Path) -> None:
        settings = {"steps": 8, "architecture": "gpt2", "evaluation_share": 0.3}
        often = pretrain(tmp_path / "often", text, evaluate_every=2, **settings)
        once = pretrain(tmp_path / "once", text, evaluate_every=8, **settings)
        assert often.losses == once.losses

    def test_small_batches_added_up_are_one_large_batch(self, tmp_path: Path, text: Path) -> None:
        # All rows of the epoch go into each update, in one batch or in several.
        settings = {"steps": 3, "clip": 0.0, "batch_tokens": 100_000}
        whole = pretrain(tmp_path / "whole", text, batch_rows=256, **settings)
        batches = -(-sum(1 for _ in _windows(whole.out)) // 4)
        parts = pretrain(tmp_path / "parts", text, batch_rows=4, accumulate=batches, **settings)
        assert parts.losses == pytest.approx(whole.losses, rel=1e-4)


def _windows(out: Path) -> Any:
    from llm_component.training.data import corpus
    from llm_component.training.data.packing import PackedRows

    return PackedRows(corpus._open(out / "corpus" / "train", wide=False), 48, 1).rows(0)


class TestEnding:
    def test_the_time_limit_stops_and_writes_the_model(self, tmp_path: Path, text: Path) -> None:
        ran = pretrain(tmp_path / "run", text, steps=10_000, max_minutes=1e-6)
        assert (ran.outcome.stopped, ran.outcome.step) == ("time", 1)
        assert (ran.out / "model" / "config.json").is_file()

    def test_the_curve_is_drawn(self, tmp_path: Path, text: Path) -> None:
        ran = pretrain(tmp_path / "run", text, steps=6)
        assert "<polyline" in (ran.out / "loss.svg").read_text()

    def test_each_update_has_its_line(self, tmp_path: Path, text: Path) -> None:
        ran = pretrain(tmp_path / "run", text, steps=7)
        assert [line["step"] for line in ran.lines if "loss" in line] == [1, 2, 3, 4, 5, 6, 7]

    def test_the_model_says_what_it_was_made_from(self, tmp_path: Path, text: Path) -> None:
        ran = pretrain(tmp_path / "run", text, steps=2)
        said = json.loads((ran.out / "model" / "training.json").read_text())
        assert (said["sources"][0]["rows"], said["research_only"], said["updates"]) == (8, False, 2)

    def test_a_loss_that_is_no_number_ends_the_run(self, tmp_path: Path, text: Path) -> None:
        with pytest.raises(TrainingError, match="lower --learning-rate"):
            pretrain(tmp_path / "run", text, steps=50, learning_rate=1e38, clip=0.0)


def command(out: Path, text: Path, *more: str) -> list[str]:
    said = "pretrain --train-tokenizer 400 --width 32 --layers 2 --heads 4 --length 48 --batch-tokens 512 --device cpu"
    return [sys.executable, "-m", "llm_component", *said.split(), "--out", str(out), "--text", str(text), *more]


class TestProcess:
    @pytest.mark.slow
    def test_sigterm_leaves_a_checkpoint_and_says_how_to_go_on(self, tmp_path: Path, text: Path) -> None:
        started = subprocess.Popen(
            command(tmp_path / "run", text, "--steps", "1000000", "--log-every", "1"),
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert started.stderr is not None
        for line in started.stderr:
            if line.startswith("step 3/"):
                started.send_signal(signal.SIGTERM)
                break
        rest = started.stderr.read()
        assert started.wait() == 128 + signal.SIGTERM
        stopped = re.search(r"Stopped by SIGTERM after (\d+) of", rest)
        assert stopped and rest.rstrip().endswith("--resume")
        assert state_of(tmp_path / "run")["totals"]["step"] == int(stopped[1])

    def test_a_mistake_is_one_sentence_and_status_2(self, tmp_path: Path) -> None:
        said = [sys.executable, "-m", "llm_component", "pretrain", "--out", str(tmp_path)]
        ended = subprocess.run(said, cwd=ROOT, capture_output=True, text=True)
        assert ended.returncode == 2
        assert ended.stderr.strip() == "llm_component pretrain: name what to train on: --text FOLDER, or --sets NAME"


PROCESS_SECONDS = 300.0  # a process that has not ended by then never will


def in_a_process(rank: int, port: int, out: Path, text: Path) -> None:
    # What `accelerate launch` and `torchrun` put into the environment.
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), WORLD_SIZE="2")
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank))
    pretrain(out, text, steps=4, evaluation_share=0.3, evaluate_every=2)


class TestProcesses:
    def test_two_learn_as_one_does(self, tmp_path: Path, text: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        started = [
            # Not forked: the threads of torch that a fork does not take along would be waited for.
            multiprocessing.get_context("spawn").Process(target=in_a_process, args=(rank, port, tmp_path / "two", text))
            for rank in (0, 1)
        ]
        for each in started:
            each.start()
        for each in started:
            each.join(PROCESS_SECONDS)
        assert [each.exitcode for each in started] == [0, 0]
        one = pretrain(tmp_path / "one", text, steps=4, evaluation_share=0.3, evaluate_every=2, accumulate=2)
        two = training_runs.Ran(one.outcome, tmp_path / "two")
        assert two.losses == pytest.approx(one.losses, rel=1e-5)
        assert two.lines[-1]["evaluation"]["loss"] == pytest.approx(one.outcome.evaluation["loss"], rel=1e-5)


class TestAllocator:
    def test_the_settings_are_put_beside_what_is_set(self) -> None:
        made = tuned_environment({"PATH": "/bin", "MALLOC_TOP_PAD_": "7"}, "Linux", "glibc")
        assert made == {**TUNED, "PATH": "/bin", "MALLOC_TOP_PAD_": "7", MARK: "tuned"}

    def test_an_installed_allocator_comes_before_the_settings(self) -> None:
        made = tuned_environment({"PATH": "/bin"}, "Linux", "glibc", "libtcmalloc_minimal.so.4")
        assert made == {"PATH": "/bin", "LD_PRELOAD": "libtcmalloc_minimal.so.4", MARK: "tuned"}

    def test_what_is_loaded_already_stays(self) -> None:
        made = tuned_environment({"LD_PRELOAD": "mine.so"}, "Linux", "glibc", "libjemalloc.so.2")
        assert made == {**TUNED, "LD_PRELOAD": "mine.so", MARK: "tuned"}

    def test_a_process_that_has_them_stays(self) -> None:
        assert tuned_environment({MARK: "tuned"}, "Linux", "glibc") is None

    @pytest.mark.parametrize(("system", "libc"), [("Darwin", ""), ("Linux", "musl")])
    def test_elsewhere_nothing_is_done(self, system: str, libc: str) -> None:
        assert tuned_environment({}, system, libc) is None
