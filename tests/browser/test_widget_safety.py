"""The widget shows what the assistant and its customers send without running it, and talks to no other host."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.answers import EVERY_KIND, product, product_cards
from tests.browser.attacks import VECTORS
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenChat

pytestmark = pytest.mark.browser

FEWEST_VECTORS = 60
# What the widget itself never draws within a message; its own icons are the only svg elements.
NEVER_IN_A_MESSAGE = (
    "script, style, iframe, object, embed, svg:not(.icon), form:not(.comment), video, audio, base, link, meta, "
    "details, math, template, [onerror], [onload], [onclick], [onmouseover], [style]"
)


def _everywhere(vector: str) -> list[dict[str, Any]]:
    """The vector in each field that the widget shows or uses."""
    step = {"label": vector, "done": True, "at": vector}
    card = product(
        vector,
        price=vector,
        currency_symbol=vector,
        stock_text=vector,
        url=vector,
        image_url=vector,
        category_name=vector,
        features=[vector, {"toString": vector}],
        payload=vector,
    )
    return [
        {"text": vector, "image": vector, "sources": [{"number": 1, "title": vector, "url": vector}]},
        {"text": f"- {vector}\n\n1. {vector}\n\n**{vector}**\n\n[{vector}]({vector}) ![{vector}]({vector}) [1]"},
        {"text": vector, "custom": {"type": vector}},
        product_cards(card, text=vector),
        {
            "custom": {
                "type": "order",
                "number": vector,
                "state_text": vector,
                "steps": [step],
                "items": [vector, {"name": vector, "quantity": vector}],
                "total": vector,
            }
        },
        {
            "custom": {
                "type": "comparison",
                "left": {"name": vector},
                "right": {"name": vector},
                "rows": [{"label": vector, "left": vector, "right": vector, "differs": True}],
            }
        },
        {"text": "Choose", "buttons": [{"title": vector, "payload": vector}]},
    ]


def test_markup_and_addresses_from_outside_are_shown_and_never_run(open_chat: OpenChat) -> None:
    assert len(set(VECTORS)) == len(VECTORS) >= FEWEST_VECTORS
    # Without the policy, so that the widget's own care is what is tested; the policy stands behind it.
    chat = open_chat(bypass_csp=True)
    # The number in alert(...) says which vector ran.
    vectors = [vector.replace("alert(1)", f"alert({number})") for number, vector in enumerate(VECTORS)]
    half = len(vectors) // 4
    for start in range(0, len(vectors), half):
        part = vectors[start : start + half]
        chat.assistant.answers(*(message for vector in part for message in _everywhere(vector)))
        chat.input.fill("\n".join(part)[:2000])
        chat.input.press("Enter")
        expect(chat.choices).to_have_count(len(part), timeout=60_000)
        _touch_everything(chat)
        assert chat.log.locator(NEVER_IN_A_MESSAGE).count() == 0
        schemes = chat.log.locator("a").evaluate_all("(links) => links.map((link) => link.protocol)")
        assert set(schemes) <= {"http:", "https:", "mailto:"}
        users_and_hosts = chat.log.locator("a").evaluate_all("(links) => links.map((link) => link.username)")
        assert set(users_and_hosts) <= {""}
        assert chat.executed() == []
    chat.reload()
    expect(chat.choices.first).to_be_attached(timeout=60_000)
    _touch_everything(chat)
    assert chat.executed() == []
    assert chat.foreign_requests == []
    assert chat.errors == []


def _touch_everything(chat: ChatPage) -> None:
    """Whatever would run at a pointer's touch or at its focus has its chance, and what loads has the time."""
    chat.log.locator("a, button, img, li, p").evaluate_all(
        """(all) => {
          for (const one of all) {
            for (const name of ["mouseover", "pointerover", "focus"]) one.dispatchEvent(new Event(name));
          }
        }"""
    )
    chat.page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("field", ["name", "colour", "greeting", "suggestions"])
def test_what_the_server_and_the_page_configure_is_text_too(open_chat: OpenChat, field: str) -> None:
    chat = open_chat(opened=False, bypass_csp=True)
    attack = '"><img src=x onerror=alert(1)>'
    if field in {"name", "colour"}:
        chat.assistant.config[field] = attack
        chat.page.goto(chat.assistant.url + "?again")
    else:
        chat.widget.evaluate("(chat, [name, value]) => chat.setAttribute(name, value)", [field, attack])
    chat.launcher.click()
    expect(chat.log).to_be_visible()
    expect(chat.page.locator("support-chat img")).to_have_count(0)
    assert chat.executed() == []


def test_an_address_that_shows_one_host_and_leads_to_another_is_no_link(chat: ChatPage) -> None:
    disguised = "https://shop.example@elsewhere.example/"
    chat.ask("?", {"text": f"{disguised} [shop]({disguised})", "sources": [{"title": "Shop", "url": disguised}]})
    expect(chat.log.locator("a")).to_have_count(0)


def test_every_kind_of_answer_stays_on_the_own_host_and_within_the_policy(chat: ChatPage) -> None:
    elsewhere = product(image_url="https://cdn.example/a.png")
    chat.ask("Everything", *EVERY_KIND, product_cards(elsewhere), {"image": "https://cdn.example/b.png"})
    chat.reload()
    expect(chat.page.get_by_role("link", name="Open the picture")).to_be_attached()
    chat.page.wait_for_load_state("networkidle")
    assert chat.foreign_requests == []
    assert chat.policy_violations() == []
    assert chat.errors == []


def test_pictures_come_from_the_hosts_that_the_site_names(chat: ChatPage) -> None:
    chat.widget.evaluate("(chat) => chat.setAttribute('picture-hosts', 'cdn.example')")
    named, other = product("Named", image_url="https://cdn.example/a.png"), product(image_url="https://else.example/a")
    chat.ask("Kettles", product_cards(named, other))
    # The shop's own policy forbids it: that it is reported shows that the widget asked for this one, and only this.
    chat.page.wait_for_function("window.violations.length > 0")
    assert set(chat.page.evaluate("window.violations")) == {"https://cdn.example/a.png"}


def test_the_policy_of_the_server_is_in_force(chat: ChatPage) -> None:
    chat.page.evaluate("document.body.append(Object.assign(new Image(), { src: 'https://cdn.example/a.png' }))")
    chat.page.wait_for_function("window.violations.length > 0")
    assert chat.foreign_requests == []
