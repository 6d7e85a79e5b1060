"""Numbers, amounts, dates, times, durations, contact details and codes in a text, in one normal form each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from llm_component.checks.fact import Fact, Maker
from llm_component.checks.moments import (
    CLOCK,
    DAY_NAME,
    MONTH_NAME,
    YEAR,
    clock,
    clock_range,
    date,
    days_word,
    weekday,
)  # fmt: skip
from llm_component.checks.units import UNITS

__all__ = ["EMAIL", "PHONE", "Fact", "number_of", "quantities"]


LONGEST_PORTION = 600  # characters; a sentence is seldom longer than half of it
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS = dict(
    zip(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], range(20, 100, 10), strict=True)
)
_SMALL = {word: value for value, word in enumerate(_ONES)} | _TENS
_ORDINALS = {"third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10}
_NUMBER_WORD = rf"(?:{'|'.join(sorted([*_SMALL, 'hundred', 'thousand'], key=len, reverse=True))})"
_WORD_NUMBER = rf"(?:a (?=hundred|thousand))?{_NUMBER_WORD}(?:[- ](?:and )?{_NUMBER_WORD}\b){{0,7}}"
_DIGITS = r"\d{1,3}(?:,\d{3}){1,5}(?:\.\d{1,15})?|\d{1,18}(?:\.\d{1,15})?"
_NUMBER = rf"(?:{_DIGITS}|\b{_WORD_NUMBER}\b)"
_TO = r"\s*(?:-|–|—|to|and|or|until|till)\s*"

# One letter is a unit only straight after digits.
_UNIT = "|".join(sorted((re.escape(name) for name in UNITS), key=len, reverse=True))
_AFTER_UNIT = r"(?:s|es)?(?![\w²³])"
_URL = r"https?://[^\s<>\"')\]]+|www\.[^\s<>\"')\]]+|\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:com|org|net|co\.uk|uk|example|io|gov|eu)(?:/[^\s<>\"')\]]*)?\b"
EMAIL = r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+"
# Ten digits or more behind 0 or +, however they are grouped.
PHONE = r"(?<![\w.])(?:\+\d{1,3}[\s\-.]?(?:\(0\)[\s\-.]?)?|\(?0)\d(?:[\s\-.()]{0,2}\d){7,11}(?!\w)"
_CURRENCY = {"£": "GBP", "gbp": "GBP", "pound": "GBP", "quid": "GBP", "$": "USD", "dollar": "USD", "usd": "USD",
             "€": "EUR", "euro": "EUR", "eur": "EUR", "p": "GBP", "pence": "GBP"}  # fmt: skip


def _plain(value: float) -> str:
    return f"{value:.10g}" if value != int(value) else str(int(value))


def number_of(said: str) -> float | None:
    """The number that digits or English words say; None where they say none."""
    said = said.lower().strip().replace(",", "")
    if re.fullmatch(r"\d+(?:\.\d+)?", said):
        return float(said)
    total, current, seen = 0.0, 0.0, False
    for word in re.split(r"[\s-]+", said):
        if word in _SMALL:
            current, seen = current + _SMALL[word], True
        elif word in ("hundred", "thousand"):
            factor = 100 if word == "hundred" else 1000
            total, current, seen = total + max(current, 1) * factor, 0.0, True
        elif word not in ("a", "and", "an"):
            return None
    return total + current if seen else None


def _is_range(match: re.Match[str], numbers: int) -> bool:
    """Whether two numbers are the ends of a range, and not merely "3 or 5 days"."""
    if numbers < 2:
        return False
    between = match.string[match.end("low") : match.start("high")].lower()
    return "or" not in between and ("and" not in between or "between" in match.string[: match.start()].lower()[-9:])


def _amount(match: re.Match[str]) -> Iterator[Fact]:
    groups = match.groupdict()
    sign = (groups.get("sign") or groups.get("word") or "£").lower()
    currency = _CURRENCY.get(sign) or _CURRENCY.get(sign.rstrip("s"), "GBP")
    factor = 0.01 if sign in ("p", "pence") else 1.0
    numbers = [number_of(groups[name]) for name in ("low", "high") if groups.get(name)]
    for place, value in enumerate(numbers):
        if value is not None:
            bound = ("low", "high")[place] if _is_range(match, len(numbers)) else ""
            yield Fact("amount", f"{currency} {value * factor:.2f}", match.group(), bound)


def _percent(match: re.Match[str]) -> Iterator[Fact]:
    for value in filter(None, (match["low"], match["high"])):
        number = number_of(value)
        if number is not None:
            yield Fact("percent", _plain(number), match.group())


def _measure(match: re.Match[str]) -> Iterator[Fact]:
    unit = re.sub(r"\s+", " ", match["unit"].lower())
    base, factor = UNITS[unit]
    numbers = [number_of(match[name]) for name in ("low", "high") if match[name]]
    for place, value in enumerate(numbers):
        if value is not None:
            bound = ("low", "high")[place] if _is_range(match, len(numbers)) else ""
            yield Fact("measure", f"{_plain(round(value * factor, 6))} {base}", match.group(), bound)


def _fixed_measure(match: re.Match[str]) -> Iterator[Fact]:
    said = match.group().lower()
    if "half" in said:
        yield Fact(
            "measure",
            f"{30 if 'hour' in said else 6 if 'year' in said else 720} {'month' if 'year' in said else 'minute'}",
            said,
        )
    else:
        base, factor = UNITS[re.split(r"[\s-]", said, maxsplit=1)[-1].removesuffix("s")]
        yield Fact("measure", f"{_plain(factor)} {base}", match.group(), soft=True, noun=base)


def _digits_only(kind: str) -> Maker:
    def make(match: re.Match[str]) -> Iterator[Fact]:
        digits = re.sub(r"\D", "", match.group().replace("(0)", ""))
        if kind == "phone" and not match.group().lstrip().startswith("+"):
            digits = "44" + digits.removeprefix("0")
        yield Fact(kind, digits, match.group())

    return make


def _literal(kind: str) -> Maker:
    def make(match: re.Match[str]) -> Iterator[Fact]:
        said = match.group().rstrip(".,;:!?").lower()
        yield Fact(kind, re.sub(r"^(?:https?://)?(?:www\.)?|/$", "", said), match.group())

    return make


def _times(match: re.Match[str]) -> Iterator[Fact]:
    yield Fact("number", "1" if match.group().lower() == "once" else "2", match.group(), soft=True, noun="times")


def _ordinal(match: re.Match[str]) -> Iterator[Fact]:
    said = match.group().lower()
    yield Fact("number", str(_ORDINALS[said] if said in _ORDINALS else int(said[:-2])), match.group())


# No count: "one of them", "this one", "the other one".
_NO_COUNT_AFTER = re.compile(
    r"\s*(?:of|that|which|who|is|for one|another|by one|or more|with|at a time|as|[.,;:!?)]|\Z)", re.IGNORECASE
)
_NO_COUNT_BEFORE = re.compile(
    r"(?:\b(?:the|this|that|new|old|other|another|each|every|no|which|any|right|wrong|one|whole|same|small|large|free|for)\s)\Z",
    re.IGNORECASE,
)


def _count(match: re.Match[str]) -> Iterator[Fact]:
    value = number_of(match["number"])
    if value is None:
        return
    soft = match["number"].lower() == "one"
    text, start, end = match.string, match.start(), match.end("number")
    if soft and (_NO_COUNT_AFTER.match(text, end) or _NO_COUNT_BEFORE.search(text, 0, start)):
        return
    noun = re.match(r"[\s-]+(?:more |further |other |failed |extra |free )?([A-Za-z]+)", text[end:])
    yield Fact("number", _plain(value), match["number"], soft=soft, noun=noun[1].lower().rstrip("s") if noun else "")


def _pattern(source: str) -> re.Pattern[str]:
    return re.compile(source, re.IGNORECASE)


# A number, or two of them as a range.
_ONE_OR_TWO = rf"(?<![\w.])(?P<low>{_NUMBER})(?:{_TO}(?P<high>{_NUMBER}))?"
# "May", "Mar", "Sat" are words too: alone they count as months only behind a preposition.
_LONE_MONTH = rf"(?i:(?!(?:may|mar|sep|dec|jan)\b){MONTH_NAME})|(?<=in )May|(?<=since )May|(?<=until )May"
_BEFORE_UNIT = r"(?:\s|-)?(?:(?:further|full|more|whole|consecutive|opening|calendar)\s)?"
# "Once the light is red" counts nothing.
_ONCE = (
    r"\b(?:once\b(?! (?:the|you|we|it|they|this|that|your|there|an?|again|all|both|he|she|our|registered|confirmed"
    r"|done)\b)|twice\b)"
)
# Earlier patterns win: what one took, later ones do not see.
_SCANNERS: tuple[tuple[re.Pattern[str], Maker], ...] = (
    (_pattern(EMAIL), _literal("email")),
    (_pattern(_URL), _literal("url")),
    (_pattern(r"(?<!\d)(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})(?!\d)"), date),
    (_pattern(r"(?<!\d)(?P<day>\d{1,2})[/.](?P<number>\d{1,2})[/.](?P<year>\d{4}|\d{2})(?!\d)"), date),
    (_pattern(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<month>{MONTH_NAME})\b\.?{YEAR}"), date),
    (_pattern(rf"\b(?P<month>{MONTH_NAME})\b\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:){YEAR}"), date),
    (re.compile(rf"\b(?P<month>{_LONE_MONTH})\b{YEAR}"), date),
    (_pattern(PHONE), _digits_only("phone")),
    (
        _pattern(
            rf"(?<![£$€\d.])(?P<low>\d{{1,2}}(?:[:.]\d\d)?(?:\s?[ap]m)?)\s*(?:-|–|to|until|till)\s*(?P<high>{CLOCK})"
        ),
        clock_range,
    ),
    (_pattern(rf"(?<![\d.:]){CLOCK}(?!\d)"), clock),
    (
        _pattern(
            rf"(?P<sign>[£$€])\s?(?P<low>{_DIGITS})(?:{_TO}(?P=sign)?\s?(?P<high>{_DIGITS})(?!\s*(?:{_UNIT})\b))?"
            r"(?:\s?(?:gbp|usd|eur)\b)?"
        ),
        _amount,
    ),
    (_pattern(rf"{_ONE_OR_TWO}(?:\s|-)?(?P<word>pounds?|gbp|quid|pence|dollars?|euros?|(?<=\d)p)\b"), _amount),
    (_pattern(rf"{_ONE_OR_TWO}(?:\s?%|\s?per ?cent\b|\spercent\b)"), _percent),
    (_pattern(r"\bhalf an hour\b|\bhalf a (?:day|year)\b|\bhalf-hour\b"), _fixed_measure),
    (_pattern(rf"{_ONE_OR_TWO}{_BEFORE_UNIT}(?P<unit>{_UNIT}){_AFTER_UNIT}"), _measure),
    (
        _pattern(r"\ban? (?:hour|day|week|month|year|minute|fortnight)\b(?! (?:later|ago))|\ban? working day\b"),
        _fixed_measure,
    ),
    (
        re.compile(
            rf"\b(?i:(?P<first>{DAY_NAME}))\b(?:(?i:\s*(?:-|–|to|through|until)\s*)(?P<last>(?i:{DAY_NAME}))\b)?"
        ),
        weekday,
    ),
    (_pattern(r"\bweekends?\b|\bweekdays?\b"), days_word),
    (
        re.compile(r"(?<![\w-])(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9]{2,}(?:-[A-Z0-9]+)*(?![\w-])"),
        _literal("code"),
    ),
    (_pattern(rf"\b(?:{'|'.join(_ORDINALS)}|\d+(?:st|nd|rd|th))\b"), _ordinal),
    (_pattern(_ONCE), _times),
    (_pattern(rf"(?<![\w.])#?(?P<number>{_NUMBER})(?![\w%])"), _count),
)
_FALSE_DAYS = re.compile(r"\b(?:sat|sun|wed|mon)\b")


def quantities(text: str) -> list[Fact]:
    """The facts in `text`, in the order in which they stand. What one pattern took, later ones do not see.

    A long text is read in portions: the time that some patterns take grows with the square of what they read.
    """
    text = text.replace("’", "'")
    return [
        replace(fact, start=fact.start + begin)
        for begin, portion in _portions(text)
        for fact in _quantities_of(portion)
    ]


def _portions(text: str) -> Iterator[tuple[int, str]]:
    """Begins and texts of portions of `LONGEST_PORTION` characters at most, cut at white space where there is any."""
    begin = 0
    while len(text) - begin > LONGEST_PORTION:
        end = begin + LONGEST_PORTION
        cut = max(text.rfind("\n", begin, end), text.rfind(". ", begin, end) + 1)
        if cut <= begin:
            cut = text.rfind(" ", begin, end)
        cut = cut if cut > begin else end
        yield begin, text[begin:cut]
        begin = cut
    yield begin, text[begin:]


def _quantities_of(text: str) -> list[Fact]:
    masked = _FALSE_DAYS.sub(lambda match: "_" * len(match.group()), text)
    found: list[Fact] = []
    for pattern, make in _SCANNERS:
        taken: list[tuple[int, int]] = []
        for match in pattern.finditer(masked):
            made = [
                Fact(each.kind, each.value, match.group(), each.bound, each.soft, each.noun, match.start())
                for each in make(match)
            ]
            if made:
                found.extend(made)
                taken.append(match.span())
        for start, end in taken:
            masked = masked[:start] + "\x00" * (end - start) + masked[end:]
    return sorted(found, key=lambda fact: fact.start)
