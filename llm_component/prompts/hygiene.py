"""Makes texts of others safe to stand in a prompt as data: nothing hidden, no forged delimiters or citations."""

from __future__ import annotations

import re

# The tags that the templates put round data. Whatever looks like one of them inside data is taken out.
TAGS = ("conversation", "facts", "passages", "passage", "question", "message", "rules", "system")
CUT_MARK = " […] "

# Control characters but line break and tab, zero-width and direction marks, soft hyphen, surrogates, private use,
# and the invisible tag letters (U+E0000..), which can carry instructions that nobody sees.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\ue000-\uf8ff\U000e0000-\U000e0fff]"
)
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
# After runs of white space have become one space, more than this many cannot stand together. An unbounded number here
# would let a "<" with ten thousand spaces hold the process up for a minute.
_GAP = r"\s{0,4}"
_OPEN, _SLASH, _CLOSE = r"[<＜‹⟨〈﹤]", r"[/／∕]", r"[>＞›⟩〉﹥]"
_FORGED = re.compile(
    rf"{_OPEN}{_GAP}{_SLASH}?{_GAP}(?:{'|'.join(TAGS)})\b[^<>＜＞]{{0,80}}{_CLOSE}"  # our tags with their attributes
    rf"|{_OPEN}{_GAP}{_SLASH}?{_GAP}(?:{'|'.join(TAGS)})\b"  # and their beginnings, which a line end could complete
    r"|<[|｜][^<>]{0,60}[|｜]>"  # <|im_start|> and its kin
    rf"|<</?{_GAP}SYS{_GAP}>>|\[/?{_GAP}INST{_GAP}\]"
    rf"|</?{_GAP}(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn|end_of_utterance){_GAP}>",
    re.IGNORECASE,
)
_CITATION = re.compile(r"[\[［【]\s*(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\s*[\]］】]")
_ANGLES = re.compile(rf"{_OPEN}|{_CLOSE}")
_ROUNDS = 8  # nobody nests tags deeper than this by accident; then every angle bracket goes
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n\s*\n+")


def data(text: str) -> str:
    """`text` fit to stand between tags: line breaks kept, hidden characters, forged tags and citation marks gone."""
    text = _spaced(without_hidden(text))
    for _ in range(_ROUNDS):  # what is taken out can join its neighbours to a new tag
        text, found = _FORGED.subn(" ", text)
        if not found:
            break
        text = _spaced(text)
    else:
        text = _ANGLES.sub(" ", text)
    return _spaced(_CITATION.sub(r"(\1)", text)).strip()


def without_hidden(text: str) -> str:
    """`text` without control and invisible characters, every kind of line end as a line break."""
    return _HIDDEN.sub("", _LINE_ENDS.sub("\n", text))


def _spaced(text: str) -> str:
    """`text` with one space or one line break for each run of white space."""
    return _BLANK_LINES.sub("\n", _SPACES.sub(" ", text))


def data_line(text: str) -> str:
    """As `data`, on one line: no line of it can pass for one of ours, such as the next turn."""
    return " ".join(data(text).split())


def cut_middle(text: str, characters: int) -> str:
    """At most `characters` of `text`: its beginning and its end, with a mark where the middle was.

    The end is kept because a long message mostly asks its question there.
    """
    if len(text) <= characters:
        return text
    room = characters - len(CUT_MARK)
    if room < 2:
        return text[: max(characters, 0)]
    head = (room + 1) // 2
    return text[:head].rstrip() + CUT_MARK + text[len(text) - (room - head) :].lstrip()
