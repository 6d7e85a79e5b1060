"""The model is trained when what it is made from changed, and only then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tools import train as module
from tools.failure import Failure
from tools.train import stage_of, train, training_hashes

FILES = {
    "config.yml": "pipeline: []",
    "domain.yml": "intents: []",
    "requirements.txt": "rasa==3.6.21",
    "data/nlu/orders.yml": "nlu: []",
    "data/nlu/lookups/products.yml": "nlu: []",
    "data/rules/orders.yml": "rules: []",
    "data/stories/orders.yml": "stories: []",
    "data/knowledge/delivery/costs.md": "# Costs",
    "rasa_addons/router.py": "",
    "llm_component/encoder.py": "",
    "actions/orders.py": "",
}


class FakeRasa:
    """Stands in for `rasa train`: notes the command and writes the model."""

    def __init__(self, model: Path, status: int = 0) -> None:
        self.commands: list[Sequence[str]] = []
        self._model = model
        self._status = status

    def __call__(self, command: Sequence[str], log: Path, **_: Any) -> int:
        self.commands.append(command)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("InvalidRule: two rules contradict each other\n")
        if self._status == 0:
            self._model.parent.mkdir(exist_ok=True)
            self._model.write_text(f"model {len(self.commands)}")
        return self._status


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(module, "LOGS", tmp_path / "var" / "log")
    monkeypatch.delenv("FRONTDESK_ENCODER", raising=False)
    return tmp_path


@pytest.fixture
def rasa(checkout: Path) -> FakeRasa:
    return FakeRasa(checkout / "models" / "frontdesk.tar.gz")


def do(checkout: Path, rasa: FakeRasa, *, force: bool = False) -> bool:
    return train(force, root=checkout, model=checkout / "models" / "frontdesk.tar.gz", run=rasa)


def test_a_missing_model_is_trained(checkout: Path, rasa: FakeRasa) -> None:
    assert do(checkout, rasa)


def test_a_trained_model_is_not_trained_again(checkout: Path, rasa: FakeRasa) -> None:
    do(checkout, rasa)
    assert not do(checkout, rasa)
    assert len(rasa.commands) == 1


@pytest.mark.parametrize(
    "name",
    [
        "config.yml",
        "domain.yml",
        "requirements.txt",
        "data/nlu/orders.yml",
        "data/nlu/lookups/products.yml",
        "data/rules/orders.yml",
        "data/stories/orders.yml",
        "rasa_addons/router.py",
        "llm_component/encoder.py",
    ],
)
def test_a_change_of_what_it_is_made_from_trains_anew(checkout: Path, rasa: FakeRasa, name: str) -> None:
    do(checkout, rasa)
    (checkout / name).write_text("# changed")
    assert do(checkout, rasa)


@pytest.mark.parametrize("name", ["actions/orders.py", "data/knowledge/delivery/costs.md"])
def test_a_change_of_anything_else_does_not(checkout: Path, rasa: FakeRasa, name: str) -> None:
    do(checkout, rasa)
    (checkout / name).write_text("# changed")
    assert not do(checkout, rasa)


def test_another_encoder_trains_anew(checkout: Path) -> None:
    assert training_hashes(checkout, {}) != training_hashes(checkout, {"FRONTDESK_ENCODER": "other"})


def test_changed_data_keeps_rasas_cache_and_changed_code_does_not(checkout: Path, rasa: FakeRasa) -> None:
    do(checkout, rasa)
    (checkout / "data" / "nlu" / "orders.yml").write_text("# changed")
    do(checkout, rasa)
    (checkout / "rasa_addons" / "router.py").write_text("# changed")
    do(checkout, rasa)
    assert ["--force" in command for command in rasa.commands] == [True, False, True]


def test_a_failed_training_says_why_and_is_tried_again_next_time(checkout: Path, rasa: FakeRasa) -> None:
    do(checkout, rasa)
    (checkout / "config.yml").write_text("# changed")
    failing = FakeRasa(checkout / "models" / "frontdesk.tar.gz", status=1)
    with pytest.raises(Failure, match="two rules contradict each other"):
        do(checkout, failing)
    assert do(checkout, rasa)


def test_a_project_without_a_domain_is_refused_in_one_sentence(checkout: Path, rasa: FakeRasa) -> None:
    (checkout / "domain.yml").unlink()
    with pytest.raises(Failure, match=r"without domain\.yml"):
        do(checkout, rasa)


@pytest.mark.parametrize(
    ("line", "stage"),
    [
        ("INFO rasa.engine.training.hooks - Starting to train component 'DIETClassifier'.", "DIETClassifier"),
        ("INFO rasa.engine.training.hooks - Finished training component 'DIETClassifier'.", "after DIETClassifier"),
        ("Epochs:  45%|####5     | 45/100 [00:10<00:12, t_loss=1.2]", "epochs 45 %"),
        ("something else", None),
    ],
)
def test_the_stage_of_the_training_is_read_from_rasas_log(line: str, stage: str | None) -> None:
    assert stage_of(line) == stage
