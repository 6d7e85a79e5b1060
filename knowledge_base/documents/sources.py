"""Where documents come from: a file, a folder or the pages of a sitemap, read one after the other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import yaml

from frontdesk.brand import Brand, UnknownPlaceholder
from knowledge_base.documents.document import (
    SOURCE_CHARACTERS,
    TITLE_CHARACTERS,
    Document,
    DocumentError,
    Fields,
    Parsed,
    Section,
)
from knowledge_base.documents.fields import overlaid, primary_subtag, read_fields
from knowledge_base.documents.formats import ENDINGS, parse
from knowledge_base.documents.scan import scan

DEFAULT_MOST_BYTES = 25 * 1024 * 1024
SIDE_FILE_ENDING = ".yml"  # manual.pdf.yml says what manual.pdf does not say about itself
SLUG_CHARACTERS = 120
CATEGORY_CHARACTERS = 60
DEFAULT_CATEGORY = "general"
OFFICE_LOCK = "~$"  # begins the name of the file that marks another as open

_UNSAFE = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True)
class Skipped:
    """A source that was not imported, and why."""

    source: str
    reason: str


@dataclass(frozen=True)
class Raw:
    """Where the content of a source is, before it is read. `load` gives content and format; raises `DocumentError`."""

    source: str  # path in the collection, or address
    load: Callable[[], tuple[bytes, str]]
    side_file: Path | None = None
    url: str | None = None
    dated: date | None = None


class Sources:
    """The documents of a list of sources. `total` grows while files that hold several are read."""

    def __init__(self, raws: Iterable[Raw], brand: Brand) -> None:
        self._raws = list(raws)
        self._brand = brand
        self.total = len(self._raws)

    def __iter__(self) -> Iterator[Document | Skipped]:
        taken: dict[str, str] = {}
        for raw in self._raws:
            try:
                documents = self._read(raw)
                self.total += len(documents) - 1
                for document in documents:
                    if document.slug in taken:
                        raise DocumentError(
                            f"another document is called {document.slug} already: {taken[document.slug]}"
                        )
            except DocumentError as error:
                yield Skipped(raw.source, str(error))
                continue
            taken |= {document.slug: raw.source for document in documents}
            yield from documents

    def _read(self, raw: Raw) -> list[Document]:
        if len(raw.source) > SOURCE_CHARACTERS:
            raise DocumentError(f"its name is longer than {SOURCE_CHARACTERS} characters")
        content, kind = raw.load()
        try:
            parsed = parse(content, kind, self._brand.fill)
        except UnknownPlaceholder as error:
            raise DocumentError(str(error)) from error
        above = _side_fields(raw.side_file) if raw.side_file is not None else Fields()
        return [self._document(raw, kind, one, above) for one in parsed]

    def _document(self, raw: Raw, kind: str, parsed: Parsed, above: Fields) -> Document:
        below = replace(parsed.fields, dated=parsed.fields.dated or raw.dated, url=parsed.fields.url or raw.url)
        fields = overlaid(below, above)
        title, sections = _titled(fields.title, parsed.sections, Path(raw.source).stem or raw.source)
        folders = [part for part in Path(raw.source).parts[:-1] if part != "/"] if raw.url is None else []
        # An article of ours says its topic; its file's name is its identity and the end of its address.
        is_article = kind == "markdown" and fields.topic is not None and raw.url is None
        name = Path(raw.source).stem if is_article else f"{raw.source}-{parsed.key}" if parsed.key else raw.source
        slug = slug_of(name)
        own_page = f"{self._brand.site_url}/help/{slug}" if is_article else None
        return Document(
            slug=slug,
            source=raw.source,
            format=kind,
            title=title,
            category=fields.category or fields.topic or _category(folders),
            url=fields.url or own_page,
            language=fields.language or primary_subtag(self._brand.language),
            fields=fields,
            sections=sections,
            findings=scan(title, sections, parsed.hidden),
        )


def files_of(path: Path, root: Path, most_bytes: int) -> list[Raw]:
    """The files that can be read at or below `path`, by name; `root` is the folder that their names count from.

    Files of other kinds, hidden ones and side files are passed over; a file that is named itself is not.
    """
    if path.is_file():
        found = [path]
    else:
        found = sorted(file for file in path.rglob("*") if file.is_file() and _is_document(file.relative_to(path)))
    return [_raw(file, root, most_bytes) for file in found]


def _is_document(name: Path) -> bool:
    return (
        name.suffix.lower() in ENDINGS
        and not any(part.startswith(".") for part in name.parts)
        and not name.name.startswith(OFFICE_LOCK)
    )


def _raw(file: Path, root: Path, most_bytes: int) -> Raw:
    side_file = file.with_name(file.name + SIDE_FILE_ENDING)

    def load() -> tuple[bytes, str]:
        kind = ENDINGS.get(file.suffix.lower())
        if kind is None:
            raise DocumentError(f"files of this kind are not read; known are {', '.join(sorted(ENDINGS))}")
        try:
            size = file.stat().st_size
            if size > most_bytes:
                raise DocumentError(f"has {size / 2**20:.1f} MB; at most {most_bytes / 2**20:.0f} MB are read")
            return file.read_bytes(), kind
        except OSError as error:
            raise DocumentError(f"cannot be opened: {error.strerror}") from error

    return Raw(file.relative_to(root).as_posix(), load, side_file if side_file.is_file() else None)


def _side_fields(file: Path) -> Fields:
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise DocumentError(f"{file.name}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise DocumentError(f"{file.name}: expected fields such as 'author: ...'")
    return read_fields(values)


def slug_of(name: str) -> str:
    """Small letters, figures and hyphens; a long name is cut and marked with a hash of all of it."""
    slug = _UNSAFE.sub("-", name.lower()).strip("-")
    if slug and len(slug) <= SLUG_CHARACTERS:
        return slug
    digest = hashlib.sha256(name.encode("utf-8", "replace")).hexdigest()[:8]
    return f"{slug[: SLUG_CHARACTERS - 9].strip('-')}-{digest}".lstrip("-")


def _titled(said: str | None, sections: tuple[Section, ...], file_name: str) -> tuple[str, tuple[Section, ...]]:
    """The title, and the sections without it: the outermost heading, where every section stands under that one."""
    first = sections[0].path[0] if sections[0].path else None
    outermost = {section.path[:1] for section in sections}
    title = said or first or file_name.replace("-", " ").replace("_", " ").strip().capitalize()
    if first is not None and len(outermost) == 1 and first.casefold() == title.casefold():
        sections = tuple(replace(section, path=section.path[1:]) for section in sections)
    if len(title) > TITLE_CHARACTERS:
        title = f"{title[: TITLE_CHARACTERS - 1].rsplit(' ', 1)[0]}…"
    return title, sections


def _category(folders: list[str]) -> str:
    return slug_of(folders[0])[:CATEGORY_CHARACTERS] if folders else DEFAULT_CATEGORY
