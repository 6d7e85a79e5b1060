"""Reads a sitemap file (sitemaps.org) and fetches the pages that it lists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from lxml import etree

from knowledge_base.documents.document import DocumentError
from knowledge_base.documents.fields import lenient_day
from knowledge_base.documents.formats import CONTENT_TYPES
from knowledge_base.documents.sources import Raw

MOST_PAGES = 50_000  # of one sitemap, by its specification
MOST_SITEMAPS = 500  # that an index may list
TIMEOUT_SECONDS = 20.0
MOST_REDIRECTS = 5
_NAMESPACE = "{*}"


def pages_of(file: Path, client: httpx.Client, most_bytes: int) -> list[Raw]:
    """The pages that a sitemap file, or an index of sitemaps, lists. Raises `DocumentError` for any other file."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DocumentError(f"{file}: cannot be opened: {error.strerror}") from error
    return [
        Raw(address, _loader(client, address, most_bytes), url=address, dated=changed)
        for address, changed in _listed(content, str(file), client, most_bytes, index_allowed=True)
    ]


def web_client() -> httpx.Client:
    """A client that says who it is and gives up after a while; redirects are followed by `_fetch`."""
    return httpx.Client(timeout=TIMEOUT_SECONDS, headers={"User-Agent": "frontdesk-import"})


def _listed(
    content: bytes, name: str, client: httpx.Client, most_bytes: int, *, index_allowed: bool
) -> Iterator[tuple[str, date | None]]:
    root = _tree(content, name)
    kind = etree.QName(root).localname
    if kind == "sitemapindex" and index_allowed:
        for position, entry in enumerate(root.iterfind(f"{_NAMESPACE}sitemap")):
            if position == MOST_SITEMAPS:
                raise DocumentError(f"{name}: lists more than {MOST_SITEMAPS} sitemaps")
            address = _address(entry, name)
            inner, _content_type = _fetch(client, address, most_bytes)
            yield from _listed(inner, address, client, most_bytes, index_allowed=False)
        return
    if kind != "urlset":
        raise DocumentError(f"{name}: is no sitemap; its root element is <{kind}>")
    for position, entry in enumerate(root.iterfind(f"{_NAMESPACE}url")):
        if position == MOST_PAGES:
            raise DocumentError(f"{name}: lists more than {MOST_PAGES} pages")
        yield _address(entry, name), lenient_day(entry.findtext(f"{_NAMESPACE}lastmod"))


def _tree(content: bytes, name: str) -> etree._Element:
    # A sitemap has no entities of its own; those of a hostile one are neither resolved nor fetched.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(content, parser=parser)
    except etree.XMLSyntaxError as error:
        raise DocumentError(f"{name}: is not readable as XML: {error}") from error


def _address(entry: etree._Element, name: str) -> str:
    address = (entry.findtext(f"{_NAMESPACE}loc") or "").strip()
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise DocumentError(f"{name}: {address!r} is no web address")
    return address


def _loader(client: httpx.Client, address: str, most_bytes: int) -> Callable[[], tuple[bytes, str]]:
    def load() -> tuple[bytes, str]:
        content, content_type = _fetch(client, address, most_bytes)
        kind = CONTENT_TYPES.get(content_type)
        if kind is None:
            raise DocumentError(f"pages of type {content_type or 'unknown'} are not read")
        return content, kind

    return load


def _fetch(client: httpx.Client, address: str, most_bytes: int) -> tuple[bytes, str]:
    """Content and content type of a page. Redirects are followed on the same host only. Raises `DocumentError`."""
    host = urlsplit(address).netloc
    try:
        for _step in range(MOST_REDIRECTS + 1):
            with client.stream("GET", address) as response:
                if response.is_redirect and response.next_request is not None:
                    address = str(response.next_request.url)
                    if urlsplit(address).netloc != host:
                        raise DocumentError(f"leads to another site, {urlsplit(address).netloc}")
                    continue
                if response.status_code != httpx.codes.OK:
                    raise DocumentError(f"the server answered {response.status_code}")
                content = bytearray()
                for chunk in response.iter_bytes():
                    content.extend(chunk)
                    if len(content) > most_bytes:
                        raise DocumentError(f"is larger than {most_bytes / 2**20:.0f} MB")
                content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
                return bytes(content), content_type
    except httpx.HTTPError as error:
        raise DocumentError(f"cannot be fetched: {type(error).__name__} {error}".strip()) from error
    raise DocumentError(f"leads on more than {MOST_REDIRECTS} times")
