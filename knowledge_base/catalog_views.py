"""What the catalogue hands out: categories, products, comparisons and stores, detached from the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from knowledge_base.schema import Category, Product, Store


@dataclass(frozen=True)
class CategoryView:
    """A category: `name` is the plural of lists ("Kettles"), `singular` stands in sentences ("kettle")."""

    slug: str
    name: str
    singular: str


@dataclass(frozen=True)
class ProductView:
    """A product as a customer may see it; `stock` counts pieces, `available_from` is known where it is 0."""

    sku: str
    name: str
    brand: str
    category_slug: str
    category_name: str
    price: Decimal
    currency: str
    stock: int
    available_from: date | None
    description: str
    features: list[str]
    specifications: dict[str, str]
    warranty_months: int
    image_url: str | None
    url: str | None


@dataclass(frozen=True)
class ProductMatch:
    """A product that a text may mean; `score` from 0 to 100 (see `product_names`)."""

    product: ProductView
    score: float


@dataclass(frozen=True)
class ComparisonRow:
    """One specification of two products; None where a product does not state it."""

    label: str
    left: str | None
    right: str | None
    differs: bool


@dataclass(frozen=True)
class Comparison:
    """Two products side by side; `rows` are their specifications, those of the left one first."""

    left: ProductView
    right: ProductView
    rows: list[ComparisonRow]


@dataclass(frozen=True)
class StoreView:
    """A store; `distance_km` (straight line) is known where the search named a place."""

    name: str
    address: str
    city: str
    postcode: str
    hours: str
    phone: str
    distance_km: float | None = None


def category_view(row: Category) -> CategoryView:
    """The view of a category row."""
    return CategoryView(slug=row.slug, name=row.name, singular=row.singular)


def product_view(row: Product) -> ProductView:
    """The view of a product row, its category and stock loaded."""
    return ProductView(
        sku=row.sku,
        name=row.name,
        brand=row.brand,
        category_slug=row.category.slug,
        category_name=row.category.name,
        price=row.price,
        currency=row.currency,
        stock=row.stock.quantity if row.stock is not None else 0,
        available_from=row.available_from,
        description=row.description,
        features=list(row.features),
        specifications=dict(row.specifications),
        warranty_months=row.warranty_months,
        image_url=row.image_url,
        url=row.url,
    )


def store_view(row: Store, distance_km: float | None = None) -> StoreView:
    """The view of a store row."""
    return StoreView(
        name=row.name,
        address=row.address,
        city=row.city,
        postcode=row.postcode,
        hours=row.hours,
        phone=row.phone,
        distance_km=distance_km,
    )
