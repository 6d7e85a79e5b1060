"""Takes out of a message what says nothing about its wish: the letter around it, and emoji."""

from __future__ import annotations

import re
import unicodedata

FEWEST_WORDS = 3  # left of a message before a closing on the same line is cut: "no thanks, mate" is an answer

_WHO = r"(?:\s+(?:there|all|again|team|guys|folks|everyone|both|sirs?|madam|or|and|customer|service|services|support))*"
_GREETING = re.compile(
    rf"""\s*(?:
        (?:hi|hello|hey|hiya|heya|hullo|greetings|good\s(?:morning|afternoon|evening|day)|dear)\b{_WHO}\s*[,.!:;\n–-]+
      | (?:morning|afternoon|evening){_WHO}\s*[,.!:\n]+
      | (?:hi|hello|hey|hiya|heya)\b{_WHO}(?=\s+\w+\s+\w+\s+\w)
    )\s*""",
    re.IGNORECASE | re.VERBOSE,
)
_PLEASANTRY = re.compile(
    r"\s*(?:i\s|i'm\s)?(?:hope|hoping|trust)\s(?:you|this|all|everything|everyone)\b[^.!?\n]*(?:[.!?\n]+\s*|$)",
    re.IGNORECASE,
)
_CLOSING = (
    r"(?:(?:with\s)?(?:kind|kindest|best|warm|warmest|many)?\s*regards|(?:all\sthe\s|all\smy\s)?best(?:\swishes)?"
    r"|yours(?:\s(?:sincerely|faithfully|truly))?|(?:many\s)?thanks(?:\s(?:in\sadvance|again|a\slot|so\smuch))?"
    r"|thank\syou(?:\s(?:in\sadvance|again|very\smuch|so\smuch))?|thanx|thx|cheers|sincerely)"
)
_SHORT_LINES = r"(?:[ \t]*\n+[^\n?]{0,60}){0,4}"  # name, position, telephone
_SIGNATURE = re.compile(
    rf"\s*\n\s*(?:{_CLOSING}\b[ \t]*[,.!]*[^\n?]{{0,25}}|-{{2,}}|sent\sfrom\smy\s[^\n?]{{0,25}}){_SHORT_LINES}\s*$",
    re.IGNORECASE,
)
_CLOSING_ON_THE_LINE = re.compile(rf"(?<=\S)\s+{_CLOSING}\s*,\s*[^\W\d_]+\.?(?:\s+x+)?\s*$", re.IGNORECASE)


def without_pasted(text: str) -> str:
    """The text of the same length, spaces in the place of a greeting before it, a signature after it, and emoji.

    Unchanged where nothing would be left: a message may be a greeting, or an emoji.
    """
    plain = "".join(" " if is_emoji(character) else character for character in text)
    start, end = _start(plain), len(plain)
    for pattern, fewest in ((_SIGNATURE, 1), (_CLOSING_ON_THE_LINE, FEWEST_WORDS)):
        match = pattern.search(plain, start, end)
        if match and _words(plain[start : match.start()]) >= fewest:
            end = match.start()
    kept = " " * start + plain[start:end] + " " * (len(plain) - end)
    return next((candidate for candidate in (kept, plain) if _words(candidate)), text)


def is_emoji(character: str) -> bool:
    """Whether the character is a pictogram or what joins and tints pictograms."""
    if character in "\ufe0f\u200d\u20e3":
        return True
    code = ord(character)
    return code >= _FIRST_PICTOGRAM and unicodedata.category(character) in ("So", "Sk")


_FIRST_PICTOGRAM = 0x2190  # below lie signs of writing, such as the degree sign


def _start(text: str) -> int:
    """Where the text begins after its greeting; 0 where nothing stands behind."""
    position = 0
    for pattern in (_GREETING, _PLEASANTRY):
        match = pattern.match(text, position)
        if match and _words(text[match.end() :]):
            position = match.end()
    return position


def _words(text: str) -> int:
    return sum(any(letter.isalnum() for letter in word) for word in text.split())
