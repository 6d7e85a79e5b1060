"""Reads PDF: lines in reading order, headings by their size and weight, ruled tables, the page of each paragraph."""

from __future__ import annotations

import io
import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pdfplumber
from pdfminer.layout import LTChar, LTContainer, LTFigure, LTPage, LTTextBox, LTTextLine
from pdfminer.pdfdocument import PDFPasswordIncorrect
from pdfplumber.page import Page
from pdfplumber.utils.exceptions import PdfminerException

from knowledge_base.documents.document import Block, DocumentError, Fields, Finding, Parsed, Section
from knowledge_base.documents.fields import lenient_day, primary_subtag
from knowledge_base.documents.pdf_visibility import Box, Shades, shown
from knowledge_base.documents.pipe_tables import pipe_table
from knowledge_base.documents.scan import HIDDEN_TEXT, excerpt

MOST_PAGES = 3000
LAYOUT = {"all_texts": True}  # text in embedded forms is laid out as well
# A line is a heading if its letters are this much larger than the text's, or bold, and it is short.
LARGER = 1.12
LONGEST_HEADING_CHARACTERS = 120
HEADING_LEVELS = 4
# A line that stands at the same height on at least this part of the pages, and on three, is a running header.
RUNNING_SHARE = 0.5
RUNNING_PAGES = 3
MARGIN_SHARE = 0.12  # of the page's height, above and below, where running headers stand
# Lines of one paragraph are at most this many line heights apart.
PARAGRAPH_GAP = 0.7

_BULLET = re.compile(r"^\s*[•●▪‣◦∙·–]\s+")
_NUMBERED = re.compile(r"^\s*(?:\d+[.)]|[-*])\s+")
_DIGITS = re.compile(r"\d+")
_DATE = re.compile(r"D:(\d{4})(\d{2})(\d{2})")
_FILE_NAME = re.compile(
    r"(?i)\.(docx?|pdf|indd|xlsx?|pptx?|odt|rtf|tex|dvi|qxd)$|^(microsoft word - |untitled|document\d*$)"
)

logging.getLogger("pdfminer").setLevel(logging.ERROR)  # it warns of every oddity it can read nevertheless


@dataclass(frozen=True)
class _Line:
    text: str
    size: float  # points
    bold: bool
    page: int
    top: float  # points from the upper edge
    bottom: float
    table: bool = False


def parse_pdf(content: bytes) -> Parsed:
    """One document. Raises `DocumentError`: encrypted, broken, too long, or without text (a scan)."""
    try:
        with pdfplumber.open(io.BytesIO(content), laparams=LAYOUT) as pdf:
            if len(pdf.pages) > MOST_PAGES:
                raise DocumentError(f"has {len(pdf.pages)} pages; at most {MOST_PAGES} are read")
            lines: list[_Line] = []
            hidden: list[Finding] = []
            for number, page in enumerate(pdf.pages, start=1):
                lines.extend(_lines(page, number, hidden))
                page.close()  # a page keeps every letter in memory
            fields = _fields(pdf.metadata, pdf.doc.catalog)
            pages = len(pdf.pages)
    except DocumentError:
        raise
    except PdfminerException as error:
        if error.args and isinstance(error.args[0], PDFPasswordIncorrect):
            raise DocumentError("is encrypted; save it without a password") from error
        raise DocumentError(f"not readable as PDF: {error}") from error
    except Exception as error:  # a broken file makes the parser fail in any way there is
        raise DocumentError(f"not readable as PDF: {type(error).__name__} {error}".strip()) from error
    lines = _without_running(lines, pages)
    if not lines:
        raise DocumentError("has no text; a scanned document needs text recognition first")
    return Parsed(fields, tuple(_sections(lines)), tuple(hidden))


def _lines(page: Page, number: int, hidden: list[Finding]) -> Iterator[_Line]:
    """The lines of a page in reading order, a table as one; what cannot be seen goes to `hidden`."""
    height = float(page.height)
    shades = Shades(page)
    tables = [(table.bbox, pipe_table(table.extract())) for table in page.find_tables()]
    tables = [(bbox, text) for bbox, text in tables if text.count("\n") > 1]
    waiting = sorted(tables, key=lambda table: table[0][1])
    unseen: list[str] = []
    for line in _text_lines(page.layout):
        box = Box(line.x0, height - line.y1, line.x1, height - line.y0)
        if any(_within(box, bbox) for bbox, _text in tables):
            continue
        letters = [one for one in line if isinstance(one, LTChar)]
        text = shown(line, letters, box, shades, unseen)
        if not text:
            continue
        while waiting and waiting[0][0][3] <= box.top + 1:
            yield _table(waiting.pop(0), number)
        sizes = Counter(round(one.size, 1) for one in letters)
        bold = sum("bold" in one.fontname.lower() or "black" in one.fontname.lower() for one in letters)
        yield _Line(text, sizes.most_common(1)[0][0], bold * 2 > len(letters), number, box.top, box.bottom)
    for table in waiting:
        yield _table(table, number)
    if len(" ".join(unseen).split()) > 0:
        hidden.append(Finding(HIDDEN_TEXT, f"page {number}", excerpt(" ".join(unseen))))


def _text_lines(container: LTPage | LTContainer) -> Iterator[LTTextLine]:
    """Lines in the order in which the layout analysis reads the text boxes of a page."""
    for element in container:
        if isinstance(element, LTTextLine):
            yield element
        elif isinstance(element, LTTextBox | LTFigure):
            yield from _text_lines(element)


