"""The widget without a mouse, with a screen reader, on a phone, in the dark, in any colour, direction and language."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest
from playwright.sync_api import expect

from tests.browser.answers import BUTTONS, CODE, EVERY_KIND, product_cards
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenChat
from tests.browser.fake_assistant import FakeAssistant

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
DARK = {"color_scheme": "dark"}
SMALLEST_TARGET_PX = 24  # WCAG 2.2, success criterion 2.5.8
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")

# Counts what a screen reader would be told: nodes that are added to the log, outside of parts that say they are silent.
_LISTEN = """() => {
  window.announced = [];
  const log = document.querySelector("support-chat").shadowRoot.querySelector("[role=log]");
  new MutationObserver((changes) => {
    for (const change of changes) {
      const nodes = change.type === "characterData" ? [change.target] : change.addedNodes;
      for (const node of nodes) {
        const element = node.parentElement ?? node;
        if (element.closest("[aria-live=off]")) continue;
        const heard = node.cloneNode(true);
        heard.querySelectorAll?.("[aria-live=off]").forEach((part) => part.remove());
        if (heard.textContent.trim()) window.announced.push(heard.textContent.trim());
      }
    }
  }).observe(log, { childList: true, subtree: true, characterData: true });
}"""


def _violations(chat: ChatPage) -> list[str]:
    """What axe finds, with all of its rules."""
    chat.page.evaluate(AXE)
    found = chat.page.evaluate("axe.run(document)")
    assert found["passes"], "axe has checked something"
    return [f"{each['id']}: {node['html'][:160]}" for each in found["violations"] for node in each["nodes"]]


@pytest.mark.parametrize("device", [{}, DARK, PHONE], ids=["light", "dark", "phone"])
def test_axe_finds_nothing_closed_open_and_in_the_middle_of_an_answer(
    open_chat: OpenChat, device: dict[str, Any]
) -> None:
    chat = open_chat(opened=False, **device)
    assert _violations(chat) == []
    chat.open()
    chat.ask("Everything", *EVERY_KIND)
    assert _violations(chat) == []
    chat.assistant.streams(
        ("handoff", {"ticket": "T1", "open_now": True, "answer_by": "", "ahead": 1}),
        ("token", {"text": "Some **words** [x](https://shop.example)"}),
    )
    chat.type_and_send("More")
    chat.assistant.next_event()
    expect(chat.draft).to_be_visible()
    chat.input.fill("a" * 2001)
    assert _violations(chat) == []


def test_axe_finds_nothing_in_menu_question_problem_and_comment(open_chat: OpenChat) -> None:
    chat = open_chat()
    chat.ask("?", {"text": "Here."})
    chat.button("Not helpful").click()
    expect(chat.page.locator(".comment")).to_be_visible()
    chat.assistant.refuses(503, "unavailable", "Not now.")
    chat.type_and_send("Again")
    expect(chat.problem).to_be_visible()
    chat.button("More").click()
    assert _violations(chat) == []
    chat.button("Erase this conversation").click()
    assert _violations(chat) == []


def test_a_whole_return_is_done_with_the_keyboard_alone(open_chat: OpenChat) -> None:
    chat = open_chat(opened=False)
    keyboard = chat.page.keyboard
    chat.assistant.answers({"text": "Which order?"})
    chat.assistant.answers(CODE)
    chat.assistant.answers(BUTTONS)
    chat.assistant.answers({"text": "Here is your label."})

    chat.page.locator(".bottom").evaluate("(end) => { end.tabIndex = -1; end.focus(); }")
    keyboard.press("Tab")
    expect(chat.launcher).to_be_focused()
    keyboard.press("Enter")
    expect(chat.input).to_be_focused()
    keyboard.type("I want to return something")
    keyboard.press("Enter")
    expect(chat.answers.last).to_have_text("Which order?")
    keyboard.type("1043")
    keyboard.press("Enter")
    code = chat.page.get_by_label("Code of 6 digits")
    expect(code).to_be_visible()
    keyboard.press("Shift+Tab")
    keyboard.press("Shift+Tab")
    expect(code).to_be_focused()
    keyboard.type("123456")
    keyboard.press("Enter")
    expect(chat.choices).to_have_count(2)
    expect(chat.input).to_be_focused()
    keyboard.press("Shift+Tab")
    expect(chat.choices.last).to_be_focused()
    keyboard.press("Shift+Tab")
    expect(chat.choices.first).to_be_focused()
    keyboard.press("Space")
    expect(chat.answers.last).to_have_text("Here is your label.")
    expect(chat.input).to_be_focused()
    keyboard.press("Escape")
    expect(chat.panel).to_have_count(0)
    expect(chat.launcher).to_be_focused()
    assert chat.assistant.messages() == ["I want to return something", "1043", "123456", "/affirm"]


def test_the_log_announces_each_finished_message_once_and_no_token(chat: ChatPage) -> None:
    expect(chat.log).to_have_attribute("aria-live", "polite")
    tokens = [("token", {"text": f"word{number} "}) for number in range(8)]
    answer = {"text": "All eight words.\n\n- and a list", "buttons": BUTTONS["buttons"]}
    chat.assistant.streams(*tokens, ("message", answer), ("message", {"text": "Anything else?"}), ("done", {}))
    chat.page.evaluate(_LISTEN)
    chat.type_and_send("Question")
    for _ in range(10):
        chat.assistant.next_event()
    chat.settled()
    chat.button("Helpful").last.click()
    expect(chat.button("Helpful").last).to_have_attribute("aria-pressed", "true")
    announced = chat.page.evaluate("window.announced")
    assert announced == ["You: Question", "Assistant: All eight words.and a list", "Assistant: Anything else?"]


def test_menu_closes_with_escape_and_the_panel_stays(chat: ChatPage) -> None:
    chat.button("More").click()
    expect(chat.button("More")).to_have_attribute("aria-expanded", "true")
    chat.page.keyboard.press("Tab")
    chat.page.keyboard.press("Escape")
    expect(chat.button("More")).to_be_focused()
    expect(chat.panel).to_be_visible()


def test_on_a_phone_the_tab_key_stays_within_the_chat(open_chat: OpenChat) -> None:
    chat = open_chat(**PHONE)
    for _ in range(12):
        chat.page.keyboard.press("Tab")
        assert chat.page.evaluate("document.activeElement.localName") == "support-chat"


def test_on_a_phone_a_button_does_not_open_the_keyboard(open_chat: OpenChat) -> None:
    chat = open_chat(**PHONE)
    chat.ask("Return", BUTTONS)
    chat.choices.first.tap()
    expect(chat.page.locator(".scroller")).to_be_focused()


def test_on_a_phone_the_chat_fills_the_screen_and_nothing_sticks_out(open_chat: OpenChat) -> None:
    chat = open_chat(**PHONE)
    chat.ask("Everything", *EVERY_KIND)
    assert chat.panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
    assert chat.page.evaluate("document.documentElement.scrollWidth") == 390
    assert chat.page.locator(".scroller").evaluate("(frame) => frame.scrollWidth - frame.clientWidth") == 0
    expect(chat.input).to_be_in_viewport(ratio=1)
    expect(chat.launcher).to_be_hidden()


@pytest.mark.parametrize("device", [{}, PHONE], ids=["desk", "phone"])
def test_everything_to_press_is_large_enough(open_chat: OpenChat, device: dict[str, Any]) -> None:
    chat = open_chat(**device)
    chat.ask("Everything", *EVERY_KIND)
    sizes = chat.widget.locator("button:visible, textarea, input:visible, .source").evaluate_all(
        "(all) => all.map((one) => [one.getBoundingClientRect(), one.outerHTML.slice(0, 80)])"
        ".map(([box, html]) => [Math.min(box.width, box.height), html])"
    )
    assert [size for size in sizes if size[0] < SMALLEST_TARGET_PX] == []


@pytest.mark.parametrize("device", [{}, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("colour", ["#FFD400", "#101820"])
def test_text_has_enough_contrast_whatever_the_shops_colour(
    assistant: FakeAssistant, open_chat: OpenChat, colour: str, device: dict[str, Any]
) -> None:
    assistant.config["colour"] = colour
    chat = open_chat(**device)
    chat.ask("Everything", *EVERY_KIND)
    chat.page.evaluate(AXE)
    found = chat.page.evaluate("axe.run(document, { runOnly: ['color-contrast'] })")
    assert [node["html"] for each in found["violations"] for node in each["nodes"]] == []


def test_nothing_moves_for_those_who_want_less_motion(open_chat: OpenChat) -> None:
    chat = open_chat(reduced_motion="reduce")
    chat.assistant.hold()
    chat.type_and_send("Hello")
    expect(chat.activity).to_be_visible()
    assert chat.page.evaluate("document.getAnimations().length") == 0


def test_the_theme_can_be_fixed_whatever_the_system_says(open_chat: OpenChat) -> None:
    chat = open_chat(**DARK)
    ground = "(panel) => getComputedStyle(panel).backgroundColor"
    dark = chat.panel.evaluate(ground)
    chat.widget.evaluate("(chat) => chat.setAttribute('theme', 'light')")
    assert (dark, chat.panel.evaluate(ground)) == ("rgb(22, 25, 30)", "rgb(255, 255, 255)")


def test_custom_properties_of_the_page_set_colour_and_size(open_chat: OpenChat) -> None:
    chat = open_chat(opened=False)
    chat.widget.evaluate(
        """(chat) => {
          chat.style.setProperty("--support-chat-accent", "hotpink");
          chat.style.setProperty("--support-chat-width", "333px");
        }"""
    )
    chat.open()
    expect(chat.launcher).to_have_css("background-color", "rgb(255, 105, 180)")
    expect(chat.launcher).to_have_css("color", "rgb(0, 0, 0)")
    assert chat.panel.bounding_box()["width"] == 333


def test_styles_of_the_page_do_not_reach_into_the_widget(chat: ChatPage) -> None:
    before = chat.input.evaluate("(input) => getComputedStyle(input).color")
    chat.page.evaluate(
        """() => {
          const sheet = new CSSStyleSheet();
          sheet.replaceSync("* { color: red !important; font-size: 40px !important; } body { line-height: 3; }");
          document.adoptedStyleSheets = [sheet];
        }"""
    )
    assert chat.input.evaluate("(input) => getComputedStyle(input).color") == before
    expect(chat.input).to_have_css("font-size", "16px")


def test_in_a_right_to_left_page_the_widget_is_mirrored(chat: ChatPage) -> None:
    chat.page.evaluate("document.documentElement.dir = 'rtl'")
    chat.ask("سؤال", BUTTONS)
    width = chat.page.viewport_size["width"]
    launcher = chat.launcher.bounding_box()
    assert launcher["x"] < width / 2
    own, answer = chat.said.bounding_box(), chat.answers.bounding_box()
    assert own["x"] < answer["x"]
    assert chat.page.locator(".scroller").evaluate("(frame) => frame.scrollWidth - frame.clientWidth") == 0


def test_in_a_right_to_left_page_the_widgets_own_words_keep_their_order_and_their_side(open_chat: OpenChat) -> None:
    chat = open_chat(opened=False)
    chat.page.evaluate("document.documentElement.dir = 'rtl'")
    chat.open()
    chat.ask("?", product_cards())
    box = """(element) => {
      const range = document.createRange();
      range.selectNodeContents(element);
      const [text, own] = [range.getBoundingClientRect(), element.getBoundingClientRect()];
      const end = document.createRange();
      end.setStart(element.firstChild, element.firstChild.length - 1);
      end.setEnd(element.firstChild, element.firstChild.length);
      return [Math.round(own.right - text.right), Math.round(text.right - end.getBoundingClientRect().right)];
    }"""
    # An English sentence: at the right side, and its last letter is the one furthest to the right.
    assert chat.page.locator("#hint").evaluate(box) == [0, 0]
    assert chat.page.locator("#title").evaluate(box) == [0, 0]
    assert chat.page.locator(".product-stock").first.evaluate(box) == [0, 0]


@pytest.mark.parametrize(
    ("language", "placeholder"),
    [("en-US", "Write a message"), ("de-AT", "Nachricht schreiben"), ("zh-CN", "输入消息"), ("fi", "Write a message")],
)
def test_the_texts_follow_the_element_language(chat: ChatPage, language: str, placeholder: str) -> None:
    chat.widget.evaluate("(chat, language) => chat.setAttribute('lang', language)", language)
    expect(chat.widget.get_by_role("textbox")).to_have_attribute("placeholder", placeholder)


def test_without_a_language_of_its_own_the_page_says_which(chat: ChatPage) -> None:
    chat.page.evaluate("document.documentElement.lang = 'de'")
    chat.page.keyboard.press("Escape")
    expect(chat.button("Chat öffnen")).to_be_visible()
