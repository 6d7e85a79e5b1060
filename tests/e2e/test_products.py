"""Products: find one, compare two, ask about one."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.e2e.customer import Answer, Customer
from tests.e2e.shop_database import ShopDatabase


def shown(answer: Answer) -> list[dict[str, Any]]:
    """The products of an answer's cards."""
    return [product for card in answer.cards if card["type"] == "product_cards" for product in card["products"]]


def price(product: dict[str, Any]) -> Decimal:
    return Decimal(product["price"].lstrip("£").replace(",", ""))


def test_the_finder_shows_at_most_five_products_within_category_and_budget(
    customer: Customer, shop: ShopDatabase
) -> None:
    assert "What are you looking for?" in customer.says("help me find a product")
    assert "How much would you like to spend" in customer.presses("Kettles")
    assert "Anything that matters to you" in customer.presses("Up to £50")
    answer = customer.presses("Nothing in particular")
    products = shown(answer)
    assert 1 <= len(products) <= 5
    assert {product["category_name"] for product in products} == {"Kettles"}
    for product in products:
        assert price(product) <= 50
        assert f"**{product['name']}**, {product['price']}, {product['stock_text']}" in answer
        pence = shop.value("SELECT price FROM products WHERE sku = ?", product["sku"])
        assert Decimal(pence) / 100 == price(product)


def test_category_and_budget_of_the_first_message_are_not_asked_for_again(customer: Customer) -> None:
    assert "Anything that matters to you" in customer.says("I'm looking for a kettle under £50")
    products = shown(customer.says("quiet"))
    assert products
    assert all(price(product) <= 50 and product["category_name"] == "Kettles" for product in products)


def test_without_a_limit_dear_products_are_shown_too(customer: Customer) -> None:
    customer.says("I'm looking for a television")
    customer.presses("It doesn't matter")
    products = shown(customer.presses("Nothing in particular"))
    assert {product["category_name"] for product in products} == {"Televisions"}


def test_the_title_of_the_no_limit_button_may_be_typed(customer: Customer) -> None:
    customer.says("I'm looking for headphones")
    assert "Anything that matters to you" in customer.says("it doesn't matter")


def test_where_nothing_fits_the_nearest_are_shown_and_named_as_such(customer: Customer) -> None:
    customer.says("I'm looking for a television under £20")
    answer = customer.presses("Nothing in particular")
    assert "Nothing fits all of that" in answer
    assert shown(answer)


def test_two_products_are_compared_in_what_differs(customer: Customer) -> None:
    answer = customer.says("compare the Sonarra Quiet 700 and the Sonarra Buds 3")
    assert "**Sonarra Quiet 700** (£249.00" in answer
    assert "**Sonarra Buds 3** (£99.00" in answer
    assert "- Weight: 258 g / 5 g each" in answer
    [card] = answer.cards
    assert (card["left"]["name"], card["right"]["name"]) == ("Sonarra Quiet 700", "Sonarra Buds 3")


def test_products_to_compare_are_asked_for_one_after_the_other(customer: Customer) -> None:
    assert "start with the first" in customer.says("can you compare two products for me")
    assert "which product shall I compare it with" in customer.says("Orbiq CrispAir 5")
    answer = customer.says("Hearthlyn Fry Compact")
    assert "**Orbiq CrispAir 5**" in answer
    assert "**Hearthlyn Fry Compact**" in answer
    assert "- Capacity: 5 litres / 2 litres" in answer


def test_the_price_of_a_misspelt_product_is_told(customer: Customer) -> None:
    answer = customer.says("how much is the Norvane Swfit 1.7?")
    assert "Norvane Swift 1.7 costs £34.99" in answer


def test_the_stock_of_a_misspelt_product_is_told(customer: Customer, shop: ShopDatabase) -> None:
    shop.change("UPDATE stock SET quantity = 3 WHERE product_id = (SELECT id FROM products WHERE sku = 'HEA-001')")
    assert "Sonarra Quiet 700 (£249.00) is only 3 left." in customer.says("is the Sonara Quiet 700 in stock?")


def test_the_warranty_of_a_misspelt_product_is_told(customer: Customer) -> None:
    answer = customer.says("what warranty does the Sonara Quiet 700 have?")
    assert "Sonarra Quiet 700 has a warranty of 2 years." in answer


def test_it_means_the_product_of_the_question_before(customer: Customer) -> None:
    customer.says("how much is the Norvane Swift 1.7?")
    assert "Norvane Swift 1.7 (£34.99) is in stock." in customer.says("is it in stock?")


def test_a_question_about_no_product_asks_which(customer: Customer) -> None:
    assert "Which product is it about?" in customer.says("is it in stock?")
    assert "Norvane Swift 1.7 (£34.99) is in stock." in customer.says("Norvane Swift 1.7")


def test_a_product_that_nobody_makes_is_not_invented(customer: Customer) -> None:
    answer = customer.says("how much is the Zxqvy Teleporter 9000?")
    assert "costs" not in answer
    assert shown(answer) == []
