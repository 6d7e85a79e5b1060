"""Reads HTML: the page's main part as sections of Markdown; what its styles hide is left out and reported."""

from __future__ import annotations

from lxml import etree
from lxml import html as lxml_html

from knowledge_base.documents.document import Block, DocumentError, Fields, Finding, Parsed, Section
from knowledge_base.documents.fields import lenient_day, primary_subtag
from knowledge_base.documents.html_visibility import WHITE, Colour, StyleSheet, background_of, hides
from knowledge_base.documents.pipe_tables import pipe_table
from knowledge_base.documents.scan import COMMENT, HIDDEN_TEXT, excerpt, speaks_to_a_machine

DROPPED = frozenset(
    {"script", "style", "template", "nav", "footer", "aside", "form", "noscript", "iframe", "svg", "head"}
    | {"button", "select", "input", "textarea"}
)
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
BLOCKS = frozenset(
    {"address", "article", "blockquote", "body", "center", "dd", "details", "div", "dl", "dt", "fieldset", "figcaption"}
    | {"figure", "header", "hgroup", "hr", "li", "main", "ol", "p", "pre", "section", "table", "tbody", "td", "tfoot"}
    | {"th", "thead", "tr", "ul"}
)
HEADING_LIKE = (*HEADINGS, "summary")
LISTS = ("ul", "ol")
INDENT = "   "
WIDEST_SPAN = 20  # columns that a spanning cell is repeated in
SHORTEST_HIDDEN_WORDS = 5
SUMMARY_LEVEL = 7  # the line of a fold-out part stands under any heading
DEEPEST_NESTING = 200

_DATES = ("article:modified_time", "last-modified", "dcterms.modified", "date", "article:published_time")


def parse_html(content: bytes | str) -> Parsed:
    """One page. Raises `DocumentError`."""
    root = _tree(content)
    metas = {
        (meta.get("name") or meta.get("property") or "").lower(): meta.get("content") or ""
        for meta in root.iter("meta")
    }
    reader = _Reader(StyleSheet(style.text or "" for style in root.iter("style")))
    reader.read(_main_part(root))
    title = " ".join((root.findtext(".//title") or "").split())
    link = next((one.get("href") for one in root.iter("link") if one.get("rel") == "canonical"), None)
    dates = (lenient_day(metas.get(name)) for name in _DATES)
    fields = Fields(
        title=reader.first_heading or title or None,
        url=link if link and link.startswith(("https://", "http://")) else None,
        author=" ".join(metas.get("author", "").split())[:200] or None,
        dated=next((day for day in dates if day), None),
        language=primary_subtag(root.get("lang")) if root.get("lang") else None,
    )
    return Parsed(fields, tuple(reader.sections), tuple(reader.hidden))


def read_fragment(content: str) -> tuple[str, tuple[Finding, ...]]:
    """The visible text of a piece of HTML as Markdown, and what it hides."""
    try:
        root = lxml_html.fragment_fromstring(content, create_parent="div", parser=_parser(None))
    except (etree.ParserError, ValueError):
        return "", ()
    reader = _Reader(StyleSheet(style.text or "" for style in root.iter("style")))
    reader.read(root)
    return "\n\n".join(reader.texts()), tuple(reader.hidden)


def _tree(content: bytes | str) -> lxml_html.HtmlElement:
    parser = _parser(None if isinstance(content, str) else _declared(content))
    try:
        root = lxml_html.document_fromstring(content, parser=parser)
    except (etree.ParserError, ValueError) as error:
        raise DocumentError(f"not readable as HTML: {error}") from error
    deepest, places = 0, [(root, 1)]
    while places:
        element, depth = places.pop()
        deepest = max(deepest, depth)
        places.extend((child, depth + 1) for child in element)
    if deepest > DEEPEST_NESTING:
        raise DocumentError(f"its elements are nested {deepest} deep; at most {DEEPEST_NESTING} are read")
    return root


def _parser(encoding: str | None) -> lxml_html.HTMLParser:
    """A parser without libxml2's limit of 10 MB a text, beyond which it drops the rest of the page unsaid."""
    return lxml_html.HTMLParser(encoding=encoding, huge_tree=True)


