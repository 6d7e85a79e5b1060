"""What a style sheet or a style attribute hides from a page's reader: inline styles and simple selectors."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml import html as lxml_html

Declarations = dict[str, str]
Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
# Two colours that differ by less on each of red, green and blue (0 to 255) cannot be told apart at a glance.
SAME_COLOUR = 24
SMALLEST_FONT_PIXELS = 2.0
FAR_OUTSIDE_PIXELS = -500.0

_RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SIMPLE_SELECTOR = re.compile(r"([a-z][a-z0-9]*)?([.#][\w-]+)?", re.IGNORECASE)
_LENGTH = re.compile(r"(-?[\d.]+)\s*(px|pt|em|rem|%)?")
_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})\b")
_RGB = re.compile(r"rgba?\(\s*(\d+)[\s,]+(\d+)[\s,]+(\d+)(?:[\s,/]+([\d.]+%?))?\s*\)")
_NAMED: dict[str, Colour] = {
    "white": WHITE,
    "snow": (255, 250, 250),
    "ivory": (255, 255, 240),
    "whitesmoke": (245, 245, 245),
    "ghostwhite": (248, 248, 255),
    "black": (0, 0, 0),
}
_PIXELS = {"px": 1.0, "pt": 4 / 3, "em": 16.0, "rem": 16.0, "%": 0.16, None: 1.0}


class StyleSheet:
    """The rules of a page's own `<style>` elements whose selector is one tag, class, id, or tag with one of these."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._rules: dict[str, Declarations] = {}
        for text in texts:
            for selectors, body in _RULE.findall(_COMMENT.sub("", text)):
                for selector in selectors.split(","):
                    if (name := selector.strip().lower()) and _SIMPLE_SELECTOR.fullmatch(name):
                        self._rules.setdefault(name, {}).update(_declarations(body))

    def styles(self, element: lxml_html.HtmlElement) -> Declarations:
        """What applies to the element itself, its style attribute last."""
        tag = str(element.tag).lower()
        marks = [f".{name}" for name in (element.get("class") or "").lower().split()]
        marks += [f"#{element.get('id').lower()}"] if element.get("id") else []
        found: Declarations = dict(self._rules.get(tag, {}))
        for mark in marks:
            found |= self._rules.get(mark, {}) | self._rules.get(tag + mark, {})
        return found | _declarations(element.get("style") or "")


def hides(element: lxml_html.HtmlElement, styles: Declarations, background: Colour) -> bool:
    """Whether the element's text cannot be seen on `background`, by its attributes or these styles."""
    if element.get("hidden") is not None and element.get("hidden") != "until-found":
        return True
    if styles.get("display") == "none" or styles.get("visibility") in ("hidden", "collapse"):
        return True
    size, opacity = _pixels(styles.get("font-size")), _pixels(styles.get("opacity"))
    if (size is not None and size < SMALLEST_FONT_PIXELS) or opacity == 0:
        return True
    places = (_pixels(styles.get(name)) for name in ("left", "top", "text-indent", "margin-left"))
    if any(place is not None and place <= FAR_OUTSIDE_PIXELS for place in places):
        return True
    if "color" not in styles:
        return False
    if styles["color"] == "transparent":
        return True
    colour = colour_of(styles["color"])
    return colour is not None and same_colour(colour, background)


def background_of(styles: Declarations, around: Colour | None) -> Colour | None:
    """The background that the styles give; `around` where they give none; None where it is a picture or unknown."""
    said = styles.get("background-color") or styles.get("background")
    if not said or said in ("none", "transparent", "inherit"):
        return around
    return colour_of(said)


def colour_of(value: str) -> Colour | None:
    """Red, green and blue (0 to 255) of a CSS colour; None for one that is not understood or see-through."""
    if match := _HEX.search(value):
        digits = match.group(1)
        digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
        return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)
    if match := _RGB.search(value):
        return int(match.group(1)), int(match.group(2)), int(match.group(3))
    return next((colour for name, colour in _NAMED.items() if re.search(rf"\b{name}\b", value)), None)


def same_colour(one: Colour, other: Colour) -> bool:
    """Whether a reader could not tell the two apart."""
    return all(abs(left - right) < SAME_COLOUR for left, right in zip(one, other, strict=True))


def _declarations(text: str) -> Declarations:
    found: Declarations = {}
    for part in text.split(";"):
        name, colon, value = part.partition(":")
        if colon:
            found[name.strip().lower()] = value.replace("!important", "").strip().lower()
    return found


def _pixels(value: str | None) -> float | None:
    match = _LENGTH.match(value or "")
    if match is None:
        return None
    try:
        return float(match.group(1)) * _PIXELS[match.group(2)]
    except ValueError:
        return None
