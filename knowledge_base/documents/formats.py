"""Which parser reads what, by a file's ending or an answer's content type."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from knowledge_base.documents.document import DocumentError, Parsed

ENDINGS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".txt": "text",
    ".text": "text",
}
CONTENT_TYPES = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/markdown": "markdown",
    "text/plain": "text",
    "text/csv": "csv",
    "application/json": "json",
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
}
PDF_SIGNATURE = b"%PDF-"


def parse(content: bytes, kind: str, fill: Callable[[str], str]) -> list[Parsed]:
    """The documents in `content`, all or none; `fill` fills the placeholders of articles. Raises `DocumentError`."""
    if not content.strip():
        raise DocumentError("is empty")
    found = [one for one in _parsers(content, kind, fill) if one.sections]
    if not found:
        raise DocumentError("has no text")
    return found


def _parsers(content: bytes, kind: str, fill: Callable[[str], str]) -> Iterable[Parsed]:
    # Each parser's library is loaded by the first file that needs it: an import of Markdown waits for none of them.
    if kind == "pdf":
        if PDF_SIGNATURE not in content[:1024]:
            raise DocumentError("is no PDF")
        from knowledge_base.documents.pdf import parse_pdf

        return [parse_pdf(content)]
    if kind == "docx":
        from knowledge_base.documents.word import parse_docx

        return [parse_docx(content)]
    if kind == "html":
        from knowledge_base.documents.html import parse_html

        return [parse_html(content)]
    from knowledge_base.documents.plain_text import decoded, parse_text

    text = decoded(content)
    if kind == "markdown":
        from knowledge_base.documents.markdown import parse_markdown

        return [parse_markdown(text, fill)]
    if kind in ("csv", "json"):
        from knowledge_base.documents.questions import parse_csv, parse_json

        return parse_csv(text) if kind == "csv" else parse_json(text)
    return [parse_text(text)]
