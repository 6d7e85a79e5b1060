"""Answers of every kind that the widget shows, in the assistant's wire format."""

from __future__ import annotations

from typing import Any

Message = dict[str, Any]


def product(name: str = "Swift 1.7", **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "price": 29.99,
        "currency_symbol": "£",
        "stock_text": "In stock",
        "url": "https://shop.example/p/1",
        "image_url": "",
        "category_name": "Kettles",
        "features": ["1.7 litres", "3000 W"],
        **changes,
    }


def product_cards(*products: dict[str, Any], text: str = "Two kettles:\n\n1. Swift 1.7, £29.99\n2. Dawn") -> Message:
    shown = products or (product(), product("Dawn", price="34.50", payload="Tell me about Dawn"))
    return {"text": text, "custom": {"type": "product_cards", "replaces_text": True, "products": list(shown)}}


ORDER: Message = {
    "text": "It is on its way.\n\n- Ordered: 4 May",
    "custom": {
        "type": "order",
        "number": "1043",
        "state_text": "On its way",
        "steps": [
            {"label": "Ordered", "done": True, "at": "2026-05-04"},
            {"label": "Packed", "done": True, "at": "yesterday"},
            {"label": "Delivered", "done": False, "at": None},
        ],
        "items": ["Swift 1.7", {"name": "Filter", "quantity": 2}],
        "total": "£47.97",
    },
}

COMPARISON: Message = {
    "text": "Here is how they differ.",
    "custom": {
        "type": "comparison",
        "replaces_text": True,
        "left": {"name": "Swift 1.7"},
        "right": {"name": "Dawn"},
        "rows": [
            {"label": "Price", "left": "£29.99", "right": "£34.50", "differs": True},
            {"label": "Capacity", "left": "1.7 l", "right": "1.7 l", "differs": False},
        ],
    },
}

BUTTONS: Message = {
    "text": "Is it faulty?",
    "buttons": [{"title": "Yes, it is", "payload": "/affirm"}, {"title": "No", "payload": "/deny"}],
}

SOURCES: Message = {
    "text": "Descale it **every month**.\n\n- vinegar\n- water",
    "sources": [
        {"title": "Descaling a kettle", "url": "https://shop.example/help/descale"},
        {"title": "Internal note", "url": "file:///etc/passwd"},
    ],
}

CITED: Message = {
    "text": "Fill it with citric acid and water [1], then rinse it twice [2].",
    "sources": [
        {"number": 1, "title": "Descaling a kettle", "url": "https://shop.example/help/descale"},
        {"number": 2, "title": "Rinsing", "url": "https://shop.example/help/rinse"},
    ],
}

CODE: Message = {"text": "We have mailed you a code.", "custom": {"type": "field", "field": "code", "digits": 6}}

TABLE: Message = {
    "text": "| Size | Price |\n|---|---|\n| 1.7 l | £29.99 |\n\n> Quoted\n\n```\ncode\n```\n\n`x` ~~old~~ *new*"
}

EVERY_KIND: tuple[Message, ...] = (product_cards(), ORDER, COMPARISON, TABLE, CITED, SOURCES, CODE, BUTTONS)
