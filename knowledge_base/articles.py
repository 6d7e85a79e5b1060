"""Reads articles: Markdown files with a front matter, the shop's placeholders filled in."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from frontdesk.brand import Brand, UnknownPlaceholder

# Raised when the way articles are cut or embedded changes: then every one is imported anew.
CUTTING_VERSION = 1
FIELDS = frozenset({"title", "topic", "category", "products", "updated", "keywords"})
REQUIRED = ("title", "topic")

_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*\n(.*)\Z", re.DOTALL)
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")


class ArticleError(ValueError):
    """An article cannot be used; the message names the file and what is wrong."""


@dataclass(frozen=True)
class SourceArticle:
    """An article as its file says it."""

    slug: str  # the file's name without its ending
    url: str  # its page on the shop's site
    title: str
    topic: str
    category: str  # a product category's slug where the front matter names one, otherwise the topic
    products: tuple[str, ...]
    keywords: tuple[str, ...]
    updated: date | None
    body: str  # Markdown, placeholders filled

    @property
    def content_hash(self) -> str:
        """SHA-256 over everything that ends up in the database."""
        values = [
            CUTTING_VERSION, self.url, self.title, self.topic, self.category, self.products, self.keywords, self.body,
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()


def read_articles(folder: Path, brand: Brand) -> list[SourceArticle]:
    """Every `*.md` below `folder`, by slug.

    Raises `ArticleError` that names all files with faults, so that they can be mended in one go, or says that the
    folder has no article at all.
    """
    if not folder.is_dir():
        raise ArticleError(f"{folder}: there is no such folder")
    articles: dict[str, SourceArticle] = {}
    faults: list[str] = []
    for file in sorted(folder.rglob("*.md")):
        try:
            article = read_article(file, brand)
        except ArticleError as error:
            faults.append(str(error))
            continue
        if article.slug in articles:
            faults.append(f"{file}: another article is called {article.slug}.md already")
        articles[article.slug] = article
    if faults:
        raise ArticleError("\n".join(faults))
    if not articles:
        # A mistyped folder, most likely; taken at its word it would retire every article there is.
        raise ArticleError(f"{folder}: there is no article (*.md) in this folder; nothing was changed")
    return [articles[slug] for slug in sorted(articles)]


def read_article(file: Path, brand: Brand) -> SourceArticle:
    """One article. Raises `ArticleError`."""
    match = _FRONT_MATTER.match(file.read_text(encoding="utf-8"))
    if match is None:
        raise ArticleError(f"{file}: starts with a front matter between two lines of ---")
    try:
        meta = yaml.safe_load(match.group(1))
        body = brand.fill(match.group(2)).strip()
        title = brand.fill(str(meta["title"])) if isinstance(meta, dict) and "title" in meta else ""
    except yaml.YAMLError as error:
        raise ArticleError(f"{file}: the front matter is not valid YAML: {' '.join(str(error).split())}") from error
    except UnknownPlaceholder as error:
        raise ArticleError(f"{file}: {error}") from error
    _check(file, meta, body)
    return SourceArticle(
        slug=file.stem,
        url=f"{brand.site_url}/help/{file.stem}",
        title=title,
        topic=meta["topic"],
        category=meta.get("category") or meta["topic"],
        products=_texts(file, meta, "products"),
        keywords=_texts(file, meta, "keywords"),
        updated=meta.get("updated"),
        body=body,
    )


def _check(file: Path, meta: Any, body: str) -> None:
    if not isinstance(meta, dict):
        raise ArticleError(f"{file}: the front matter has no fields")
    for name in REQUIRED:
        if not isinstance(meta.get(name), str) or not meta[name].strip():
            raise ArticleError(f"{file}: field '{name}': missing")
    unknown = sorted(str(name) for name in meta if name not in FIELDS)
    if unknown:
        raise ArticleError(f"{file}: field '{unknown[0]}': unknown; known are {', '.join(sorted(FIELDS))}")
    if meta.get("updated") is not None and not isinstance(meta["updated"], date):
        raise ArticleError(f"{file}: field 'updated': expected a date such as 2026-09-03")
    if not _SLUG.fullmatch(file.stem):
        raise ArticleError(f"{file}: name the file in small letters, figures and hyphens")
    if not body:
        raise ArticleError(f"{file}: the article is empty")


def _texts(file: Path, meta: dict[str, Any], name: str) -> tuple[str, ...]:
    values = meta.get(name) or []
    if not isinstance(values, list):
        raise ArticleError(f"{file}: field '{name}': expected a list such as [one, two]")
    return tuple(str(value) for value in values)
