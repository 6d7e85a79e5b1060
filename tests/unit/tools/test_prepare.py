"""The parts of the database are made when they are missing or when what they are made from changed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tools import prepare
from tools.failure import Failure
from tools.prepare import database_parts, make_parts, sqlite_file, wants_demo_data

ALL = ["database", "seed", "articles", "lookups"]


class FakeKnowledgeBase:
    """Stands in for `python -m knowledge_base`: notes the calls and writes what each would write."""

    def __init__(self, checkout: Path, failing: str | None = None, status: int = 1) -> None:
        self.calls: list[str] = []
        self._checkout = checkout
        self._failing = failing
        self._status = status

    def __call__(self, command: Sequence[str], log: Path, **_: Any) -> int:
        call = command[3]
        self.calls.append(call)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("DatabaseUnavailable: the disk is full\n")
        if call == self._failing:
            return self._status
        if call == "init":
            (self._checkout / "var").mkdir(exist_ok=True)
            (self._checkout / "var" / "frontdesk.db").touch()
        if call == "catalog":
            (self._checkout / prepare.LOOKUPS).mkdir(parents=True, exist_ok=True)
            (self._checkout / prepare.LOOKUPS / "product.yml").touch()
        return 0


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("knowledge_base/migrations/one.py", "knowledge_base/seed/products.yml", "data/knowledge/costs.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(prepare, "VAR", tmp_path / "var")
    monkeypatch.setattr(prepare, "STAMPS", tmp_path / "var" / "stamps")
    monkeypatch.setattr(prepare, "LOGS", tmp_path / "var" / "log")
    return tmp_path


def do(checkout: Path, environment: dict[str, str] | None = None, failing: str | None = None) -> list[str]:
    return make_parts(database_parts(environment or {}, checkout), checkout, FakeKnowledgeBase(checkout, failing))


def test_on_a_fresh_checkout_every_part_is_made_in_order(checkout: Path) -> None:
    assert do(checkout) == ALL


def test_a_second_time_nothing_is_made(checkout: Path) -> None:
    do(checkout)
    assert do(checkout) == []


def test_a_changed_article_is_imported_and_nothing_else(checkout: Path) -> None:
    do(checkout)
    (checkout / "data" / "knowledge" / "costs.md").write_text("two")
    assert do(checkout) == ["articles"]


def test_a_new_migration_is_applied_and_nothing_else(checkout: Path) -> None:
    do(checkout)
    (checkout / "knowledge_base" / "migrations" / "two.py").write_text("two")
    assert do(checkout) == ["database"]


def test_another_encoder_imports_the_articles_again(checkout: Path) -> None:
    do(checkout)
    assert do(checkout, {"FRONTDESK_ENCODER": "other"}) == ["articles"]


def test_without_the_database_file_all_is_made_again(checkout: Path) -> None:
    do(checkout)
    (checkout / "var" / "frontdesk.db").unlink()
    assert do(checkout) == ALL


def test_missing_lookup_tables_are_written_again(checkout: Path) -> None:
    do(checkout)
    (checkout / prepare.LOOKUPS / "product.yml").unlink()
    assert do(checkout) == ["lookups"]


def test_a_part_that_fails_says_why_and_is_made_the_next_time(checkout: Path) -> None:
    with pytest.raises(Failure, match=r"Importing the articles failed: .*the disk is full"):
        do(checkout, failing="import")
    assert do(checkout) == ["articles", "lookups"]


def test_customers_that_are_there_already_are_left_alone(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refusing = FakeKnowledgeBase(checkout, "seed", status=prepare.EXIT_REFUSED)
    assert make_parts(database_parts({}, checkout), checkout, refusing) == ALL
    assert "Filling in the demo shop: left alone" in capsys.readouterr().out


def test_for_a_training_that_is_asked_for_the_lookup_tables_are_written_anew(checkout: Path) -> None:
    do(checkout)
    parts = database_parts({}, checkout, fresh_lookups=True)
    assert make_parts(parts, checkout, FakeKnowledgeBase(checkout)) == ["lookups"]


def test_demo_data_goes_into_sqlite_unasked_and_elsewhere_only_if_asked() -> None:
    assert wants_demo_data({}, Path("var/frontdesk.db"))
    assert not wants_demo_data({}, None)
    assert wants_demo_data({"FRONTDESK_DEMO_DATA": "1"}, None)
    assert not wants_demo_data({"FRONTDESK_DEMO_DATA": "0"}, Path("var/frontdesk.db"))


def test_another_database_is_asked_for_its_schema_every_time(checkout: Path) -> None:
    environment = {"FRONTDESK_DATABASE_URL": "postgresql://db.example/frontdesk"}
    assert do(checkout, environment) == ["database", "articles", "lookups"]
    assert do(checkout, environment) == ["database"]


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:///var/frontdesk.db", "/checkout/var/frontdesk.db"),
        ("sqlite:////data/shop.db", "/data/shop.db"),
        ("postgresql://db.example/frontdesk", None),
    ],
)
def test_the_file_of_a_database_is_read_from_its_url(url: str, file: str | None) -> None:
    found = sqlite_file(url, Path("/checkout"))
    assert (str(found) if found else None) == file
