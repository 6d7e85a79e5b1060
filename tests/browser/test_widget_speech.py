"""Speech in and out, with a recogniser and voices that a test plays: a headless browser has neither."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.chat_page import ChatPage

pytestmark = pytest.mark.browser

# What the browser's own would do is done by the test: `recogniser.onresult(...)` and so on.
_RECOGNISER = """
window.recognitions = [];
window.NAME = class {
  constructor() { window.recognitions.push(this); }
  start() { this.started = true; }
  stop() { this.onend(); }
};
"""
_NO_RECOGNISER = "delete window.SpeechRecognition; delete window.webkitSpeechRecognition;"
_VOICES = """
window.spoken = [];
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
Object.defineProperty(window, "speechSynthesis", { value: {
  getVoices: () => VOICES,
  speak: (utterance) => window.spoken.push(utterance),
  cancel: () => window.spoken.forEach((utterance) => utterance.onend?.()),
} });
"""
LOCAL = '[{ name: "far", lang: "en-GB", localService: false }, { name: "near", lang: "en-GB", localService: true }]'
REMOTE = '[{ name: "far", lang: "en-GB", localService: false }]'


def with_script(chat: ChatPage, script: str) -> ChatPage:
    """The chat, anew, in a browser that has what the script makes."""
    chat.page.add_init_script(script)
    chat.reload()
    expect(chat.panel).to_be_visible()
    return chat


def hears(chat: ChatPage, *pieces: str) -> None:
    """The recogniser has understood these pieces until now."""
    chat.page.evaluate(
        "(pieces) => window.recognitions[0].onresult({ results: pieces.map((transcript) => [{ transcript }]) })",
        list(pieces),
    )


@pytest.mark.parametrize("name", ["SpeechRecognition", "webkitSpeechRecognition"])
def test_what_is_said_is_written_and_sent_only_by_hand(chat: ChatPage, name: str) -> None:
    with_script(chat, _NO_RECOGNISER + _RECOGNISER.replace("NAME", name))
    assert chat.page.evaluate("window.recognitions.length") == 0  # nothing listens before the button is pressed
    chat.button("Speak your message").click()
    expect(chat.button("Stop listening")).to_have_attribute("aria-pressed", "true")
    started: dict[str, Any] = chat.page.evaluate("({ ...window.recognitions[0] })")
    assert (started["started"], started["lang"], started["interimResults"]) == (True, "en-GB", True)
    hears(chat, "where is")
    expect(chat.input).to_have_value("where is")
    hears(chat, "where is", " my parcel")
    chat.button("Stop listening").click()
    expect(chat.button("Speak your message")).to_have_attribute("aria-pressed", "false")
    expect(chat.input).to_have_value("where is my parcel")
    assert chat.assistant.received == []
    chat.send.click()
    expect(chat.answers).to_have_count(1)
    assert chat.assistant.messages() == ["where is my parcel"]


@pytest.mark.parametrize(
    ("error", "said"), [("not-allowed", 1), ("audio-capture", 1), ("no-speech", 0), ("aborted", 0)]
)
def test_a_microphone_that_cannot_be_used_is_said_and_silence_is_not(chat: ChatPage, error: str, said: int) -> None:
    with_script(chat, _RECOGNISER.replace("NAME", "SpeechRecognition"))
    chat.button("Speak your message").click()
    chat.page.evaluate("(error) => { const one = window.recognitions[0]; one.onerror({ error }); one.onend(); }", error)
    expect(chat.button("Speak your message")).to_be_visible()
    expect(chat.page.locator(".composer .problem")).to_have_count(said)
    assert chat.errors == []


def test_without_a_recogniser_there_is_no_microphone(chat: ChatPage) -> None:
    with_script(chat, _NO_RECOGNISER)
    expect(chat.button("Speak your message")).to_have_count(0)


def test_an_answer_is_read_aloud_as_plain_text_by_a_voice_of_this_computer(chat: ChatPage) -> None:
    with_script(chat, _VOICES.replace("VOICES", LOCAL))
    chat.ask("?", {"text": "Use **citric acid**:\n\n- boil\n- rinse"})
    chat.button("Read aloud").click()
    [spoken] = chat.page.evaluate("window.spoken")
    assert (spoken["text"], spoken["lang"], spoken["voice"]["name"]) == (
        "Use citric acid:\n\n- boil\n- rinse",
        "en-GB",
        "near",
    )
    chat.button("Stop reading").click()
    expect(chat.button("Read aloud")).to_be_visible()


def test_the_button_comes_back_once_all_is_read(chat: ChatPage) -> None:
    with_script(chat, _VOICES.replace("VOICES", LOCAL))
    chat.ask("?", {"text": "Here."})
    chat.button("Read aloud").click()
    expect(chat.button("Stop reading")).to_be_visible()
    chat.page.evaluate("window.spoken[0].onend()")
    expect(chat.button("Read aloud")).to_be_visible()


@pytest.mark.parametrize("voices", [REMOTE, "[]"], ids=["far away only", "none"])
def test_without_a_voice_of_this_computer_nothing_is_read(chat: ChatPage, voices: str) -> None:
    with_script(chat, _VOICES.replace("VOICES", voices))
    chat.ask("?", {"text": "Here."})
    expect(chat.button("Copy")).to_be_visible()
    expect(chat.button("Read aloud")).to_have_count(0)
