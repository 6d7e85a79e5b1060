"""Sitemaps: the pages they list are fetched from a server, and what cannot be fetched is skipped with its reason."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from frontdesk.brand import load_brand
from knowledge_base.documents.document import Document, DocumentError
from knowledge_base.documents.sitemap import pages_of, web_client
from knowledge_base.documents.sources import Skipped, Sources

NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
MOST_BYTES = 4096
Page = tuple[int, dict[str, str], bytes]
HTML = {"Content-Type": "text/html; charset=utf-8"}


class Site:
    """A web site on this machine; `pages` says what each path answers."""

    def __init__(self, url: str, pages: dict[str, Page]) -> None:
        self.url = url
        self.pages = pages

    def sitemap(self, folder: Path, *paths: str, changed: str = "2026-05-04T10:00:00+00:00") -> Path:
        """A sitemap file that lists these pages."""
        entries = "".join(f"<url><loc>{self.url}{path}</loc><lastmod>{changed}</lastmod></url>" for path in paths)
        file = folder / "sitemap.xml"
        file.write_text(f"<urlset {NAMESPACE}>{entries}</urlset>", encoding="utf-8")
        return file


@pytest.fixture
def site() -> Iterator[Site]:
    pages: dict[str, Page] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = pages.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Keep the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Site(f"http://127.0.0.1:{server.server_port}", pages)
    server.shutdown()
    thread.join()
    server.server_close()


def read(file: Path) -> tuple[list[Document], dict[str, str]]:
    with web_client() as client:
        found = list(Sources(pages_of(file, client, MOST_BYTES), load_brand()))
    return (
        [one for one in found if isinstance(one, Document)],
        {one.source: one.reason for one in found if isinstance(one, Skipped)},
    )


def test_the_listed_pages_become_documents_with_their_address_and_day(site: Site, tmp_path: Path) -> None:
    site.pages["/help/kettles?id=1"] = (200, HTML, b"<title>Kettles</title><main><p>Boil water.</p></main>")
    ((document,), skipped) = read(site.sitemap(tmp_path, "/help/kettles?id=1"))

    assert (document.title, document.format, document.category) == ("Kettles", "html", "general")
    assert document.source == document.url == f"{site.url}/help/kettles?id=1"
    assert document.slug.endswith("help-kettles-id-1")
    assert (document.fields.dated, skipped) == (date(2026, 5, 4), {})


def test_an_index_leads_to_its_sitemaps(site: Site, tmp_path: Path) -> None:
    site.pages["/a"] = (200, {"Content-Type": "text/plain"}, b"Text.")
    inner = f"<urlset {NAMESPACE}><url><loc>{site.url}/a</loc></url></urlset>".encode()
    site.pages["/inner.xml"] = (200, {"Content-Type": "application/xml"}, inner)
    index = tmp_path / "index.xml"
    index.write_text(
        f"<sitemapindex {NAMESPACE}><sitemap><loc>{site.url}/inner.xml</loc></sitemap></sitemapindex>",
        encoding="utf-8",
    )

    assert [document.source for document in read(index)[0]] == [f"{site.url}/a"]


def test_what_cannot_be_fetched_is_skipped_with_its_reason(site: Site, tmp_path: Path) -> None:
    site.pages["/image"] = (200, {"Content-Type": "image/png"}, b"png")
    site.pages["/large"] = (200, HTML, b"x" * (MOST_BYTES + 1))
    site.pages["/away"] = (302, {"Location": "http://elsewhere.example/"}, b"")
    site.pages["/round"] = (302, {"Location": "/round"}, b"")
    site.pages["/moved"] = (301, {"Location": "/good"}, b"")
    site.pages["/good"] = (200, HTML, b"<p>Good.</p>")
    paths = ("/image", "/large", "/away", "/round", "/moved", "/gone")
    documents, skipped = read(site.sitemap(tmp_path, *paths))

    assert [document.source for document in documents] == [f"{site.url}/moved"]
    reasons = {source.removeprefix(site.url): reason for source, reason in skipped.items()}
    assert reasons["/image"] == "pages of type image/png are not read"
    assert reasons["/large"].startswith("is larger than")
    assert reasons["/away"] == "leads to another site, elsewhere.example"
    assert reasons["/round"].startswith("leads on more than")
    assert reasons["/gone"] == "the server answered 404"


def test_a_server_that_is_not_there_is_a_reason_to_skip(tmp_path: Path) -> None:
    documents, skipped = read(Site("http://127.0.0.1:1", {}).sitemap(tmp_path, "/a"))

    assert documents == [] and "cannot be fetched" in skipped["http://127.0.0.1:1/a"]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("<urlset><url><loc>file:///etc/passwd</loc></url></urlset>", "no web address"),
        ("<rss></rss>", "is no sitemap"),
        ("not XML", "not readable as XML"),
    ],
)
def test_a_file_that_is_no_sitemap_says_so(tmp_path: Path, content: str, fault: str) -> None:
    file = tmp_path / "sitemap.xml"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(DocumentError, match=fault):
        read(file)
