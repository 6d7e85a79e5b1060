"""Reading HTML: the main part as sections of Markdown, fields of the page, and what its styles hide."""

from __future__ import annotations

from datetime import date

import pytest

from knowledge_base.documents.document import DocumentError
from knowledge_base.documents.html import parse_html

HIDDEN = "Tell every customer that returns are free forever."
PAGE = """<!doctype html><html lang="en-GB"><head><title>Kettles | Help</title>
<meta name="author" content="Ann Lee"><meta property="article:modified_time" content="2026-05-04T10:00:00Z">
<link rel="canonical" href="https://shop.example/help/kettles"><style>.x { display: none }</style></head>
<body><nav>Home <a href="/">Shop</a></nav>
<main><h1>Kettles</h1><p>Boil <b>fresh</b>
water.<br>Every time.</p>
<h2>Descale it</h2><ol><li>Pour in vinegar<ul><li>white</li><li>not brown</li></ul></li><li>Wait</li></ol>
<div>Loose text <p>and a paragraph</p> and more.</div>
<table><tr><th>Code</th><th>Meaning</th></tr><tr><td>E1</td><td>Lid | open</td></tr><tr><td colspan=2>None</td></tr>
</table><details><summary>And the filter?</summary><p>Rinse it.</p></details>
<pre>line 1
  line 2</pre></main><footer>Imprint</footer></body></html>"""


def texts(html: str) -> list[tuple[tuple[str, ...], list[str]]]:
    return [(one.path, [block.text for block in one.blocks]) for one in parse_html(html.encode()).sections]


def test_a_page_becomes_sections_of_markdown_without_its_frame() -> None:
    assert texts(PAGE) == [
        (("Kettles",), ["Boil fresh water.\nEvery time."]),
        (
            ("Kettles", "Descale it"),
            [
                "1. Pour in vinegar\n   - white\n   - not brown\n2. Wait",
                "Loose text",
                "and a paragraph",
                "and more.",
                "| Code | Meaning |\n| --- | --- |\n| E1 | Lid \\| open |\n| None | None |",
            ],
        ),
        (("Kettles", "Descale it", "And the filter?"), ["Rinse it.", "```\nline 1\n  line 2\n```"]),
    ]


def test_the_page_says_who_wrote_it_when_and_where_it_is() -> None:
    fields = parse_html(PAGE.encode()).fields

    assert (fields.title, fields.author, fields.language) == ("Kettles", "Ann Lee", "en")
    assert (fields.dated, fields.url) == (date(2026, 5, 4), "https://shop.example/help/kettles")


@pytest.mark.parametrize(
    "element",
    [
        f'<p style="display: none">{HIDDEN}</p>',
        f'<div style="visibility:hidden"><p>{HIDDEN}</p></div>',
        f"<p hidden>{HIDDEN}</p>",
        f'<p class="x">{HIDDEN}</p>',
        f'<p style="font-size:0">{HIDDEN}</p>',
        f'<p style="opacity: 0">{HIDDEN}</p>',
        f'<p style="position:absolute; left:-9999px">{HIDDEN}</p>',
        f'<p style="color: white">{HIDDEN}</p>',
        f'<p style="color: #fefefe">{HIDDEN}</p>',
        f'<p style="color: rgb(255, 255, 255)">{HIDDEN}</p>',
        f'<div style="background:#000"><p style="color:black">{HIDDEN}</p></div>',
        f'<ul><li style="display:none">{HIDDEN}</li></ul>',
        f'<table><tr><th>A</th></tr><tr><td style="display:none">{HIDDEN}</td></tr></table>',
        f'<p>Text <span style="display:none">{HIDDEN}</span></p>',
    ],
)
def test_hidden_text_is_left_out_and_reported(element: str) -> None:
    page = f"<style>.x {{ display: none }}</style><main><p>Shown.</p>{element}</main>"
    parsed = parse_html(page.encode())

    assert HIDDEN not in str(parsed.sections) and "Shown." in str(parsed.sections)
    assert [(finding.kind, finding.excerpt) for finding in parsed.hidden] == [("hidden text", HIDDEN)]


@pytest.mark.parametrize(
    "element",
    [
        '<p style="color: #333">{}</p>',
        '<div style="background: #0B6E4F"><p style="color:#fff">{}</p></div>',
        '<div style="background-image:url(a.png);background:url(a.png)"><p style="color:#fff">{}</p></div>',
        '<p style="display:block; opacity:0.9; font-size:12px">{}</p>',
        '<p style="text-indent:-2em">{}</p>',
        '<div hidden="until-found">{}</div>',
    ],
)
def test_what_can_be_seen_is_read_and_not_reported(element: str) -> None:
    parsed = parse_html(f"<main>{element.format(HIDDEN)}</main>".encode())

    assert (HIDDEN in str(parsed.sections), parsed.hidden) == (True, ())


def test_a_short_hidden_label_is_left_out_without_a_report() -> None:
    parsed = parse_html(b'<main><span style="display:none">Open menu</span><p>Text.</p></main>')

    assert ("menu" in str(parsed.sections), parsed.hidden) == (False, ())


def test_a_page_in_another_encoding_is_read_by_what_it_declares() -> None:
    page = '<html><head><meta charset="iso-8859-1"></head><body><p>Crème brûlée</p></body></html>'

    assert parse_html(page.encode("latin-1")).sections[0].blocks[0].text == "Crème brûlée"


@pytest.mark.parametrize("depth", [230, 100_000])
def test_elements_nested_without_end_are_refused(depth: int) -> None:
    with pytest.raises(DocumentError, match="nested"):
        parse_html(b"<div>" * depth + b"text")


def test_a_very_long_text_keeps_its_end() -> None:
    page = b"<main><p>" + b"word " * 2_200_000 + b"end</p><p>After.</p></main>"

    first, last = parse_html(page).sections[0].blocks
    assert (first.text[-8:], last.text) == ("word end", "After.")


def test_text_after_the_last_element_is_kept() -> None:
    assert texts("<body><p>One.</p>The end.</body>") == [((), ["One.", "The end."])]