def _declared(content: bytes) -> str | None:
    """UTF-8 where the page is valid UTF-8; None leaves it to what the page declares."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _main_part(root: lxml_html.HtmlElement) -> lxml_html.HtmlElement:
    """The element that holds what the page is about; the body where none is marked."""
    for path in (".//main", ".//*[@role='main']", ".//article"):
        found = root.findall(path)
        if len(found) == 1 and found[0].text_content().strip():
            return found[0]
    body = root.find("body")
    return root if body is None else body


class _Reader:
    """Walks elements and collects sections; inline text gathers until a block begins or ends."""

    def __init__(self, sheet: StyleSheet, *, lists: bool = True) -> None:
        self.sections: list[Section] = []
        self.hidden: list[Finding] = []
        self.first_heading: str | None = None
        self._sheet = sheet
        self._lists = lists
        self._path: list[tuple[int, str]] = []
        self._blocks: list[Block] = []
        self._inline: list[str] = []

    def read(self, element: lxml_html.HtmlElement) -> None:
        """Read an element to its end."""
        self._walk(element, self._background_around(element))
        self._close_section()

    def _background_around(self, element: lxml_html.HtmlElement) -> Colour | None:
        background: Colour | None = WHITE
        for ancestor in reversed(list(element.iterancestors())):
            background = background_of(self._sheet.styles(ancestor), background)
        return background

    def _walk(self, element: lxml_html.HtmlElement, around: Colour | None) -> None:
        if element.tag is etree.Comment:
            self._report(COMMENT, " ".join((element.text or "").split()))
            return
        tag = element.tag
        if not isinstance(tag, str) or tag in DROPPED:
            return
        styles = self._sheet.styles(element)
        background = background_of(styles, around)
        # On a background that is not known (a picture) any colour may be seen.
        if hides(element, styles if background else styles | {"color": "unknown"}, background or WHITE):
            self._report(HIDDEN_TEXT, " ".join(element.text_content().split()))
            return
        if tag in HEADING_LIKE:
            self._flush()
            self._head(SUMMARY_LEVEL if tag == "summary" else int(tag[1]), self._line(element, background))
        elif tag == "table" and not element.xpath(".//table"):
            self._flush()
            self._add(pipe_table(self._rows(element, background)))
        elif tag in LISTS:
            if self._lists:
                self._flush()
                self._add("\n".join(self._items(element, background)))
        elif tag == "pre":
            self._flush()
            self._add(f"```\n{element.text_content().strip()}\n```" if element.text_content().strip() else "")
        elif tag == "br":
            self._inline.append("\n")
        else:
            if tag in BLOCKS:
                self._flush()
            self._children(element, background)
            if tag in BLOCKS:
                self._flush()

    def _children(self, element: lxml_html.HtmlElement, background: Colour | None) -> None:
        self._inline.append(_spaced(element.text))
        for child in element:
            self._walk(child, background)
            self._inline.append(_spaced(child.tail))

    def _line(self, element: lxml_html.HtmlElement, background: Colour | None, *, lists: bool = True) -> str:
        """The visible text of an element in one line; without that of lists in it where `lists` is False."""
        inner = _Reader(self._sheet, lists=lists)
        inner._path = list(self._path)
        if element.tag in HEADING_LIKE:
            inner._children(element, background)
        else:
            inner._walk(element, background)
        inner._close_section()
        self.hidden.extend(inner.hidden)
        return " ".join(" ".join(inner.texts(below=len(self._path))).split())

    def _items(self, element: lxml_html.HtmlElement, background: Colour | None, depth: int = 0) -> list[str]:
        """A list's lines; those of lists in it are indented."""
        lines = []
        number = 0
        for item in element:
            if item.tag == "li":
                number += 1
                if text := self._line(item, background, lists=False):
                    mark = f"{number}." if element.tag == "ol" else "-"
                    lines.append(f"{INDENT * depth}{mark} {text}")
            for inner in [item] if item.tag in LISTS else item.iterchildren(*LISTS):
                lines.extend(self._items(inner, background, depth + 1))
        return lines

    def _rows(self, table: lxml_html.HtmlElement, background: Colour | None) -> list[list[str]]:
        """The table's cells; one that spans columns is repeated in each."""
        rows = []
        for row in table.iter("tr"):
            cells: list[str] = []
            shade = background_of(self._sheet.styles(row), background)
            for cell in row.iterchildren("td", "th"):
                span = int(cell.get("colspan")) if (cell.get("colspan") or "").isdigit() else 1
                cells += [self._line(cell, shade)] * max(1, min(span, WIDEST_SPAN))
            rows.append(cells)
        return rows

    def texts(self, below: int = 0) -> list[str]:
        """Headings and blocks in order, without the first `below` headings of each path."""
        found: list[str] = []
        before: tuple[str, ...] = ()
        for section in self.sections:
            path = section.path[below:]
            new = 0
            while new < min(len(path), len(before)) and path[new] == before[new]:
                new += 1
            found += [*path[new:], *(block.text for block in section.blocks)]
            before = path
        return found

    def _report(self, kind: str, text: str) -> None:
        # Menus and labels for screen readers are short; an instruction is not, or it speaks to a machine.
        if not speaks_to_a_machine(text) and (kind == COMMENT or len(text.split()) < SHORTEST_HIDDEN_WORDS):
            return
        self.hidden.append(Finding(kind, " > ".join(name for _level, name in self._path), excerpt(text)))

    def _head(self, level: int, text: str) -> None:
        if not text:
            return
        self._close_section()
        self.first_heading = self.first_heading or text
        self._path = [(depth, name) for depth, name in self._path if depth < level]
        self._path.append((level, text))

    def _add(self, text: str) -> None:
        if text.strip():
            self._blocks.append(Block(text))

    def _flush(self) -> None:
        lines = ("".join(self._inline)).split("\n")
        self._inline.clear()
        self._add("\n".join(line for line in (" ".join(line.split()) for line in lines) if line))

    def _close_section(self) -> None:
        self._flush()
        if self._blocks:
            self.sections.append(Section(tuple(name for _level, name in self._path), tuple(self._blocks)))
        self._blocks = []


def _spaced(text: str | None) -> str:
    """Text of an element or behind one; its line breaks are mere spaces."""
    return (text or "").replace("\n", " ")
