"""Which letters of a PDF page can be seen: not those in the colour of what lies below them, nor tiny ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pdfminer.layout import LTChar, LTTextLine
from pdfplumber.page import Page

from knowledge_base.documents.html_visibility import WHITE, Colour, same_colour

SMALLEST_POINTS = 2.0
# Letters in one line that cannot be seen, from which on they are reported: a stray white space is no text.
FEWEST_LETTERS = 3


@dataclass(frozen=True)
class Box:
    """A rectangle in points from the page's upper left corner."""

    left: float
    top: float
    right: float
    bottom: float


class Shades:
    """The filled areas and pictures of a page, in the order in which they are painted."""

    def __init__(self, page: Page) -> None:
        self._page = Box(0.0, 0.0, float(page.width), float(page.height))
        filled = [one for one in (*page.rects, *page.curves) if one.get("fill")]
        self._areas = [(_box(one), colour_of(one.get("non_stroking_color"))) for one in filled]
        self._pictures = [_box(one) for one in page.images]

    def below(self, box: Box) -> Colour | None:
        """The colour that a letter stands on; None where it is a picture or a colour that is not known."""
        if any(_covers(picture, box) for picture in self._pictures):
            return None
        found: Colour | None = WHITE
        for area, colour in self._areas:
            if _covers(area, box):
                found = colour
        return found

    def on_page(self, box: Box) -> bool:
        """Whether any part of the box lies on the page."""
        page = self._page
        return box.right > page.left and box.left < page.right and box.bottom > page.top and box.top < page.bottom


def shown(line: LTTextLine, letters: Sequence[LTChar], box: Box, shades: Shades, unseen: list[str]) -> str:
    """The text of a line without the letters that cannot be seen; those go to `unseen`."""
    below = shades.below(box)
    hidden = (
        {id(one) for one in letters if not _is_visible(one, below)} if shades.on_page(box) else set(map(id, letters))
    )
    if len([one for one in letters if id(one) in hidden and one.get_text().strip()]) < FEWEST_LETTERS:
        hidden = set()
    if hidden:
        unseen.append("".join(one.get_text() for one in letters if id(one) in hidden))
    kept = "".join(one.get_text() for one in line if id(one) not in hidden and hasattr(one, "get_text"))
    return " ".join(kept.split())


def _is_visible(letter: LTChar, below: Colour | None) -> bool:
    if letter.size < SMALLEST_POINTS:
        return False
    colour = colour_of(letter.graphicstate.ncolor)
    return below is None or colour is None or not same_colour(colour, below)


def colour_of(value: object) -> Colour | None:
    """Red, green and blue (0 to 255) of a PDF colour in grey, RGB or CMYK (0 to 1); None for any other."""
    if isinstance(value, int | float):
        value = (value,)
    if not isinstance(value, tuple | list) or not all(isinstance(part, int | float) for part in value):
        return None
    parts = [min(1.0, max(0.0, float(part))) for part in value]
    if len(parts) == 4:
        cyan, magenta, yellow, black = parts
        parts = [(1 - ink) * (1 - black) for ink in (cyan, magenta, yellow)]
    if len(parts) == 1:
        parts *= 3
    return (round(parts[0] * 255), round(parts[1] * 255), round(parts[2] * 255)) if len(parts) == 3 else None


def _box(one: dict[str, float]) -> Box:
    return Box(float(one["x0"]), float(one["top"]), float(one["x1"]), float(one["bottom"]))


def _covers(area: Box, box: Box) -> bool:
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return area.left <= x <= area.right and area.top <= y <= area.bottom
