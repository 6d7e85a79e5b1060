"""What is sent to an OpenAI-compatible server and how its words are understood, without a network."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_component.engines.interface import GenerationRequest, Message, Sampling, Usage
from llm_component.engines.upstream_wire import (
    ChatReader,
    StopCutter,
    body_of,
    error_of,
    estimate_tokens,
    refused_field,
    said_by,
)
from llm_component.sse import Event
from llm_component.transport import retry_after_seconds


def request(**sampling: object) -> GenerationRequest:
    return GenerationRequest((Message("user", "How long?"),), Sampling(**sampling))  # type: ignore[arg-type]


def test_only_fields_that_openai_knows_are_sent_unasked() -> None:
    known = {"model", "messages", "max_tokens", "temperature", "stream", "stream_options"}
    assert set(body_of(request(), "m")) == known


def test_sampling_that_is_asked_for_is_sent() -> None:
    body = body_of(request(temperature=0.7, top_p=0.9, top_k=20, seed=5, stop=("\n",)), "m")
    assert {name: body[name] for name in ("temperature", "top_p", "top_k", "seed", "stop")} == {
        "temperature": 0.7,
        "top_p": 0.9,
        "top_k": 20,
        "seed": 5,
        "stop": ["\n"],
    }


def test_no_more_stop_strings_are_sent_than_openai_takes() -> None:
    assert body_of(request(stop=tuple("abcdef")), "m")["stop"] == ["a", "b", "c", "d"]


def test_a_refused_field_is_left_out() -> None:
    assert "stream_options" not in body_of(request(), "m", {"stream_options"})


def test_the_limit_of_tokens_has_a_second_name() -> None:
    body = body_of(request(max_tokens=7), "m", {"max_tokens"})
    assert (body.get("max_tokens"), body["max_completion_tokens"]) == (None, 7)


def test_the_field_that_a_server_complains_about_is_found() -> None:
    message = "Unsupported parameter: 'max_tokens' is not supported with this model."
    assert refused_field(message, body_of(request(), "m")) == "max_tokens"


@pytest.mark.parametrize("message", ["max_tokens is too large: 512", "temperature must be at most 2"])
def test_a_complaint_about_a_value_takes_no_field_away(message: str) -> None:
    assert refused_field(message, body_of(request(), "m")) is None


def test_a_complaint_about_a_field_that_was_not_sent_is_no_reason_to_try_again() -> None:
    assert refused_field("top_k is bad", body_of(request(), "m")) is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"error": {"message": "no  such\\nmodel"}}', "no such model"),
        (b'{"error": "overloaded"}', "overloaded"),
        (b'{"object": "error", "message": "too long"}', "too long"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"detail": [{"loc": ["body"]}]}', "[{'loc': ['body']}]"),
        (b"<html>", ""),
        (b"[]", ""),
    ],
)
def test_error_messages_are_found_in_all_forms(body: bytes, said: str) -> None:
    assert said_by(body) == said


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request"),
        (401, "unavailable"),
        (403, "unavailable"),
        (404, "unavailable"),
        (413, "invalid_request"),
        (429, "overloaded"),
        (500, "upstream_failed"),
        (502, "upstream_failed"),
        (302, "upstream_failed"),
    ],
)
def test_a_status_becomes_this_error(status: int, kind: str) -> None:
    assert error_of(status, "", "the upstream", "m", False, None).kind == kind


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(value, now=60.0) == seconds


def test_usage_is_read_with_its_cached_tokens() -> None:
    reader = ChatReader("the upstream")
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    reader.take(Event("message", json.dumps({"choices": [], "usage": usage})))
    assert reader.usage == Usage(9, 2, 4)


@pytest.mark.parametrize("reason", ["stop", "eos", "content_filter"])
def test_whatever_a_server_calls_its_end_it_has_stopped(reason: str) -> None:
    reader = ChatReader("the upstream")
    reader.take(Event("message", json.dumps({"choices": [{"delta": {"content": None}, "finish_reason": reason}]})))
    assert reader.finish == "stop"


def test_the_estimate_is_not_below_a_token_for_each_digit() -> None:
    assert estimate_tokens((Message("user", "1043 " * 100),)) >= 400


def test_the_estimate_of_prose_is_above_common_tokenizers() -> None:
    text = "Standard delivery takes three to five working days and costs nothing from fifty pounds on. " * 10
    assert estimate_tokens((Message("user", text),)) >= 1.5 * len(text.split())


@given(st.text(max_size=50), st.text(max_size=50))
def test_the_estimate_grows_with_the_text(first: str, second: str) -> None:
    assert estimate_tokens((Message("user", first + second),)) >= estimate_tokens((Message("user", first),))


@given(st.text(alphabet="ab#", max_size=40), st.text(alphabet="ab#", min_size=1, max_size=4), st.data())
def test_a_stop_string_cuts_wherever_the_portions_end(text: str, stop: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    cutter = StopCutter([stop])
    out = "".join(cutter.feed(text[a:b]) for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True))
    assert out + cutter.finish() == text.partition(stop)[0]


def test_the_first_of_several_stop_strings_cuts() -> None:
    assert StopCutter(["days", "3"]).feed("It takes 3 days.") == "It takes "


def test_text_that_cannot_begin_a_stop_string_is_not_held_back() -> None:
    assert StopCutter(["##"]).feed("It takes #") == "It takes "