def _within(box: Box, table: Sequence[float]) -> bool:
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return bool(table[0] <= x <= table[2] and table[1] <= y <= table[3])


def _table(table: tuple[Sequence[float], str], page: int) -> _Line:
    bbox, text = table
    return _Line(text, 0.0, False, page, float(bbox[1]), float(bbox[3]), table=True)


def _without_running(lines: list[_Line], pages: int) -> list[_Line]:
    """The lines without headers and footers: the same but for numbers, at the same height, on most pages."""
    if not lines:
        return []
    lowest = max(line.bottom for line in lines)
    on_pages: dict[tuple[str, int], set[int]] = {}
    for line in lines:
        on_pages.setdefault(_running_key(line), set()).add(line.page)
    least = max(RUNNING_PAGES, int(pages * RUNNING_SHARE))

    def runs(line: _Line) -> bool:
        in_margin = line.top < lowest * MARGIN_SHARE or line.bottom > lowest * (1 - MARGIN_SHARE)
        return in_margin and not line.table and len(on_pages[_running_key(line)]) >= least

    return [line for line in lines if not runs(line)]


def _running_key(line: _Line) -> tuple[str, int]:
    return _DIGITS.sub("0", line.text), round(line.top / 4)


def _sections(lines: list[_Line]) -> Iterator[Section]:
    weights: Counter[float] = Counter()
    for line in lines:
        weights[line.size] += 0 if line.table else len(line.text)
    body = weights.most_common(1)[0][0]
    bold_text = sum(len(line.text) for line in lines if line.bold) * 2 > sum(len(line.text) for line in lines)
    sizes = sorted({line.size for line in lines if _is_larger(line, body)}, reverse=True)
    levels = {size: min(level, HEADING_LEVELS) for level, size in enumerate(sizes, start=1)}
    path: list[tuple[int, str]] = []
    held: list[_Line] = []
    before: _Line | None = None
    for line in lines:
        larger = _is_larger(line, body)
        stands_out = line.bold and not bold_text and not line.text.rstrip().endswith((".", ",", ";"))
        if line.table or len(line.text) > LONGEST_HEADING_CHARACTERS or not (larger or stands_out):
            held.append(line)
            before = None
            continue
        level = levels[line.size] if larger else HEADING_LEVELS + 1
        if before is not None and path and path[-1][0] == level and _follows(before, line):
            path[-1] = (level, f"{path[-1][1]} {line.text}")  # a heading of two lines
        else:
            yield from _section(path, held)
            held = []
            path = [(depth, name) for depth, name in path if depth < level]
            path.append((level, line.text))
        before = line
    yield from _section(path, held)


def _is_larger(line: _Line, body: float) -> bool:
    return not line.table and line.size >= body * LARGER


def _follows(before: _Line, line: _Line) -> bool:
    """Whether a line stands right below another, as the next of its paragraph does."""
    height = before.bottom - before.top
    return before.page == line.page and -height < line.top - before.bottom <= height * PARAGRAPH_GAP


def _section(path: list[tuple[int, str]], lines: list[_Line]) -> Iterator[Section]:
    if lines:
        yield Section(tuple(name for _level, name in path), tuple(_blocks(lines)))


def _blocks(lines: list[_Line]) -> Iterator[Block]:
    """Lines as paragraphs, lists and tables."""
    paragraph = ""
    page = lines[0].page
    before: _Line | None = None
    for line in lines:
        text = _BULLET.sub("- ", line.text)
        is_item = bool(_NUMBERED.match(text))
        if paragraph and (line.table or before is None or not (_goes_on(before, line, paragraph) or is_item)):
            yield Block(paragraph, page)
            paragraph = ""
        if line.table:
            yield Block(line.text, line.page)
            before = None
            continue
        if not paragraph:
            paragraph, page = text, line.page
        elif is_item:
            paragraph = f"{paragraph}\n{text}"
        else:
            paragraph = _joined(paragraph, text)
        before = line
    if paragraph:
        yield Block(paragraph, page)


def _goes_on(before: _Line, line: _Line, paragraph: str) -> bool:
    """Whether a line belongs to the paragraph of the one before, on the same page or over its end."""
    if before.page != line.page or line.top < before.top:
        return not paragraph.rstrip().endswith((".", "!", "?", ":"))
    return _follows(before, line)


def _joined(paragraph: str, text: str) -> str:
    """A line put behind a paragraph; a word that was divided at the line's end is made whole."""
    if paragraph.endswith("-") and paragraph[-2:-1].isalpha() and text[:1].islower():
        return f"{paragraph[:-1]}{text}"
    return f"{paragraph} {text}"


def _fields(metadata: dict[str, object], catalog: dict[str, object]) -> Fields:
    title = " ".join(str(metadata.get("Title") or "").split())
    date = _DATE.match(str(metadata.get("ModDate") or metadata.get("CreationDate") or ""))
    language = catalog.get("Lang")
    tag = language.decode("latin-1") if isinstance(language, bytes) else ""
    return Fields(
        title=title[:200] if title and not _FILE_NAME.search(title) else None,
        author=" ".join(str(metadata.get("Author") or "").split())[:200] or None,
        dated=lenient_day("-".join(date.groups())) if date else None,
        language=primary_subtag(tag)[:12] or None,
    )
