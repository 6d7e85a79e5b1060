"""The chat page without a mouse, on a phone, in the dark, with little motion, and in any shop's colour."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.answers import BUTTONS, EVERY_KIND
from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenChat
from tests.browser.fake_assistant import FakeAssistant

pytestmark = pytest.mark.browser

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
SMALLEST_TARGET_PX = 44

# WCAG 2.2, success criterion 1.4.3: 4.5 for text, 3 for large text (24 px, or 18.66 px in bold).
_TEXT_BELOW_CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const luminance = ([red, green, blue]) => {
    const linear = [red, green, blue].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const ground = (element) => {
    for (let node = element; node; node = node.parentElement) {
      const colour = rgba(getComputedStyle(node).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255];
  };
  const low = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const words = texts.currentNode.data.trim();
    if (!words || !element.checkVisibility() || element.closest(".unseen, noscript")) continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const [lighter, darker] = [luminance(rgba(style.color)), luminance(ground(element))].sort((a, b) => b - a);
    const ratio = (lighter + 0.05) / (darker + 0.05);
    if (ratio < (large ? 3 : 4.5)) low.push(`${words.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return low;
}"""


def test_a_whole_conversation_works_by_keyboard_alone(chat: ChatPage) -> None:
    keyboard = chat.page.keyboard
    keyboard.press("Tab")
    expect(chat.page.get_by_role("link", name="Skip to the chat")).to_be_focused()
    keyboard.press("Enter")
    expect(chat.input).to_be_focused()
    chat.assistant.answers(BUTTONS)
    keyboard.type("Return something")
    keyboard.press("Enter")
    expect(chat.choices).to_have_count(2)
    keyboard.press("Shift+Tab")
    expect(chat.choices.last).to_be_focused()
    keyboard.press("Space")
    expect(chat.said).to_have_text(["Return something", "No"])
    expect(chat.input).to_be_focused()
    expect(chat.answers).to_have_count(2)


def test_suggestions_are_reached_by_keyboard(chat: ChatPage) -> None:
    for _ in range(2):
        chat.page.keyboard.press("Tab")
    expect(chat.page.get_by_role("button", name="Where is my order 1043?")).to_be_focused()
    chat.page.keyboard.press("Enter")
    expect(chat.said).to_have_text(["Where is my order 1043?"])


def test_after_a_retry_the_focus_is_in_the_input(chat: ChatPage) -> None:
    chat.assistant.replies(503, "")
    chat.type_and_send("Hello")
    chat.retry.focus()
    chat.page.keyboard.press("Enter")
    expect(chat.input).to_be_focused()


def test_on_a_phone_a_button_does_not_open_the_keyboard(open_chat: OpenChat) -> None:
    chat = open_chat(**PHONE)
    chat.ask("Return", BUTTONS)
    chat.choices.first.tap()
    expect(chat.log).to_be_focused()


def test_every_stop_of_the_tab_key_shows_its_focus(chat: ChatPage) -> None:
    chat.ask("Everything", *EVERY_KIND)
    chat.page.locator("body").evaluate("() => document.activeElement.blur()")
    unseen = []
    for _ in range(30):
        chat.page.keyboard.press("Tab")
        unseen += chat.page.evaluate(
            """() => {
              const element = document.activeElement;
              if (element === document.body) return [];
              const framed = element.id === "input" ? element.closest(".box") : element;
              const style = getComputedStyle(framed);
              const inner = getComputedStyle(framed, "::after");
              const shown = [style, inner].some((part) => part.outlineStyle !== "none") || style.boxShadow !== "none";
              return shown ? [] : [element.outerHTML.slice(0, 80)];
            }"""
        )
    assert unseen == []


def test_messages_are_announced_politely(chat: ChatPage) -> None:
    expect(chat.log).to_have_attribute("aria-live", "polite")
    chat.ask("Hello", {"text": "Good day."})
    expect(chat.log).to_have_attribute("role", "log")
    expect(chat.log.locator(".bot").last).to_have_text("Assistant:Good day.")


@pytest.mark.parametrize("device", [pytest.param({}, id="desk"), pytest.param(PHONE, id="phone")])
def test_everything_to_press_is_large_enough(open_chat: OpenChat, device: dict) -> None:
    chat = open_chat(**device)
    chat.ask("Everything", *EVERY_KIND)
    sizes = chat.page.locator("button:visible, textarea, .sources a").evaluate_all(
        "(all) => all.map((one) => [one.getBoundingClientRect(), one.textContent.trim()])"
        ".map(([box, text]) => [Math.min(box.width, box.height), text])"
    )
    assert [size for size in sizes if size[0] < SMALLEST_TARGET_PX] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("colour", ["#0B6E4F", "#FFD400", "#C8102E", "#101820", "#7FDBFF"])
def test_text_has_enough_contrast_whatever_the_shops_colour(
    open_chat: OpenChat, assistant: FakeAssistant, colour: str, scheme: str
) -> None:
    assistant.colour = colour
    chat = open_chat(color_scheme=scheme, reduced_motion="reduce")
    chat.ask("Everything", *EVERY_KIND)
    chat.assistant.replies(503, "")
    chat.type_and_send("Again")
    chat.input.fill("a" * 2001)
    expect(chat.problem).to_be_visible()
    assert chat.page.evaluate(_TEXT_BELOW_CONTRAST) == []


def test_the_page_follows_the_dark_scheme(open_chat: OpenChat) -> None:
    light, dark = (
        open_chat(color_scheme=scheme).page.evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    )
    assert light != dark


def test_nothing_moves_for_those_who_want_less_motion(open_chat: OpenChat) -> None:
    chat = open_chat(reduced_motion="reduce")
    chat.assistant.hold()
    chat.type_and_send("Hello")
    expect(chat.typing).to_be_visible()
    assert chat.page.evaluate("document.getAnimations().length") == 0


def test_on_a_phone_the_chat_fills_the_screen_and_nothing_sticks_out(open_chat: OpenChat) -> None:
    chat = open_chat(**PHONE)
    chat.ask("Everything", *EVERY_KIND)
    width, height = chat.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
    assert (width, height) == (390, 844)
    expect(chat.input).to_be_in_viewport(ratio=1)
    expect(chat.choices.last).to_be_visible()
