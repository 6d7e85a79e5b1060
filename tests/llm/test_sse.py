"""The parser of Server-Sent Events: what counts as an event, whatever portions the bytes come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_component.sse import Event, SseError, SseParser


def parsed(*chunks: bytes) -> list[Event]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.finish()


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: one\n\n", [Event("message", "one")]),
        (b"data: one\r\n\r\ndata: two\r\n\r\n", [Event("message", "one"), Event("message", "two")]),
        (b"data: one\r\rdata: two\r\r", [Event("message", "one"), Event("message", "two")]),
        (b"data: one\ndata: two\n\n", [Event("message", "one\ntwo")]),
        (b"data:one\n\n", [Event("message", "one")]),
        (b"data:  one\n\n", [Event("message", " one")]),
        (b": still here\n\ndata: one\n\n", [Event("message", "one")]),
        (b"event: answer\ndata: {}\n\ndata: x\n\n", [Event("answer", "{}"), Event("message", "x")]),
        (b"event: lost\n\ndata: x\n\n", [Event("message", "x")]),
        (b"data\n\n", [Event("message", "")]),
        (b"id: 1\nretry: 10\ndata: x\n\n", [Event("message", "x")]),
        (b"\xef\xbb\xbfdata: x\n\n", [Event("message", "x")]),
        ("data: a\u2028b\u0085c\x0bd\n\n".encode(), [Event("message", "a\u2028b\u0085c\x0bd")]),
        (b"data: \xff\n\n", [Event("message", "\ufffd")]),
        (b"data: the end is missing", [Event("message", "the end is missing")]),
        (b"", []),
        (b"\n\n\n", []),
    ],
)
def test_stream_gives_these_events(stream: bytes, events: list[Event]) -> None:
    assert parsed(stream) == events


LINES = st.sampled_from(
    [
        b"data: x",
        b"data: \xc3\xa9\xe2\x80\xa8",
        b"data",
        b": c",
        b"event: answer",
        b"",
        b"id: 3",
        b"\xef\xbb\xbf",
        b"bad",
    ]
)
STREAMS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=20).map(
    lambda lines: b"".join(line + end for line, end in lines)
)


@given(STREAMS | st.binary(max_size=60), st.data())
def test_any_portions_give_the_same_events(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    portions = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parsed(*portions) == parsed(stream)


def test_an_event_is_there_as_soon_as_its_empty_line_is() -> None:
    assert SseParser().feed(b"data: x\n\n") == [Event("message", "x")]


def test_a_line_without_an_end_is_given_up() -> None:
    parser = SseParser(max_event_bytes=100)
    parser.feed(b"data: " + b"x" * 80)
    with pytest.raises(SseError, match="100 bytes"):
        parser.feed(b"x" * 80)


def test_an_event_of_too_many_lines_is_given_up() -> None:
    parser = SseParser(max_event_bytes=100)
    with pytest.raises(SseError, match="100 bytes"):
        parser.feed(b"data: 123456789\n" * 20)
