"""Looks for what could steer a language model that reads a document: phrases, invisible characters, hidden text.

The phrases are those of published prompt injections. They are looked for in text that was folded first: compatibility
forms and look-alike letters made plain, invisible characters taken out, spaces made one. A paraphrase that none of them
knows passes; what a passage may make the model do is limited elsewhere, by the checks on each sentence it writes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from knowledge_base.documents.document import Finding, Section
from knowledge_base.documents.machine_phrases import PHRASES

# Raised when the scan, the parsers or the cutting change: then every document is read and cut anew.
IMPORT_VERSION = 1

PHRASE = "speaks to a machine"
INVISIBLE = "invisible characters"
HIDDEN_TEXT = "hidden text"
COMMENT = "comment"

MOST_FINDINGS = 20
EXCERPT_CHARACTERS = 160

# Letters of other scripts that look like Latin ones, after compatibility forms were made plain.
_LOOK_ALIKES = str.maketrans("аеорсухіјѕԁɡοανιεκτ", "aeopcyxijsdgoaviekt")
_TYPOGRAPHIC = str.maketrans({"’": "'", "‘": "'", "`": "'", "‐": "-", "‑": "-", "–": "-"})

_ZERO_WIDTH = frozenset("\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\u180e")
_JOINERS = frozenset("\u200c\u200d")
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_TAGS = range(0xE0000, 0xE0080)
_BLACK_FLAG = "\U0001f3f4"
_WITHOUT_INVISIBLE = dict.fromkeys([*map(ord, _ZERO_WIDTH | _JOINERS | _TURNING), *_TAGS])
_SPELLED = {tag: tag - _TAGS.start for tag in _TAGS if tag - _TAGS.start >= ord(" ")}


def scan(title: str, sections: Iterable[Section], hidden: Iterable[Finding]) -> tuple[Finding, ...]:
    """What a person should look at before the document goes live, the most telling first, at most 20."""
    phrases: list[Finding] = []
    characters: list[Finding] = []
    for where, text in _texts(title, sections):
        for phrase in machine_phrases(text):
            phrases.append(Finding(PHRASE, where, excerpt(phrase)))
        if (found := invisible_characters(text)) is not None:
            characters.append(Finding(INVISIBLE, where, found))
    return tuple(dict.fromkeys([*phrases, *hidden, *characters]))[:MOST_FINDINGS]


def speaks_to_a_machine(text: str) -> bool:
    """Whether one of the phrases stands in the text."""
    return any(True for _phrase in machine_phrases(text))


def machine_phrases(text: str) -> Iterator[str]:
    """The first match of each phrase, as the folded text has it, with some of what follows."""
    folded = _folded(text)
    for pattern in PHRASES:
        if match := pattern.search(folded):
            yield folded[match.start() : match.end() + EXCERPT_CHARACTERS // 2]


def invisible_characters(text: str) -> str | None:
    """Which invisible characters stand in the text where no script or emoji needs them, with their surroundings."""
    found = sorted({f"U+{ord(character):04X}" for position, character in _invisible(text)})
    if not found:
        return None
    first = next(position for position, _character in _invisible(text))
    return f"{', '.join(found)} near: {excerpt(_seen(text[max(0, first - 40) : first + 40]))}"


def excerpt(text: str) -> str:
    """The beginning of a text, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT_CHARACTERS else f"{line[:EXCERPT_CHARACTERS]} …"


def _texts(title: str, sections: Iterable[Section]) -> Iterator[tuple[str, str]]:
    yield "title", title
    for section in sections:
        where = " > ".join(section.path)
        pages = [block.page for block in section.blocks if block.page is not None]
        where = f"{where} (page {pages[0]})".strip() if pages else where
        yield where, "\n".join([*section.path[-1:], *(block.text for block in section.blocks)])


def _invisible(text: str) -> Iterator[tuple[int, str]]:
    if text.isascii():
        return
    in_flag = False
    for position, character in enumerate(text):
        if ord(character) in _TAGS:
            if not in_flag:
                yield position, character
            continue
        in_flag = character == _BLACK_FLAG  # the flags of England, Scotland and Wales are written with tags
        if (
            character in _ZERO_WIDTH
            or character in _TURNING
            or (character in _JOINERS and _between_latin(text, position))
        ):
            yield position, character


def _between_latin(text: str, position: int) -> bool:
    """Whether a joiner stands beside a Latin letter: other scripts and emojis need joiners, Latin does not."""
    beside = text[max(0, position - 1) : position] + text[position + 1 : position + 2]
    return any(character.isascii() and character.isalnum() for character in beside)


def _seen(text: str) -> str:
    return text.translate(_WITHOUT_INVISIBLE)


def _folded(text: str) -> str:
    """The text as the phrases expect it; what tag characters spell is made readable first."""
    folded = text.casefold()
    if not text.isascii():
        plain = unicodedata.normalize("NFKC", _seen(text.translate(_SPELLED))).casefold()
        marked = unicodedata.normalize("NFD", plain.translate(_LOOK_ALIKES).translate(_TYPOGRAPHIC))
        folded = "".join(one for one in marked if one.isascii() or not unicodedata.combining(one))
    lines = (" ".join(line.replace("*", "").replace("_", " ").split()) for line in folded.split("\n"))
    return "\n".join(line for line in lines if line)
