"""The file of products that training examples are made from."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from frontdesk.brand import load_brand
from knowledge_base.database import Database
from knowledge_base.product_facts import export_facts
from knowledge_base.seed.generator import generate
from knowledge_base.seed.rows import CATALOGUE_TABLES, SeedRows
from knowledge_base.seed.writer import write_seed


def test_every_product_is_written_with_its_specifications(database: Database, tmp_path: Path) -> None:
    rows = generate(date(2026, 3, 10), load_brand())
    with database.transaction() as session:
        write_seed(session, SeedRows({name: rows.tables[name] for name in CATALOGUE_TABLES}))
    file = tmp_path / "new folder" / "products.json"

    with database.reading() as session:
        count = export_facts(session, file)

    products = json.loads(file.read_text(encoding="utf-8"))["products"]
    assert len(products) == count > 100
    kettle = next(product for product in products if product["name"] == "Norvane Swift 1.7")
    assert kettle["singular"] == "kettle"
    assert kettle["price"] == "34.99"
    assert kettle["specifications"]["Capacity"] == "1.7 litres"


def test_an_empty_catalogue_gives_an_empty_list(database: Database, tmp_path: Path) -> None:
    with database.reading() as session:
        assert export_facts(session, tmp_path / "products.json") == 0

    assert json.loads((tmp_path / "products.json").read_text(encoding="utf-8")) == {"products": []}
