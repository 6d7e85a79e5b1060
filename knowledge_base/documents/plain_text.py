"""Reads plain text: paragraphs as they stand; a line that is underlined with = or - is a heading."""

from __future__ import annotations

import re

from charset_normalizer import from_bytes

from knowledge_base.documents.document import Block, DocumentError, Fields, Parsed, Section

_UNDERLINE = re.compile(r"^(={3,}|-{3,})\s*$")
MOST_CONTROL_CHARACTERS = 0.01  # share of a text from which on it is taken for something else


def decoded(content: bytes) -> str:
    """The text of a file: UTF-8 or UTF-16 with a byte order mark, otherwise the likeliest encoding.

    Raises `DocumentError` for what is no text.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = content.decode("utf-16", "replace")
    else:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            best = from_bytes(content).best()
            if best is None:
                raise DocumentError("is no text in an encoding that can be told") from None
            text = str(best)
    controls = sum(character < " " and character not in "\t\n\r\f" for character in text)
    if controls > len(text) * MOST_CONTROL_CHARACTERS:
        raise DocumentError("is no text: it is full of control characters")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def parse_text(text: str) -> Parsed:
    """One document."""
    sections: list[Section] = []
    path: list[tuple[int, str]] = []
    kept: list[str] = []

    def close() -> None:
        if body := "\n".join(kept).strip():
            sections.append(Section(tuple(name for _level, name in path), (Block(body),)))
        kept.clear()

    for line in text.split("\n"):
        under = _UNDERLINE.match(line)
        if under is None or not kept or not kept[-1].strip() or (len(kept) > 1 and kept[-2].strip()):
            kept.append(line)
            continue
        heading = kept.pop().strip()
        close()
        level = 1 if under.group(1)[0] == "=" else 2
        path = [(depth, name) for depth, name in path if depth < level]
        path.append((level, heading))
    close()
    return Parsed(Fields(), tuple(sections))
