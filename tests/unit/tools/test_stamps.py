"""Stamps say whether a step must be done again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.stamps import Stamp, hash_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "nlu").mkdir(parents=True)
    (tmp_path / "data" / "nlu" / "orders.yml").write_text("one")
    (tmp_path / "config.yml").write_text("two")
    return tmp_path


def hash_now(folder: Path, **settings: str) -> str:
    return hash_of(folder, [folder / "config.yml", folder / "data"], settings=settings)


def test_the_hash_of_the_same_files_is_the_same(folder: Path) -> None:
    assert hash_now(folder) == hash_now(folder)


def test_a_changed_file_changes_the_hash(folder: Path) -> None:
    before = hash_now(folder)
    (folder / "data" / "nlu" / "orders.yml").write_text("three")
    assert hash_now(folder) != before


def test_a_renamed_file_changes_the_hash(folder: Path) -> None:
    before = hash_now(folder)
    (folder / "data" / "nlu" / "orders.yml").rename(folder / "data" / "nlu" / "returns.yml")
    assert hash_now(folder) != before


def test_a_new_file_changes_the_hash(folder: Path) -> None:
    before = hash_now(folder)
    (folder / "data" / "more.yml").write_text("")
    assert hash_now(folder) != before


def test_a_setting_changes_the_hash(folder: Path) -> None:
    assert hash_now(folder, encoder="a") != hash_now(folder, encoder="b")


@pytest.mark.parametrize("name", ["__pycache__/orders.pyc", ".orders.yml.swp"])
def test_caches_and_hidden_files_do_not_count(folder: Path, name: str) -> None:
    before = hash_now(folder)
    (folder / "data" / name).parent.mkdir(exist_ok=True)
    (folder / "data" / name).write_text("noise")
    assert hash_now(folder) == before


def test_a_missing_file_is_no_error(folder: Path) -> None:
    (folder / "config.yml").unlink()
    assert hash_now(folder)


def test_a_stamp_matches_what_was_written(tmp_path: Path) -> None:
    stamp = Stamp(tmp_path / "new" / "stamp.json")
    assert not stamp.matches({"a": "1"})
    stamp.write({"a": "1"})
    assert stamp.matches({"a": "1"})
    assert not stamp.matches({"a": "2"})
    stamp.clear()
    assert not stamp.matches({"a": "1"})


def test_a_broken_stamp_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "stamp.json").write_text('{"a": ')
    assert Stamp(tmp_path / "stamp.json").read() == {}
