"""The chat page shows what the assistant sends without running it, and talks to no other host."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.answers import EVERY_KIND, product, product_cards
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenChat

pytestmark = pytest.mark.browser

VECTORS = [
    "<script>alert(1)</script>",
    "<ScRiPt/x>alert(1)</sCrIpT>",
    "<img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "<iframe src=javascript:parent.alert(1)></iframe>",
    "<object data=javascript:alert(1)></object>",
    "<details open ontoggle=alert(1)>x</details>",
    "<input autofocus onfocus=alert(1)>",
    "<video><source onerror=alert(1)></video>",
    "<style>@import 'https://elsewhere.example/x.css';</style>",
    "<base href=https://elsewhere.example/>",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "</textarea></title><script>alert(1)</script>",
    "{{constructor.constructor('alert(1)')()}}",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)//https://shop.example",
    "java\tscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "vbscript:alert(1)",
    "blob:https://shop.example/alert(1)",
    "[x](javascript:alert(1))",
    '[x](https://shop.example"onmouseover="alert(1))',
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "**[x](vbscript:alert(1))**",
    'https://shop.example/"onmouseover="alert(1)',
    "https://shop.example@elsewhere.example/",
    "[https://shop.example](https://shop.example@elsewhere.example/)",
    "__proto__",
]
NEVER_IN_A_MESSAGE = "script, style, iframe, object, svg, form, input, video, base, details, math, [onerror], [onload]"


def _everywhere(vector: str) -> list[dict[str, Any]]:
    """The vector in each field that the page shows or uses."""
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
        {"text": vector, "image": vector, "sources": [{"title": vector, "url": vector}]},
        {"text": f"- {vector}\n1. {vector}\n**{vector}**\n[{vector}]({vector})"},
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
    # Without the policy, so that the page's own care is what is tested; the policy stands behind it.
    chat = open_chat(bypass_csp=True)
    # The number in alert(...) says which vector ran.
    vectors = [vector.replace("alert(1)", f"alert({number})") for number, vector in enumerate(VECTORS)]
    chat.ask("\n".join(vectors)[:2000], *(message for vector in vectors for message in _everywhere(vector)))
    expect(chat.choices).to_have_count(len(vectors))
    chat.reload()
    messages = chat.page.locator("#messages")
    expect(messages).to_contain_text(vectors[-1])
    messages.locator("button, a").evaluate_all(
        "(all) => all.forEach((one) => one.dispatchEvent(new Event('mouseover')))"
    )
    chat.page.wait_for_load_state("networkidle")
    assert chat.executed() == []
    assert messages.locator(NEVER_IN_A_MESSAGE).count() == 0
    schemes = messages.locator("a").evaluate_all("(links) => links.map((link) => link.protocol)")
    assert set(schemes) <= {"http:", "https:", "mailto:"}
    assert chat.foreign_requests == []
    assert chat.errors == []


def test_an_address_that_shows_one_host_and_leads_to_another_is_no_link(chat: ChatPage) -> None:
    disguised = "https://shop.example@elsewhere.example/"
    chat.ask("?", {"text": f"{disguised} [shop]({disguised})", "sources": [{"title": "Shop", "url": disguised}]})
    expect(chat.page.locator("#messages a")).to_have_count(0)


def test_every_kind_of_answer_stays_on_the_own_host_and_within_the_policy(chat: ChatPage) -> None:
    elsewhere = product(image_url="https://cdn.example/a.png")
    chat.ask("Everything", *EVERY_KIND, product_cards(elsewhere), {"image": "https://cdn.example/b.png"})
    chat.reload()
    expect(chat.page.get_by_role("link", name="Open the picture")).to_be_visible()
    assert chat.foreign_requests == []
    assert chat.policy_violations() == []
    assert chat.errors == []


def test_the_policy_of_the_server_is_in_force(chat: ChatPage) -> None:
    chat.page.evaluate("document.body.append(Object.assign(new Image(), { src: 'https://cdn.example/a.png' }))")
    chat.page.wait_for_function("window.violations.length > 0")
    assert chat.foreign_requests == []
