"""The catalogue and the stores, open to everyone: find, match and compare products."""

from __future__ import annotations

from decimal import Decimal

from rapidfuzz import fuzz, process
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from knowledge_base import category_words
from knowledge_base.catalog_views import (
    CategoryView,
    Comparison,
    ComparisonRow,
    ProductMatch,
    ProductView,
    StoreView,
    category_view,
    product_view,
    store_view,
)
from knowledge_base.category_words import CategoryMatch
from knowledge_base.places import Place, distance_km, locate
from knowledge_base.product_names import MATCH_FLOOR, NamedProduct, rank_names, tokens
from knowledge_base.product_needs import need_scores, of_kind
from knowledge_base.schema import Category, Product, Stock, Store

__all__ = [
    "MATCH_FLOOR",
    "CategoryMatch",
    "CategoryView",
    "Comparison",
    "ComparisonRow",
    "ProductMatch",
    "ProductNotFound",
    "ProductView",
    "StoreView",
    "brands",
    "categories",
    "compare",
    "find_products",
    "get_product",
    "match_category",
    "match_products",
    "stores",
]

# "norvne" and "norvane" are 92 alike, "sonara" and "sonarra" 92; the two nearest brands 43.
BRAND_SPELLING_FLOOR = 80.0


class ProductNotFound(LookupError):
    """The catalogue has no product with this SKU."""

    def __init__(self, sku: str) -> None:
        super().__init__(f"the catalogue has no product {sku!r}")
        self.sku = sku


def categories(session: Session) -> list[CategoryView]:
    """All categories, in the order of the shop."""
    rows = session.scalars(select(Category).order_by(Category.position, Category.slug))
    return [category_view(row) for row in rows]


def brands(session: Session) -> list[str]:
    """Names of all manufacturers, sorted."""
    return list(session.scalars(select(Product.brand).distinct().order_by(Product.brand)))


def match_category(session: Session, text: str) -> CategoryMatch | None:
    """The category that `text` means ("tvs", "robot hoover", "microwve"), or None."""
    return category_words.match_category(text, categories(session))


def find_products(
    session: Session,
    *,
    category: str | None = None,
    brand: str | None = None,
    min_price: Decimal | None = None,
    max_price: Decimal | None = None,
    need: str | None = None,
    in_stock: bool | None = None,
    limit: int = 5,
) -> list[ProductView]:
    """Products that fulfil every condition given, at most `limit`.

    `category` is a slug or a customer's words; words that mean a part of a category ("robot vacuum") keep the products
    they fit, where there are any. A category or brand that the shop does not have gives []. Prices are inclusive.
    `in_stock` True keeps what can be sent today, False what cannot. With a `need` those that fit it best come first
    and, if any fits, the rest is left out; otherwise what is in stock comes first, the cheaper before the dearer.
    """
    statement = select(Product).options(joinedload(Product.category), joinedload(Product.stock))
    match = None
    if category is not None:
        match = match_category(session, category)
        if match is None:
            return []
        statement = statement.join(Category).where(Category.slug == match.slug)
    if brand is not None:
        named = _brand(session, brand)
        if named is None:
            return []
        statement = statement.where(Product.brand == named)
    if min_price is not None:
        statement = statement.where(Product.price >= min_price)
    if max_price is not None:
        statement = statement.where(Product.price <= max_price)
    if in_stock is not None:
        available = select(Stock.product_id).where(Stock.quantity > 0)
        statement = statement.where(
            Product.id.in_(available) if in_stock else Product.id.not_in(available)  # no row: never had any
        )
    found = [product_view(row) for row in session.scalars(statement)]
    if match is not None:
        found = of_kind(found, match.phrase, match.kind)
    return _best_first(found, f"{match.kind if match else ''} {need or ''}".strip())[:limit]


def match_products(session: Session, text: str, limit: int = 3) -> list[ProductMatch]:
    """Products that `text` may name, spelling slips allowed, best first and none below `MATCH_FLOOR`.

    `text` may be a name, a part of one, or a message that holds one. How the score is made says `product_names`.
    """
    rows = session.execute(select(Product.sku, Product.name, Product.brand)).all()
    named = [NamedProduct(sku=row.sku, name=row.name, brand=row.brand) for row in rows]
    ranked = rank_names(text, named, _category_tokens(session))
    best = [(sku, score) for sku, score in ranked if score >= MATCH_FLOOR][:limit]
    products = _products(session, [sku for sku, _score in best])
    return [ProductMatch(product=products[sku], score=score) for sku, score in best]


def get_product(session: Session, sku: str) -> ProductView | None:
    """The product with this SKU, or None."""
    return _products(session, [sku]).get(sku)


def compare(session: Session, sku_a: str, sku_b: str) -> Comparison:
    """Two products side by side. Raises `ProductNotFound`."""
    products = _products(session, [sku_a, sku_b])
    for sku in (sku_a, sku_b):
        if sku not in products:
            raise ProductNotFound(sku)
    left, right = products[sku_a], products[sku_b]
    labels = dict.fromkeys([*left.specifications, *right.specifications])
    rows = []
    for label in labels:
        values = left.specifications.get(label), right.specifications.get(label)
        rows.append(ComparisonRow(label=label, left=values[0], right=values[1], differs=values[0] != values[1]))
    return Comparison(left=left, right=right, rows=rows)


def stores(session: Session, near: str | None = None) -> list[StoreView]:
    """All stores by name; with `near` (a UK town or postcode) the nearest first, with its distance.

    [] where `near` names no place that is known.
    """
    rows = list(session.scalars(select(Store).order_by(Store.name)))
    if near is None:
        return [store_view(row) for row in rows]
    towns = {row.city: Place(row.latitude, row.longitude) for row in rows if row.latitude is not None}
    place = locate(near, towns)
    if place is None:
        return []
    views = [
        store_view(row, round(distance_km(place, Place(row.latitude, row.longitude)), 1))
        for row in rows
        if row.latitude is not None and row.longitude is not None
    ]
    return sorted(views, key=lambda view: (view.distance_km or 0.0, view.name))


def _best_first(products: list[ProductView], need: str) -> list[ProductView]:
    scores = need_scores(need, products) if need else [0.0] * len(products)
    fitting = any(score > 0 for score in scores)
    ranked = sorted(
        zip(scores, products, strict=True),
        key=lambda pair: (-pair[0], pair[1].stock == 0, pair[1].price, pair[1].name),
    )
    return [product for score, product in ranked if score > 0 or not fitting]


def _brand(session: Session, text: str) -> str | None:
    known = {brand.casefold(): brand for brand in brands(session)}
    wanted = text.casefold().strip()
    match = process.extractOne(wanted, list(known), scorer=fuzz.ratio, score_cutoff=BRAND_SPELLING_FLOOR)
    return None if match is None else known[match[0]]


def _category_tokens(session: Session) -> frozenset[str]:
    words = (word for category in categories(session) for word in category_words.words_of(category).all)
    return frozenset(token for word in words for token in tokens(word) if not token.isdigit())


def _products(session: Session, skus: list[str]) -> dict[str, ProductView]:
    statement = (
        select(Product).where(Product.sku.in_(skus)).options(joinedload(Product.category), joinedload(Product.stock))
    )
    return {row.sku: product_view(row) for row in session.scalars(statement)}
