"""Reads the demo shop's files: catalogue, stores, vouchers and policies, checked before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from frontdesk.brand import Brand
from knowledge_base.policies import DEFAULT_POLICIES
from knowledge_base.seed.rows import Row

SEED_FOLDER = Path(__file__).parent
# The order in which the shop lists its categories.
CATEGORY_ORDER = (
    "kettles", "toasters", "coffee-machines", "blenders", "air-fryers", "microwaves", "vacuum-cleaners", "irons",
    "headphones", "speakers", "televisions", "air-care",
)  # fmt: skip


class SeedFileError(ValueError):
    """A file of the demo data cannot be used; the message names the file and the entry."""


@dataclass(frozen=True)
class SeedProduct:
    """A product of the catalogue files, with the row id it will have."""

    id: int
    sku: str
    name: str
    price: Decimal
    category_slug: str
    needs_two_people: bool  # delivered by two persons in a booked slot
    row: Row
    stock: int


@dataclass(frozen=True)
class SeedCatalogue:
    """Categories and products in the order of the shop."""

    categories: list[Row]
    products: list[SeedProduct]

    def by_sku(self) -> dict[str, SeedProduct]:
        """The products by SKU."""
        return {product.sku: product for product in self.products}


def load_catalogue(day: date, brand: Brand, folder: Path = SEED_FOLDER / "catalogue") -> SeedCatalogue:
    """All products; `available_in_days` is counted from `day`. Raises `SeedFileError`."""
    categories: list[Row] = []
    products: list[SeedProduct] = []
    for position, slug in enumerate(CATEGORY_ORDER, start=1):
        file = folder / f"{slug}.yml"
        content = _read(file)
        category = content["category"]
        if category["slug"] != slug:
            raise SeedFileError(f"{file.name}: the category's slug must be {slug!r}")
        categories.append(
            {
                "id": position,
                "slug": slug,
                "name": category["name"],
                "singular": category["singular"],
                "position": position,
            }
        )
        for entry in content["products"]:
            products.append(_product(file, entry, len(products) + 1, position, slug, day, brand))
    seen: set[str] = set()
    for product in products:
        for key in (product.sku, product.name):
            if key in seen:
                raise SeedFileError(f"two products are called {key!r}")
            seen.add(key)
    return SeedCatalogue(categories, products)


def load_stores(brand: Brand, file: Path = SEED_FOLDER / "stores.yml") -> list[Row]:
    """The stores. They are reached through support's number."""
    content = _read(file)
    return [
        {**store, "id": number, "hours": content["hours"], "phone": brand.support_phone}
        for number, store in enumerate(content["stores"], start=1)
    ]


def load_vouchers(day: date, file: Path = SEED_FOLDER / "vouchers.yml") -> list[Row]:
    """The voucher codes, valid around `day`."""
    return [
        {
            "id": number,
            "code": voucher["code"],
            "kind": voucher["kind"],
            "value": Decimal(str(voucher["value"])),
            "minimum_spend": Decimal(str(voucher["minimum_spend"])),
            "valid_from": day + timedelta(days=voucher["from"]),
            "valid_until": day + timedelta(days=voucher["until"]),
        }
        for number, voucher in enumerate(_read(file)["vouchers"], start=1)
    ]


def load_policies(file: Path = SEED_FOLDER / "policies.yml") -> list[Row]:
    """The rules in figures. Raises `SeedFileError` for one that nothing reads."""
    content = _read(file)
    for key in content:
        if key not in DEFAULT_POLICIES:
            raise SeedFileError(f"{file.name}: no rule is called {key!r}; known are {', '.join(DEFAULT_POLICIES)}")
    return [{"key": key, "value": str(value)} for key, value in content.items()]


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SeedFileError(f"{file}: there is no such file") from None
    except yaml.YAMLError as error:
        raise SeedFileError(f"{file}: not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise SeedFileError(f"{file}: expected fields, found {type(content).__name__}")
    return content


def _product(
    file: Path, entry: Mapping[str, Any], number: int, category_id: int, slug: str, day: date, brand: Brand
) -> SeedProduct:
    missing = {"sku", "name", "brand", "price", "stock", "warranty_months", "description", "features"} - set(entry)
    if missing:
        raise SeedFileError(f"{file.name}: product {entry.get('sku', number)}: missing {', '.join(sorted(missing))}")
    specifications = {label: _shown(value) for label, value in entry["specifications"].items()}
    in_days = entry.get("available_in_days")
    if (entry["stock"] == 0) != (in_days is not None):
        raise SeedFileError(
            f"{file.name}: product {entry['sku']}: available_in_days goes with stock 0, and only with it"
        )
    price = Decimal(str(entry["price"])).quantize(Decimal("0.01"))
    row: Row = {
        "id": number,
        "sku": entry["sku"],
        "name": entry["name"],
        "brand": entry["brand"],
        "category_id": category_id,
        "price": price,
        "currency": brand.currency,
        "description": entry["description"],
        "features": list(entry["features"]),
        "specifications": specifications,
        "warranty_months": entry["warranty_months"],
        "returnable_once_opened": entry.get("returnable_once_opened", True),
        "available_from": None if in_days is None else day + timedelta(days=in_days),
        "image_url": f"/page/{slug}.svg",  # the demo shop's drawing of the category
        "url": f"{brand.site_url}/products/{entry['sku'].lower()}",
    }
    return SeedProduct(
        id=number,
        sku=entry["sku"],
        name=entry["name"],
        price=price,
        category_slug=slug,
        needs_two_people=specifications.get("Delivery") == "two-person",
        row=row,
        stock=entry["stock"],
    )


def _shown(value: object) -> str:
    """YAML reads Yes and No as booleans and 1.7 as a number; a specification is text."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return str(value)
