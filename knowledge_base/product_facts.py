"""Writes the catalogue's products with their specifications as JSON, from which training examples are made."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from knowledge_base.schema import Category, Product


def export_facts(session: Session, file: Path) -> int:
    """Write `{"products": [...]}`, sorted by SKU, and give their number. An existing file is replaced."""
    rows = session.execute(select(Product, Category.singular).join(Product.category).order_by(Product.sku)).all()
    products = [
        {
            "sku": product.sku,
            "name": product.name,
            "singular": singular,
            "price": f"{product.price:.2f}",
            "warranty_months": product.warranty_months,
            "specifications": dict(product.specifications),
        }
        for product, singular in rows
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"products": products}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return len(products)
