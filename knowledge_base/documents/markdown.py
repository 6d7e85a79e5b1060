"""Reads Markdown (CommonMark with tables), with or without a front matter of YAML; raw HTML in it is read as HTML."""

from __future__ import annotations

import re
from collections.abc import Callable

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from knowledge_base.documents.document import Block, DocumentError, Fields, Finding, Parsed, Section
from knowledge_base.documents.fields import read_fields
from knowledge_base.documents.html import read_fragment

# The one in C is ten times as fast; builds of the library without it have the one in Python.
YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n(.*))?\Z", re.DOTALL)
_HTML = ("html_block", "html_inline")


def parse_markdown(text: str, fill: Callable[[str], str]) -> Parsed:
    """One document. `fill` fills the placeholders of a text that has a front matter; others stay as they are.

    Raises `DocumentError`.
    """
    text = text.replace("\r\n", "\n")
    match = _FRONT_MATTER.match(text)
    if match is None:
        return _parsed(Fields(), text)
    try:
        meta = yaml.load(match.group(1), YAML_LOADER)  # noqa: S506
    except yaml.YAMLError as error:
        raise DocumentError(f"the front matter is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(meta, dict):
        raise DocumentError("the front matter has no fields")
    filled = {name: fill(value) if isinstance(value, str) else value for name, value in meta.items()}
    return _parsed(read_fields(filled), fill(match.group(2) or ""))


def _parsed(fields: Fields, body: str) -> Parsed:
    sections, hidden = markdown_sections(body.strip())
    return Parsed(fields, sections, hidden)


def markdown_sections(body: str) -> tuple[tuple[Section, ...], tuple[Finding, ...]]:
    """The sections of a Markdown text, and what its raw HTML hides. Under each heading stands one block."""
    parser = MarkdownIt("commonmark").enable("table")
    lines = body.split("\n")
    tokens = parser.parse(body)
    hidden: list[Finding] = []
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    kept: list[str] = []  # lines of the current section
    done = 0  # lines read

    def close() -> None:
        if text := "\n".join(kept).strip():
            sections.append(Section(tuple(name for _level, name in path), (Block(text),)))
        kept.clear()

    for position, token in enumerate(tokens):
        if token.level != 0 or token.map is None or token.nesting < 0:
            continue
        first, last = token.map
        if token.type == "heading_open":
            kept.extend(lines[done:first])
            close()
            level = int(token.tag[1:])
            path = [(depth, name) for depth, name in path if depth < level]
            path.append((level, " ".join(tokens[position + 1].content.split())))
            done = last
        elif _has_html(tokens, position):
            kept.extend(lines[done:first])
            shown, found = read_fragment(parser.render("\n".join(lines[first:last])))
            hidden.extend(found)
            if shown:
                kept.append(shown)
            elif kept and not kept[-1].strip():
                kept.pop()  # the blank line behind stays
            done = last
    kept.extend(lines[done:])
    close()
    return tuple(sections), tuple(hidden)


def _has_html(tokens: list[Token], position: int) -> bool:
    """Whether the top-level block that begins at `position` holds raw HTML, at any depth."""
    for token in tokens[position:]:
        if token.type in _HTML or any(child.type in _HTML for child in token.children or ()):
            return True
        if token.level == 0 and token.nesting <= 0:
            return False
    return False
