"""Products in words and as data: what is said about one, and which one a customer means."""

from __future__ import annotations

import re
from typing import Any

from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.orm import Session

from actions.services import Services
from actions.wording import day, money, phrase
from frontdesk.brand import Brand
from knowledge_base import catalog
from knowledge_base.catalog import ProductView

# Which response answers which intent about one product.
TOPICS = {
    "ask_price": "price",
    "ask_availability": "availability",
    "product_details": "details",
    "ask_warranty": "warranty",
}
FEW_LEFT = 5
# Names looked at for one text, and by how many points of 100 they may differ and still count as equally near.
CANDIDATES = 5
ABOUT_AS_NEAR = 12.0
EXACT = 99.5


def product_card(product: ProductView, brand: Brand) -> dict[str, Any]:
    return {
        "sku": product.sku,
        "name": product.name,
        "price": money(product.price, brand),
        "stock_text": stock_text(product),
        "category_name": product.category_name,
        "features": list(product.features[:3]),
        "url": product.url,
        "image_url": product.image_url,
    }


def stock_text(product: ProductView) -> str:
    if product.stock > 0:
        return phrase("in_stock") if product.stock > FEW_LEFT else phrase("few_left", count=product.stock)
    if product.available_from:
        return phrase("back_on", day=day(product.available_from))
    return phrase("out_of_stock")


async def match(text: str, here: Services, like: str | None = None) -> ProductView | None:
    """The product that a text means, spelling slips forgiven; None when nothing is near enough.

    Where several names are about as near, one of the same category as the product with the SKU `like` wins.
    """

    def look(session: Session) -> ProductView | None:
        if (exact := catalog.get_product(session, text)) is not None:
            return exact  # its SKU
        found = catalog.match_products(session, text, limit=CANDIDATES)
        if not found:
            return None
        if found[0].score >= EXACT:
            return found[0].product
        other = catalog.get_product(session, like) if like else None
        near = [item.product for item in found if found[0].score - item.score <= ABOUT_AS_NEAR]
        same = [item for item in near if other and item.category_slug == other.category_slug and item.sku != like]
        return (same or near)[0]

    return await here.read(look)


async def describe(
    dispatcher: CollectingDispatcher, product: ProductView, topic: str, text: str, here: Services
) -> None:
    """Answers a question about one product from the catalogue."""
    rows = _asked_rows(product, text)
    dispatcher.utter_message(
        response=f"utter_product_{topic}",
        name=product.name,
        price=money(product.price, here.brand),
        stock=stock_text(product),
        warranty_years=f"{product.warranty_months // 12} year{'s' if product.warranty_months >= 24 else ''}",
        description=product.description,
        url=product.url,
        specifications="\n".join(f"- {label}: {value}" for label, value in rows),
        custom={"type": "product_cards", "products": [product_card(product, here.brand)]},
    )


def _asked_rows(product: ProductView, text: str) -> list[tuple[str, str]]:
    """Specification rows that the question names ("how heavy" → Weight), or all of them."""
    words = set(re.findall(r"[a-z]{3,}", text.lower())) - set(re.findall(r"[a-z]{3,}", product.name.lower()))
    for hint, meant in _SPECIFICATION_HINTS.items():
        if hint in words:
            words.add(meant)
    rows = list(product.specifications.items())
    named = [(label, value) for label, value in rows if words & set(re.findall(r"[a-z]{3,}", label.lower()))]
    return named or rows


_SPECIFICATION_HINTS = {
    "heavy": "weight", "weigh": "weight", "weighs": "weight", "big": "dimensions", "size": "dimensions",
    "large": "dimensions", "tall": "dimensions", "wide": "dimensions", "watts": "power", "watt": "power",
    "powerful": "power", "litres": "capacity", "hold": "capacity", "holds": "capacity", "long": "cord",
    "loud": "noise", "quiet": "noise", "last": "battery", "lasts": "battery", "charge": "charging",
}  # fmt: skip
