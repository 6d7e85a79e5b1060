"""The catalogue as customers ask it: find, match, compare, and the stores."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy.orm import Session

from frontdesk.brand import load_brand
from knowledge_base import catalog
from knowledge_base.database import Database
from knowledge_base.seed.generator import generate
from knowledge_base.seed.rows import CATALOGUE_TABLES, SeedRows
from knowledge_base.seed.writer import write_seed


@pytest.fixture(scope="module")
def catalogue_rows() -> SeedRows:
    """The catalogue without customers."""
    rows = generate(date(2026, 3, 10), load_brand())
    return SeedRows({name: rows.tables[name] for name in CATALOGUE_TABLES})


@pytest.fixture
def session(database: Database, catalogue_rows: SeedRows) -> Iterator[Session]:
    """A session on the demo shop's catalogue."""
    with database.transaction() as session:
        write_seed(session, catalogue_rows)
    with database.reading() as session:
        yield session


def names(products: list[catalog.ProductView]) -> list[str]:
    return [product.name for product in products]


def test_categories_come_in_the_order_of_the_shop_and_brands_sorted(session: Session) -> None:
    assert [category.slug for category in catalog.categories(session)][:2] == ["kettles", "toasters"]
    assert catalog.brands(session) == sorted(catalog.brands(session)) != []


def test_a_product_has_everything_a_customer_may_see(session: Session) -> None:
    product = catalog.get_product(session, "KET-001")

    assert product is not None
    assert (product.name, product.brand, product.category_slug) == ("Norvane Swift 1.7", "Norvane", "kettles")
    assert (product.price, product.currency, product.stock) == (Decimal("34.99"), "GBP", 64)
    assert product.specifications["Capacity"] == "1.7 litres"
    assert product.url == f"{load_brand().site_url}/products/ket-001"


def test_an_unknown_sku_gives_none(session: Session) -> None:
    assert catalog.get_product(session, "' OR 1=1 --") is None


def test_prices_are_inclusive_and_the_cheapest_in_stock_comes_first(session: Session) -> None:
    found = catalog.find_products(session, category="kettles", min_price=Decimal("17.99"), max_price=Decimal("27.99"))

    assert names(found) == ["Aldergate Jug 1.7", "Aldergate Travel Kettle", "Norvane Swift 1.0"]


def test_what_is_out_of_stock_comes_last_or_alone(session: Session) -> None:
    everything = catalog.find_products(session, category="kettles", limit=20)
    assert [product.stock == 0 for product in everything] == [False] * 12 + [True]

    assert names(catalog.find_products(session, category="kettles", in_stock=False)) == ["Hearthlyn Vari-Temp Kettle"]
    assert len(catalog.find_products(session, category="kettles", in_stock=True, limit=20)) == 12


def test_conditions_that_nothing_fulfils_give_nothing(session: Session) -> None:
    assert catalog.find_products(session, category="televisions", max_price=Decimal("50")) == []
    assert catalog.find_products(session, category="bananas") == []
    assert catalog.find_products(session, brand="Unknown") == []
    assert catalog.find_products(session, limit=0) == []


def test_a_brand_may_be_misspelt(session: Session) -> None:
    found = catalog.find_products(session, brand="sonara", category="speakers", limit=20)

    assert {product.brand for product in found} == {"Sonarra"}
    assert len(found) == 6


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("robot vacuum", {"Quillon RoboClean S2", "Quillon RoboClean S4 Mop"}),
        ("robot hoovers", {"Quillon RoboClean S2", "Quillon RoboClean S4 Mop"}),
        ("soundbar", {"Sonarra Bar Compact", "Sonarra Bar 300", "Sonarra Bar 500"}),
        ("fan", {"Norvane Desk Fan", "Norvane Oscillo Fan", "Norvane Tower Fan"}),
        ("earbuds", {"Sonarra Buds 3", "Sonarra Buds 3 Pro", "Sonarra Run"}),
        (
            "hand blender",
            {"Pellworth Hand Blender Lite", "Pellworth Hand Blender Max", "Pellworth Cordless Blender Stick"},
        ),
        ("oled tv", {"Veridia 48 OLED", "Veridia 55 OLED", "Veridia 65 OLED", "Veridia 55 OLED (Refurbished)"}),
    ],
)
def test_words_for_a_part_of_a_category_give_that_part(session: Session, words: str, expected: set[str]) -> None:
    assert set(names(catalog.find_products(session, category=words, limit=20))) == expected


def test_a_need_brings_what_fits_to_the_top_and_leaves_the_rest_out(session: Session) -> None:
    assert names(catalog.find_products(session, need="for pet hair"))[0] == "Quillon V10 Animal"
    quiet = catalog.find_products(session, category="headphones", need="noise cancelling on flights")
    assert quiet[0].name == "Sonarra Quiet 700"


def test_a_denied_specification_is_no_fit(session: Session) -> None:
    found = catalog.find_products(session, category="microwaves", need="child lock", limit=20)

    assert found and not {"Aldergate Solo 20", "Pellworth Compact 17"} & set(names(found))


def test_a_need_that_nothing_meets_still_shows_the_category(session: Session) -> None:
    assert len(catalog.find_products(session, category="irons", need="xylophone")) == 5


def test_products_are_matched_by_name_with_their_score(session: Session) -> None:
    matches = catalog.match_products(session, "sonara quite 700")

    assert matches[0].product.name == "Sonarra Quiet 700"
    assert catalog.MATCH_FLOOR <= matches[0].score <= 100
    assert [match.score for match in matches] == sorted((match.score for match in matches), reverse=True)
    assert catalog.match_products(session, "my parcel is late") == []
    assert len(catalog.match_products(session, "swift", limit=2)) == 2


def test_a_comparison_lists_every_specification_of_both_and_what_differs(session: Session) -> None:
    comparison = catalog.compare(session, "KET-001", "KET-004")
    rows = {row.label: row for row in comparison.rows}

    assert (comparison.left.sku, comparison.right.sku) == ("KET-001", "KET-004")
    assert set(rows) == set(comparison.left.specifications) | set(comparison.right.specifications)
    assert (rows["Capacity"].left, rows["Capacity"].right, rows["Capacity"].differs) == (
        "1.7 litres",
        "1.5 litres",
        True,
    )
    assert rows["Boiling time"].right is None and rows["Boiling time"].differs
    assert not rows["Boil-dry protection"].differs


def test_comparing_with_an_unknown_product_names_it(session: Session) -> None:
    with pytest.raises(catalog.ProductNotFound, match="KET-999"):
        catalog.compare(session, "KET-001", "KET-999")


def test_stores_by_name_or_nearest_first(session: Session) -> None:
    assert [store.city for store in catalog.stores(session)] == sorted(store.city for store in catalog.stores(session))
    nearest = catalog.stores(session, "LS1 4AP")
    assert nearest[0].city == "Leeds" and (nearest[0].distance_km or 0) < 5
    assert len(nearest) == 6
    assert catalog.stores(session, "Timbuktu") == []
