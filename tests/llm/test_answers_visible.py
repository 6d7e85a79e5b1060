"""What a model wrote as a customer would see it, and addresses that stand in no passage."""

from __future__ import annotations

import pytest

from llm_component.answers.visible import foreign_markup, visible

PASSAGE = "Print the label at https://shop.example.com/returns or see shop.example.com. Send it to a store, e.g. Leeds."


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("3\u200b0 days", "30 days"),
        ("\x1b[31m30 days", "[31m30 days"),
        ("30 days\u202e", "30 days"),
        ("\uff14\uff15 days", "45 days"),
        ("\u0664\u0665 days", "45 days"),
        ("\u2468 pounds", "9 pounds"),
        ("\u2462\u24ea days", "30 days"),
        ("\u2169 days", "X days"),
        ("2½ hours at 20 m², £4.95 …", "2½ hours at 20 m², £4.95 …"),
        ("café “quoted” – yes", "café “quoted” – yes"),
    ],
)
def test_what_is_seen(written: str, seen: str) -> None:
    assert visible(written) == seen


@pytest.mark.parametrize(
    "text",
    [
        "Go to https://evil.example.net/returns.",
        "Go to [the label](https://evil.example.net).",
        "Go to bit.ly/abc.",
        "Go to evil.com now.",
        "Go to example.co.",
        "Go to shop.example.com.evil.net.",
        "Go to https://shop.example.com/returns/steal.",
        "Go to www.evil.example.",
        "![x](//evil.example/p.png)",
        '<a href="/x">here</a>',
        "<img src=x onerror=alert(1)",
        "<script>alert(1)</script>",
        "javascript:alert(1)",
    ],
)
def test_markup_and_addresses_of_no_passage_are_found(text: str) -> None:
    assert foreign_markup(text, [PASSAGE])


@pytest.mark.parametrize(
    "text",
    [
        "Print it at https://shop.example.com/returns.",
        "See shop.example.com, or a store.",
        "It costs £4.95 (e.g. in Leeds), i.e. less than 5.50 or 3-5 days.",
        "Write to help@example.com.",
        "It takes 3 < 5 days [1][2].",
        "Open Mon-Fri 8:00-20:00; ask for no. 5.",
    ],
)
def test_plain_text_is_let_through(text: str) -> None:
    assert not foreign_markup(text, [PASSAGE])
