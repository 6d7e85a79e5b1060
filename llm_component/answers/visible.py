"""What a customer would see of what a model wrote, so that the checks examine the same; and addresses of nobody's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from llm_component.prompts.hygiene import without_hidden

# Raised and lowered digits belong to units (m², CO₂); a fraction's digits would run into those before it (2½).
_KEPT = re.compile(r"[²³¹⁰-₟]")
_FRACTION_SLASH = "\u2044"
_OTHER_DIGITS = re.compile(r"[^\x00-\x7f]")
# Whatever a chat page or a mail program may turn into a link, or take for markup of its own.
_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]{0,20}://[^\s<>\")\]]+"  # https://example.com
    r"|\bwww\.[^\s<>\")\]]+"
    r"|(?<![@\w.-])(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24}(?:[/?#:][^\s<>\")\]]*)?(?![\w@-])",  # example.com/returns
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(?:javascript|data|vbscript|file|tel|sms|mailto):(?=\S)", re.IGNORECASE)
_MARKUP = re.compile(r"</?[a-z!?][^<>]{0,300}>?|\]\s?\(", re.IGNORECASE)
_CLOSING = ".,;:!?'’\""


def visible(text: str) -> str:
    """`text` without control and zero-width characters, every kind of digit as the one that it means."""
    return _OTHER_DIGITS.sub(_plain_digit, without_hidden(text))


def foreign_markup(text: str, sources: Sequence[str]) -> bool:
    """Whether `text` holds HTML, a link or a web address that does not stand like that in one of `sources`."""
    found = [match.group().rstrip(_CLOSING) for match in _ADDRESS.finditer(text)]
    found += [match.group() for pattern in (_SCHEME, _MARKUP) for match in pattern.finditer(text)]
    if not found:
        return False
    known = "\n".join(sources).casefold()
    return any(_stands_not(each.casefold(), known) for each in found)


def _stands_not(address: str, known: str) -> bool:
    """Whether `known` does not have the whole of `address`: "example.co" is not there because "example.com" is."""
    start = r"(?<![\w.-])" if address[:1].isalnum() else ""
    end = r"(?![\w/-])" if address[-1:].isalnum() else ""
    return re.search(start + re.escape(address) + end, known) is None


def _plain_digit(found: re.Match[str]) -> str:
    sign = found[0]
    if not unicodedata.category(sign).startswith("N") or _KEPT.match(sign):
        return sign
    plain = unicodedata.normalize("NFKC", sign)
    if _FRACTION_SLASH in plain:
        return sign
    return "".join(str(unicodedata.digit(each, each)) for each in plain)
