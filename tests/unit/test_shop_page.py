"""The demo shop's page says what the demo catalogue says, and works within its own policy."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PAGE_FOLDER = ROOT / "rasa_addons" / "page"
CATALOGUE = ROOT / "knowledge_base" / "seed" / "catalogue"
PAGE = (PAGE_FOLDER / "index.html").read_text(encoding="utf-8")


def _catalogue() -> dict[str, Decimal]:
    products = (entry for file in CATALOGUE.glob("*.yml") for entry in yaml.safe_load(file.read_text())["products"])
    return {entry["name"]: Decimal(str(entry["price"])) for entry in products}


def test_products_and_prices_are_the_catalogues() -> None:
    shown = re.findall(r"<h3>([^<]+)</h3><p>£([\d,.]+)</p>", PAGE)
    assert len(shown) == 8
    prices = _catalogue()
    assert {name: Decimal(price.replace(",", "")) for name, price in shown} == {name: prices[name] for name, _ in shown}


def test_every_category_has_its_drawing() -> None:
    drawn = {path.stem for path in PAGE_FOLDER.glob("*.svg")}
    assert {file.stem for file in CATALOGUE.glob("*.yml")} <= drawn


def test_every_file_that_the_page_names_is_there() -> None:
    names = re.findall(r'(?:src|href)="/page/([^"]+)"', PAGE)
    assert names
    assert [name for name in names if not (PAGE_FOLDER / name).is_file()] == []


@pytest.mark.parametrize("forbidden", [r"<script(?![^>]*\ssrc=)", r"\sstyle=", r"<style", r"\son\w+=", r"https?://"])
def test_the_page_has_no_inline_code_and_asks_nobody_else(forbidden: str) -> None:
    assert re.findall(forbidden, PAGE) == []


def test_without_javascript_the_page_says_how_to_reach_people() -> None:
    (sentence,) = re.findall(r"<noscript>(.*?)</noscript>", PAGE)
    assert "JavaScript" in sentence
    assert "{{support_email}}" in sentence and "{{support_phone}}" in sentence
