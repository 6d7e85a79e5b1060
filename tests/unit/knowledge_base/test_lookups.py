"""Lookup tables for training: complete, sorted, and touched only when something changed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from frontdesk.brand import load_brand
from knowledge_base.database import Database
from knowledge_base.lookups import export_lookups, product_names
from knowledge_base.seed.generator import generate
from knowledge_base.seed.rows import CATALOGUE_TABLES, SeedRows
from knowledge_base.seed.writer import write_seed


@pytest.fixture
def shop(database: Database) -> Database:
    """A database with the demo shop's catalogue."""
    rows = generate(date(2026, 3, 10), load_brand())
    with database.transaction() as session:
        write_seed(session, SeedRows({name: rows.tables[name] for name in CATALOGUE_TABLES}))
    return database


def entries(file: Path) -> list[str]:
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert content["nlu"][0]["lookup"] == file.stem
    return [line.removeprefix("- ") for line in content["nlu"][0]["examples"].splitlines()]


def test_three_tables_are_written_sorted(shop: Database, tmp_path: Path) -> None:
    with shop.reading() as session:
        changed = export_lookups(session, tmp_path / "lookups")

    assert sorted(file.name for file in changed) == ["brand.yml", "category.yml", "product.yml"]
    for file in changed:
        assert entries(file) == sorted(set(entries(file)), key=lambda word: (word.casefold(), word))
    assert {"Orbiq CrispAir 5", "CrispAir 5"} <= set(entries(tmp_path / "lookups/product.yml"))
    assert {"kettle", "kettles", "hoover", "earbuds", "tv"} <= set(entries(tmp_path / "lookups/category.yml"))
    assert "Sonarra" in entries(tmp_path / "lookups/brand.yml")


def test_a_second_export_changes_nothing(shop: Database, tmp_path: Path) -> None:
    with shop.reading() as session:
        export_lookups(session, tmp_path)
        times = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
        assert export_lookups(session, tmp_path) == []

    assert {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()} == times


def test_an_empty_catalogue_leaves_no_table(database: Database, tmp_path: Path) -> None:
    (tmp_path / "product.yml").write_text("old", encoding="utf-8")
    with database.reading() as session:
        export_lookups(session, tmp_path)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Orbiq CrispAir 5", {"Orbiq CrispAir 5", "CrispAir 5"}),
        ("Orbiq Run", {"Orbiq Run"}),
        ("Orbiq Desk Fan", {"Orbiq Desk Fan"}),
        ("Orbiq Boom 2 (Refurbished)", {"Orbiq Boom 2", "Boom 2"}),
    ],
)
def test_a_name_goes_without_its_brand_where_the_rest_is_telling(name: str, expected: set[str]) -> None:
    assert product_names(name, "Orbiq", frozenset({"desk", "fan"})) == expected
