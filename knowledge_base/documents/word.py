"""Reads DOCX: paragraphs, lists and tables in order, headings by their style; hidden runs are left out and reported."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import docx
from docx.oxml.ns import qn
from docx.table import Table
from docx.text.paragraph import Paragraph

from knowledge_base.documents.document import Block, DocumentError, Fields, Finding, Parsed, Section
from knowledge_base.documents.fields import primary_subtag
from knowledge_base.documents.pipe_tables import pipe_table
from knowledge_base.documents.scan import HIDDEN_TEXT, excerpt

# A compressed file of a few kilobytes can unpack to gigabytes.
MOST_UNPACKED_BYTES = 200 * 1024 * 1024
OLE_SIGNATURE = bytes.fromhex("d0cf11e0a1b11ae1")  # of encrypted DOCX, and of old DOC
SMALLEST_HALF_POINTS = 4
WHITE_FONT = "FFFFFF"

_HEADING = re.compile(r"^(?:heading|überschrift|titre)\s*(\d)$", re.IGNORECASE)
_LIST = re.compile(r"^list (bullet|number|paragraph)", re.IGNORECASE)


def parse_docx(content: bytes) -> Parsed:
    """One document. Raises `DocumentError`: encrypted, broken, or too large when unpacked."""
    if content.startswith(OLE_SIGNATURE):
        raise DocumentError("is encrypted, or in the old DOC format; save it as DOCX without a password")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > MOST_UNPACKED_BYTES:
            raise DocumentError(f"unpacks to {unpacked >> 20} MB; at most {MOST_UNPACKED_BYTES >> 20} are read")
        return _Reader(docx.Document(io.BytesIO(content))).parsed()
    except DocumentError:
        raise
    except Exception as error:  # a broken file makes the parser fail in any way there is
        raise DocumentError(f"not readable as DOCX: {type(error).__name__} {error}".strip()) from error


class _Reader:
    def __init__(self, document: Any) -> None:
        self._document = document
        self._title: str | None = None
        self._path: list[tuple[int, str]] = []
        self._blocks: list[Block] = []
        self._list: list[str] = []
        self._sections: list[Section] = []
        self._hidden: list[Finding] = []

    def parsed(self) -> Parsed:
        """The whole document."""
        for element in _body_elements(self._document.element.body):
            if element.tag == qn("w:tbl"):
                self._end_list()
                self._add(pipe_table(self._rows(Table(element, self._document))))
            else:
                self._paragraph(Paragraph(element, self._document))
        self._close_section()
        return Parsed(self._fields(), tuple(self._sections), tuple(self._hidden))

    def _fields(self) -> Fields:
        properties = self._document.core_properties
        moment = properties.modified or properties.created
        author = " ".join((properties.author or "").split())
        return Fields(
            title=self._title or " ".join((properties.title or "").split())[:200] or None,
            version=" ".join((properties.version or "").split())[:60] or None,
            author=author[:200] if author and author != "python-docx" else None,
            dated=moment.date() if moment else None,
            language=primary_subtag(properties.language or "")[:12] or None,
        )

    def _paragraph(self, paragraph: Paragraph) -> None:
        text = self._text(paragraph)
        if not text:
            return
        style = (paragraph.style.name if paragraph.style is not None else "") or ""
        if style.lower() == "title":
            self._title = self._title or text
            return
        if match := _HEADING.match(style):
            self._close_section()
            level = int(match.group(1))
            self._path = [(depth, name) for depth, name in self._path if depth < level]
            self._path.append((level, " ".join(text.split())))
        elif _LIST.match(style) or paragraph._p.xpath("./w:pPr/w:numPr"):
            numbered = "number" in style.lower()
            self._list.append(f"{f'{len(self._list) + 1}.' if numbered else '-'} {text}")
        else:
            self._end_list()
            self._add(text)

    def _text(self, paragraph: Paragraph) -> str:
        """The visible text of a paragraph: with what was inserted or linked, without what was deleted."""
        shown: list[str] = []
        unseen: list[str] = []
        for run in paragraph._p.xpath(".//w:r[not(ancestor::w:del) and not(ancestor::w:moveFrom)]"):
            (unseen if _is_hidden(run) else shown).append(_run_text(run))
        if hidden := "".join(unseen).strip():
            where = " > ".join(name for _level, name in self._path)
            self._hidden.append(Finding(HIDDEN_TEXT, where, excerpt(hidden)))
        lines = (" ".join(line.split()) for line in "".join(shown).split("\n"))
        return "\n".join(line for line in lines if line)

    def _rows(self, table: Table) -> list[list[str]]:
        """The cells of a table; one that spans several is repeated in each."""
        return [
            [" ".join(filter(None, (self._text(one) for one in cell.paragraphs))) for cell in row.cells]
            for row in table.rows
        ]

    def _add(self, text: str) -> None:
        if text.strip():
            self._blocks.append(Block(text))

    def _end_list(self) -> None:
        self._add("\n".join(self._list))
        self._list = []

    def _close_section(self) -> None:
        self._end_list()
        if self._blocks:
            self._sections.append(Section(tuple(name for _level, name in self._path), tuple(self._blocks)))
        self._blocks = []


def _body_elements(parent: Any) -> Iterator[Any]:
    """Paragraphs and tables in order, those in content controls too."""
    for child in parent.iterchildren():
        if child.tag in (qn("w:p"), qn("w:tbl")):
            yield child
        elif child.tag in (qn("w:sdt"), qn("w:sdtContent"), qn("w:ins"), qn("w:customXml")):
            yield from _body_elements(child)


def _run_text(run: Any) -> str:
    parts = []
    for child in run.iterchildren():
        if child.tag == qn("w:t"):
            parts.append(child.text or "")
        elif child.tag in (qn("w:br"), qn("w:cr")):
            parts.append("\n")
        elif child.tag == qn("w:tab"):
            parts.append(" ")
        elif child.tag == qn("w:noBreakHyphen"):
            parts.append("-")
    return "".join(parts)


def _is_hidden(run: Any) -> bool:
    """Whether a run is marked as hidden, white on nothing, or too small to read."""
    if run.xpath("./w:rPr/w:vanish[not(@w:val) or (@w:val != '0' and @w:val != 'false')]"):
        return True
    sizes = run.xpath("./w:rPr/w:sz/@w:val")
    if sizes and str(sizes[0]).isdigit() and int(sizes[0]) < SMALLEST_HALF_POINTS:
        return True
    colours = [str(colour).upper() for colour in run.xpath("./w:rPr/w:color/@w:val")]
    if WHITE_FONT not in colours:
        return False
    fills = run.xpath(
        "./w:rPr/w:shd/@w:fill | ancestor::w:p[1]/w:pPr/w:shd/@w:fill | ancestor::w:tc[1]/w:tcPr/w:shd/@w:fill"
    )
    shaded = any(str(fill).upper() not in (WHITE_FONT, "AUTO") for fill in fills)
    # A table's style may shade its first row without saying so on the cells.
    in_table = bool(run.xpath("ancestor::w:tc"))
    return not shaded and not in_table and not run.xpath("./w:rPr/w:highlight")
