"""What every format is read into: a document of sections, and what it says about itself."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date

TITLE_CHARACTERS = 200  # the columns they go into
SOURCE_CHARACTERS = 500


class DocumentError(ValueError):
    """A source cannot be used; the message says what is wrong with it."""


@dataclass(frozen=True)
class Block:
    """A paragraph, list or table as Markdown, and the page it starts on (from 1; None without pages)."""

    text: str
    page: int | None = None


@dataclass(frozen=True)
class Section:
    """What stands under one heading, down to the next one. `path` are the headings above it, outermost first."""

    path: tuple[str, ...]
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Finding:
    """Something in a document that a reader would not see, or that speaks to a machine."""

    kind: str  # one of the kinds of scan.py
    where: str  # heading path or page; "" where there is neither
    excerpt: str


@dataclass(frozen=True)
class Fields:
    """What a document says about itself; None or empty where it does not say."""

    title: str | None = None
    topic: str | None = None
    category: str | None = None
    url: str | None = None
    version: str | None = None
    author: str | None = None
    dated: date | None = None
    language: str | None = None  # primary subtag, such as en
    audience: str | None = None
    products: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_until: date | None = None
    draft: bool = False


@dataclass(frozen=True)
class Parsed:
    """What a parser makes of one document. `key` tells several documents of one file apart, and is "" for one."""

    fields: Fields
    sections: tuple[Section, ...]
    hidden: tuple[Finding, ...] = ()
    key: str = ""


@dataclass(frozen=True)
class Document:
    """A document ready to be stored."""

    slug: str
    source: str  # path in its collection, or address
    format: str
    title: str
    category: str
    url: str | None
    language: str
    fields: Fields
    sections: tuple[Section, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def content_hash(self) -> str:
        """SHA-256 over everything that is stored of it."""
        fields = self.fields
        values = [
            self.source, self.format, self.title, self.category, self.url, self.language,
            fields.version, fields.author, _text(fields.dated), fields.audience, fields.products, fields.keywords,
            _text(fields.valid_from), _text(fields.valid_until), fields.draft,
            [[section.path, [[block.text, block.page] for block in section.blocks]] for section in self.sections],
            [[finding.kind, finding.where, finding.excerpt] for finding in self.findings],
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode("utf-8", "replace")).hexdigest()


def _text(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
