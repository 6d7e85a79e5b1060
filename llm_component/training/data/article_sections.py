"""Articles in Markdown, read as the sections that questions are asked about."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import yaml

from llm_component.training.data.draws import NAMED, invented_word
from llm_component.training.data.examples import Passage

LONGEST_PASSAGE_WORDS = 95

_FRONT = re.compile(r"\A---\n(.*?)\n---\n(.*)\Z", re.S)
_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
_WORD = re.compile(r"[a-z]{4,}")
_NAMES = ("shop_name", "support_email", "support_phone", "support_hours", "site_url")


@dataclass(frozen=True)
class Section:
    """A passage of an article; `lead` is the text before the first heading."""

    article: str
    category: str
    passage: Passage
    keywords: tuple[str, ...]
    products: tuple[str, ...]
    lead: bool


def read_articles(folder: Path) -> list[Section]:
    """All sections of the folder's articles, in the order of their paths. Raises ValueError where there is none."""
    sections: list[Section] = []
    for path in sorted(folder.rglob("*.md")):
        match = _FRONT.match(path.read_text(encoding="utf-8"))
        if match is None:
            continue
        front = yaml.safe_load(match[1]) or {}
        for place, (heading, text) in enumerate(_parts(match[2])):
            sections.append(
                Section(
                    str(path.relative_to(folder)),
                    str(front.get("category") or path.parent.name),
                    Passage(str(front.get("title", path.stem)), heading, text),
                    tuple(map(str, front.get("keywords", ()))),
                    tuple(map(str, front.get("products", ()))),
                    place == 0 and not heading,
                )
            )
    if not sections:
        raise ValueError(f"no articles in {folder}")
    return sections


def _parts(body: str) -> list[tuple[str, str]]:
    """Heading and text of each section, long ones cut between paragraphs."""
    found = []
    for block in re.split(r"(?m)^(?=#{2,3} )", body):
        heading, text = "", block.strip()
        if text.startswith("#"):
            heading, _, text = text.partition("\n")
            heading = heading.lstrip("# ").strip()
        piece = ""
        for paragraph in re.split(r"\n\s*\n", text.strip()):
            if piece and len(f"{piece} {paragraph}".split()) > LONGEST_PASSAGE_WORDS:
                found.append((heading, piece))
                piece = paragraph
            else:
                piece = f"{piece}\n\n{paragraph}".strip()
        if piece:
            found.append((heading, piece))
    return [(heading, text) for heading, text in found if len(text.split()) <= LONGEST_PASSAGE_WORDS + 15]


def words_of(text: str) -> list[str]:
    """The words of four letters and more, in lower case."""
    return _WORD.findall(text.lower())


def placeholders_filled(rng: Random) -> Callable[[str], str]:
    """A function that fills the placeholders of a text, with the same drawn values each time."""
    values = {name: _value(name, rng) for name in _NAMES}
    return lambda text: _PLACEHOLDER.sub(lambda match: values.get(match[1], match[1]), text)


def _value(name: str, rng: Random) -> str:
    """A random value for a placeholder of the articles."""
    if name == "support_phone":
        return f"0113 496 0{rng.randint(100, 999)}"
    if name == "support_email":
        return NAMED["@email"](rng)
    if name == "support_hours":
        return f"Monday to Friday {NAMED['@hours'](rng)}"
    return f"https://www.{invented_word(rng).lower()}.example" if name == "site_url" else invented_word(rng)
