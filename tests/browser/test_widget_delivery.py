"""No message is lost and none is done twice: failures, lost connections, reloads, several tabs, expired sessions."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.answers import BUTTONS, product_cards
from tests.browser.chat_page import ChatPage
from tests.browser.fake_assistant import FakeAssistant

pytestmark = pytest.mark.browser

THINKING = ("status", {"state": "thinking"})
ANSWER = ("message", {"text": "Use citric acid."})
DONE = ("done", {})


class TestFailures:
    @pytest.mark.parametrize(
        "failure",
        [
            pytest.param(lambda fake: fake.refuses(503, "unavailable", "Sorry, not now."), id="the server is busy"),
            pytest.param(lambda fake: fake.refuses(429, "rate_limited", "Sorry, not now."), id="too fast"),
            pytest.param(lambda fake: fake.refuses(400, "bad_request"), id="the request is refused"),
        ],
    )
    def test_a_refused_message_is_kept_and_sent_again_on_demand(
        self, chat: ChatPage, failure: Callable[[FakeAssistant], None]
    ) -> None:
        failure(chat.assistant)
        chat.type_and_send("Where is it?")
        expect(chat.problem).to_contain_text("Your message is kept.")
        chat.retry.click()
        expect(chat.answers).to_have_text(["Noted."])
        expect(chat.problem).to_have_count(0)
        expect(chat.said).to_have_text(["Where is it?"])
        assert chat.assistant.messages() == ["Where is it?"]

    def test_the_servers_own_sentence_is_shown(self, chat: ChatPage) -> None:
        chat.assistant.refuses(429, "rate_limited", "Please try again in 12 seconds.")
        chat.type_and_send("Hello")
        expect(chat.problem).to_contain_text("Please try again in 12 seconds.")
        assert chat.heard("error")[0]["error"] == "rate_limited"

    def test_a_failed_button_is_retried_with_its_payload(self, chat: ChatPage) -> None:
        chat.ask("Return", BUTTONS)
        chat.assistant.refuses(503, "unavailable")
        chat.choices.first.click()
        chat.retry.click()
        expect(chat.answers).to_have_count(2)
        assert chat.assistant.messages() == ["Return", "/affirm"]

    def test_after_a_refused_message_the_next_one_is_sent(self, chat: ChatPage) -> None:
        chat.assistant.refuses(503, "unavailable")
        chat.type_and_send("First")
        expect(chat.problem).to_be_visible()
        chat.ask("Second", {"text": "Here."})
        expect(chat.answers).to_have_text(["Here."])

    def test_a_turn_that_ends_in_an_error_is_asked_anew_under_another_key(self, chat: ChatPage) -> None:
        chat.assistant.streams(("error", {"error": "no_answer", "message": "I could not answer just now."}), DONE)
        chat.type_and_send("Hello")
        chat.assistant.next_event()
        expect(chat.problem).to_contain_text("I could not answer just now.")
        chat.retry.click()
        expect(chat.answers).to_have_text(["Noted."])
        (conversation,) = chat.assistant.sessions.values()
        assert len(conversation.keys) == 2


class TestLostConnections:
    def test_a_connection_lost_before_the_answer_is_tried_again_under_the_same_key(self, chat: ChatPage) -> None:
        chat.assistant.breaks_the_connection({"text": "Here."})
        chat.type_and_send("Once")
        expect(chat.answers).to_have_text(["Here."])
        assert chat.assistant.messages() == ["Once"]
        assert len(chat.assistant.calls("webhook")) == 2

    def test_a_lost_stream_goes_on_after_the_last_event(self, chat: ChatPage) -> None:
        first = ("token", {"text": "Use citric"})
        chat.assistant.streams(first, ("token", {"text": " acid."}), ANSWER, DONE, cut_after=1)
        chat.type_and_send("How?")
        expect(chat.draft).to_have_text("Use citric")
        chat.assistant.next_event()
        expect(chat.draft).to_have_text("Use citric acid.")  # once each: nothing is repeated
        chat.assistant.next_event()
        chat.assistant.next_event()
        expect(chat.answers).to_have_text(["Use citric acid."])
        assert chat.assistant.messages() == ["How?"]
        assert len(chat.assistant.calls("stream")) == 1

    def test_what_is_written_offline_is_sent_once_the_connection_is_back(self, chat: ChatPage) -> None:
        chat.ask("One", {"text": "1"})
        chat.page.context.set_offline(True)
        chat.type_and_send("Two")
        chat.type_and_send("Three")
        expect(chat.log).to_contain_text("You are offline. Your message will be sent when the connection is back.")
        chat.page.context.set_offline(False)
        expect(chat.answers).to_have_count(3)
        assert chat.assistant.messages() == ["One", "Two", "Three"]

    def test_what_is_written_offline_outlives_a_reload(self, chat: ChatPage) -> None:
        chat.page.context.set_offline(True)
        chat.type_and_send("Kept")
        expect(chat.log).to_contain_text("You are offline.")
        chat.page.context.set_offline(False)
        chat.page.reload()
        expect(chat.answers).to_have_text(["Noted."])
        assert chat.assistant.messages() == ["Kept"]


class TestReloads:
    def test_a_reload_keeps_the_conversation(self, chat: ChatPage) -> None:
        chat.ask("Kettles", product_cards(), BUTTONS)
        chat.reload()
        expect(chat.said).to_have_text(["Kettles"])
        expect(chat.answers).to_have_text(["Two kettles:", "Is it faulty?"])
        expect(chat.page.locator(".product")).to_have_count(2)
        chat.choices.first.click()
        expect(chat.answers).to_have_count(3)
        assert len(chat.assistant.sessions) == 1

    def test_a_reload_in_the_middle_of_an_answer_goes_on_with_it(self, chat: ChatPage) -> None:
        chat.assistant.streams(("token", {"text": "Use citric"}), ANSWER, DONE)
        chat.type_and_send("How?")
        expect(chat.draft).to_have_text("Use citric")
        chat.reload()
        expect(chat.draft).to_have_text("Use citric")
        chat.assistant.next_event()
        chat.assistant.next_event()
        expect(chat.answers).to_have_text(["Use citric acid."])
        assert chat.assistant.messages() == ["How?"]

    def test_an_answer_that_came_while_nobody_was_there_is_in_the_history(self, chat: ChatPage) -> None:
        chat.assistant.streams(("token", {"text": "Use citric"}), ANSWER, DONE)
        chat.type_and_send("How?")
        expect(chat.draft).to_be_visible()
        chat.page.goto("about:blank")
        chat.assistant.next_event()
        chat.assistant.next_event()
        chat.assistant.refuses_calls("webhook", 409, "already_received")
        chat.page.goto(chat.assistant.url)
        expect(chat.said).to_have_text(["How?"])
        expect(chat.answers).to_have_text(["Use citric acid."])

    def test_a_stored_conversation_that_cannot_be_read_gives_way_to_a_new_one(self, chat: ChatPage) -> None:
        chat.ask("One", {"text": "1"})
        chat.page.evaluate("Object.keys(localStorage).forEach((key) => localStorage.setItem(key, '{broken'))")
        chat.reload()
        chat.ask("Hello", {"text": "Hello."})
        expect(chat.answers).to_have_text(["Hello."])

    @pytest.mark.parametrize("storage", ["sessionStorage", "localStorage"])
    def test_without_storage_the_chat_still_works(self, chat: ChatPage, storage: str) -> None:
        chat.page.add_init_script(
            f"Object.defineProperty(window, '{storage}', "
            "{ get() { throw new DOMException('no', 'SecurityError'); } })"
        )
        chat.reload()
        chat.open()
        chat.ask("Hello", {"text": "Hello."})
        expect(chat.answers).to_have_text(["Hello."])
        assert chat.errors == []


class TestTabs:
    def test_tabs_of_a_browser_share_the_conversation(self, chat: ChatPage) -> None:
        other = ChatPage(chat.page.context, chat.assistant)
        chat.ask("From the first", {"text": "1"})
        expect(other.answers).to_have_text(["1"])
        other.ask("From the second", {"text": "2"})
        expect(chat.said).to_have_text(["From the first", "From the second"])
        expect(chat.answers).to_have_text(["1", "2"])
        assert len(chat.assistant.sessions) == 1

    def test_every_tab_shows_the_answer_while_it_is_written(self, chat: ChatPage) -> None:
        other = ChatPage(chat.page.context, chat.assistant)
        sources = ("sources", {"sources": [{"number": 1, "title": "Descaling", "url": "https://shop.example/1"}]})
        chat.assistant.streams(
            THINKING, ("token", {"text": "Use **citric"}), ("token", {"text": " acid** [1]."}), sources, ANSWER, DONE
        )
        chat.type_and_send("How?")
        chat.assistant.next_event()
        expect(other.draft).to_have_text("Use **citric")
        expect(other.status).to_have_text("The assistant is writing")
        chat.assistant.next_event()
        expect(other.draft.locator("strong")).to_have_text("citric acid")
        chat.assistant.next_event()
        expect(other.draft.locator(".citation")).to_contain_text("1")
        newest = ChatPage(chat.page.context, chat.assistant)  # opened in the middle of it
        expect(newest.draft).to_contain_text("citric acid")
        chat.assistant.next_event()
        for tab in (chat, other, newest):
            expect(tab.answers).to_have_text(["Use citric acid."])
            expect(tab.draft).to_have_count(0)
        chat.assistant.next_event()
        other.settled()
        assert chat.assistant.messages() == ["How?"]
        assert [*chat.errors, *other.errors] == []

    def test_a_tab_can_stop_the_answer_that_another_awaits(self, chat: ChatPage) -> None:
        other = ChatPage(chat.page.context, chat.assistant)
        chat.assistant.streams(("token", {"text": "Use citric"}), ("message", {"text": "Use citric"}), DONE)
        chat.type_and_send("How?")
        expect(other.draft).to_have_text("Use citric")
        other.stop.click()
        expect(chat.answers).to_have_text(["Use citric"])
        expect(other.answers).to_have_text(["Use citric"])

    def test_another_tab_finishes_what_a_closed_one_began(self, chat: ChatPage) -> None:
        other = ChatPage(chat.page.context, chat.assistant)
        chat.assistant.streams(THINKING, ANSWER, DONE)
        chat.type_and_send("How?")
        expect(other.activity).to_be_visible()
        chat.page.close()
        other.assistant.next_event()
        other.assistant.next_event()
        expect(other.answers).to_have_text(["Use citric acid."])
        assert other.assistant.messages() == ["How?"]

    def test_another_browser_has_a_conversation_of_its_own(self, chat: ChatPage, browser: Browser) -> None:
        chat.ask("Mine", {"text": "1"})
        context = browser.new_context()
        stranger = ChatPage(context, chat.assistant)
        expect(stranger.said).to_have_count(0)
        stranger.ask("Theirs", {"text": "2"})
        assert len(chat.assistant.sessions) == 2
        context.close()


class TestSessions:
    def test_an_expired_session_gives_way_to_a_new_one_and_the_message_arrives(self, chat: ChatPage) -> None:
        chat.ask("Old", {"text": "1"})
        chat.assistant.forget_sessions()
        chat.type_and_send("New")
        expect(chat.answers).to_have_text(["Noted."])
        expect(chat.said).to_have_text(["New"])
        expect(chat.log).to_contain_text("Your earlier conversation has expired.")

    def test_the_sites_statement_goes_along_when_a_conversation_begins(self, chat: ChatPage) -> None:
        chat.widget.evaluate("(chat) => { chat.identity = async () => 'signed'; }")
        chat.ask("Hello", {"text": "1"})
        assert chat.assistant.calls("session") == [{"identity": "signed"}]

    def test_who_signs_in_later_is_told_to_the_conversation(self, chat: ChatPage) -> None:
        chat.ask("Hello", {"text": "1"})
        chat.widget.evaluate("(chat) => chat.identify('signed')")
        assert chat.assistant.calls("identity") == [{"identity": "signed"}]

    def test_a_statement_that_is_not_good_leaves_an_unknown_customer(self, chat: ChatPage) -> None:
        chat.ask("Hello", {"text": "1"})
        chat.assistant.refuses_calls("identity", 401, "identity_invalid")
        assert chat.widget.evaluate("(chat) => chat.identify('forged').catch((error) => error.code)") == (
            "identity_invalid"
        )
        expect(chat.said).to_have_count(1)

    def test_another_customer_gets_another_conversation(self, chat: ChatPage) -> None:
        chat.ask("Hello", {"text": "1"})
        chat.assistant.refuses_calls("identity", 409, "other_customer")
        chat.widget.evaluate("(chat) => chat.identify('of another')")
        expect(chat.said).to_have_count(0)
        chat.ask("Hello", {"text": "2"})
        assert chat.assistant.calls("session") == [{}, {"identity": "of another"}]

    def test_signing_out_ends_the_conversation(self, chat: ChatPage) -> None:
        chat.ask("Hello", {"text": "1"})
        chat.widget.evaluate("(chat) => chat.signOut()")
        expect(chat.said).to_have_count(0)
        assert chat.assistant.calls("end") == [{}]
        assert chat.assistant.sessions == {}
