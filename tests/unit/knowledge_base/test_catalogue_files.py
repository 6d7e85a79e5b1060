"""The catalogue's files: enough products, well described, and in agreement with the shop's facts."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from frontdesk.brand import load_brand
from knowledge_base.seed.catalogue_files import (
    CATEGORY_ORDER,
    SEED_FOLDER,
    SeedCatalogue,
    SeedFileError,
    load_catalogue,
    load_policies,
    load_stores,
    load_vouchers,
)

DAY = date(2026, 3, 10)
BRANDS = {
    "Norvane", "Kestrelle", "Aldergate", "Tamsin", "Pellworth", "Orbiq", "Hearthlyn", "Quillon", "Brevik", "Sonarra",
    "Veridia",
}  # fmt: skip
PROMISED = (
    """
Norvane Swift 1.7|Tamsin Dawn Glass Kettle|Pellworth Gooseneck Pro|Norvane Duo 2-Slice|Hearthlyn Four Toaster
Tamsin Retro Toaster|Kestrelle Barista One|Kestrelle Capsule Mini|Brevik Filter 12|Orbiq Blend 900
Pellworth Hand Blender Max|Hearthlyn Soup Maker|Orbiq CrispAir 5|Orbiq CrispAir Dual 9|Hearthlyn Fry Compact
Aldergate Solo 20|Aldergate Combi 25|Brevik Flatbed 23|Quillon V8 Cordless|Quillon RoboClean S2
Aldergate Cyclone 2000|Tamsin SteamGlide 3000|Pellworth Travel Iron|Hearthlyn Steam Station|Sonarra Quiet 700
Sonarra Buds 3|Brevik Studio Wired|Sonarra Boom 2|Sonarra Bar 300|Orbiq Home Speaker|Veridia 43 LED 4K
Veridia 55 OLED|Veridia 65 QLED|Aldergate PureAir 300|Norvane Oscillo Fan|Pellworth Oil Heater 2000
""".strip()
    .replace("\n", "|")
    .split("|")
)


@pytest.fixture(scope="module")
def catalogue() -> SeedCatalogue:
    """The shop's catalogue."""
    return load_catalogue(DAY, load_brand())


def test_each_category_has_thirteen_products(catalogue: SeedCatalogue) -> None:
    counts = Counter(product.category_slug for product in catalogue.products)

    assert dict(counts) == {slug: 13 for slug in CATEGORY_ORDER}


def test_the_products_that_articles_speak_of_are_there(catalogue: SeedCatalogue) -> None:
    assert set(PROMISED) <= {product.name for product in catalogue.products}


def test_products_are_well_described(catalogue: SeedCatalogue) -> None:
    for product in catalogue.products:
        row = product.row
        assert row["brand"] in BRANDS and product.name.startswith(row["brand"]), product.name
        assert 5 <= len(row["specifications"]) <= 14, product.name
        assert all(isinstance(value, str) and value for value in row["specifications"].values()), product.name
        assert 3 <= len(row["features"]) <= 6, product.name
        assert row["warranty_months"] == (12 if "Refurbished" in product.name else 24), product.name
        assert 5 < product.price < 2000, product.name


def test_what_is_out_of_stock_says_when_it_is_back(catalogue: SeedCatalogue) -> None:
    gone = [product for product in catalogue.products if product.stock == 0]

    assert 5 <= len(gone) <= 15
    assert all(product.row["available_from"] > DAY for product in gone)


def test_two_pairs_differ_in_colour_only(catalogue: SeedCatalogue) -> None:
    by_name = {product.name: product.row["specifications"] for product in catalogue.products}
    for name, twin in (
        ("Sonarra Quiet 700", "Sonarra Quiet 700 Sand"),
        ("Norvane Swift 1.7", "Norvane Swift 1.7 Black"),
    ):
        differing = {label for label in by_name[name] if by_name[name][label] != by_name[twin][label]}
        assert "Colour" in differing and differing <= {"Colour", "Material"}


def test_in_ear_headphones_cannot_go_back_once_opened(catalogue: SeedCatalogue) -> None:
    for product in catalogue.products:
        in_ear = "in-ear" in product.row["specifications"].get("Type", "")
        assert product.row["returnable_once_opened"] is not in_ear, product.name


def test_big_televisions_need_two_people(catalogue: SeedCatalogue) -> None:
    for product in catalogue.products:
        size = product.row["specifications"].get("Screen size", "0 inch")
        assert product.needs_two_people is (int(size.split()[0]) >= 65), product.name


def test_stores_vouchers_and_policies_can_be_read() -> None:
    brand = load_brand()

    assert {store["city"] for store in load_stores(brand)} == {
        "London", "Manchester", "Leeds", "Bristol", "Birmingham", "Glasgow",
    }  # fmt: skip
    assert {store["phone"] for store in load_stores(brand)} == {brand.support_phone}
    assert any(voucher["valid_until"] < DAY for voucher in load_vouchers(DAY))
    assert {"key": "return_window_days", "value": "30"} in load_policies()


def test_a_rule_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "policies.yml"
    file.write_text("retrun_window_days: 30\n", encoding="utf-8")

    with pytest.raises(SeedFileError, match="retrun_window_days"):
        load_policies(file)


def test_a_product_with_a_missing_field_is_named(tmp_path: Path) -> None:
    for file in (SEED_FOLDER / "catalogue").glob("*.yml"):
        content = file.read_text(encoding="utf-8")
        if file.stem == "irons":
            content = content.replace("    warranty_months: 24\n", "", 1)
        (tmp_path / file.name).write_text(content, encoding="utf-8")

    with pytest.raises(SeedFileError, match=r"irons.yml: product IRO-001: missing warranty_months"):
        load_catalogue(DAY, load_brand(), tmp_path)
