"""Products in words and as data: what is said about one, and which one a customer means."""

from __future__ import annotations

from typing import Any

from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.orm import Session

from actions.services import Services
from actions.wording import day, money, phrase
from frontdesk.brand import Brand
from knowledge_base import catalog
from knowledge_base.catalog import ProductView
from knowledge_base.product_questions import ProductFacts, asked_specifications

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
    rows = asked_specifications(product, text) or list(product.specifications.items())
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


def fact_passage(facts: ProductFacts, here: Services) -> dict[str, Any]:
    """Facts from the catalogue in the form of a passage, to be quoted and cited like one of an article."""
    lines = [phrase("fact", label=label, value=value) for label, value in facts.specifications]
    if facts.price:
        lines.append(phrase("fact_price", price=money(facts.product.price, here.brand)))
    if facts.stock:
        lines.append(phrase("fact_stock", stock=stock_text(facts.product)))
    text = "\n".join(lines)
    return {
        "title": facts.product.name,
        "heading": "",
        "url": facts.product.url,
        "text": text,
        "similarity": 1.0,
        "quote": text,
    }
