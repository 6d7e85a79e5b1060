"""Texts with parts drawn at random: numbers, prices, dates, names and codes that no model can learn by heart."""

from __future__ import annotations

import functools
import re
import string
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import yaml

PHRASINGS = Path(__file__).with_name("phrasings")
Draw = Callable[[Random], str]
MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_ONE = re.compile(
    r"(?<![\d.,:/-])(1 (?:working |more )?"
    r"(?:year|month|week|day|hour|minute|second|piece|unit|cup|litre|device|station|charge|use|level|slice|kilo|inche?|space))s\b"
)
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@functools.cache
def phrasings(name: str) -> Any:
    """What stands in `phrasings/NAME.yml`. It is shared: do not change it."""
    return yaml.safe_load((PHRASINGS / f"{name}.yml").read_text(encoding="utf-8"))


def alternatives(text: str) -> tuple[str, ...]:
    """The texts between " | "."""
    return tuple(part.strip() for part in text.split(" | "))


class Text:
    """A text with drawn parts in angle brackets; other braces such as {p} stay as they are.

    `<0.5..2:0.1>` a number between two, in steps (1 if none is named); `<a/b>` one of these; `<&a/b/c>` two or three
    of these as a list; `<@date>` what `NAMED` makes; "≫" stands for ">". "1 days" becomes "1 day".
    Raises ValueError where a bracket says none of these.
    """

    __slots__ = ("drawn", "parts")

    def __init__(self, text: str) -> None:
        self.parts: list[str | Draw] = []
        rest = text
        while "<" in rest:
            before, _, rest = rest.partition("<")
            inside, closed, rest = rest.partition(">")
            if not closed or "<" in inside:
                raise ValueError(f"a bracket is not closed: {text!r}")
            self.parts += [before, _draw(inside)]
        self.parts.append(rest)
        self.drawn = len(self.parts) > 1

    def __call__(self, rng: Random) -> str:
        if not self.drawn:
            return str(self.parts[0])
        return singular("".join(part if isinstance(part, str) else part(rng) for part in self.parts))

    def with_core(self, rng: Random) -> tuple[str, str]:
        """The text, and its stretch from the first drawn part to the last ("" without any)."""
        if not self.drawn:
            return str(self.parts[0]), ""
        texts = [part if isinstance(part, str) else part(rng) for part in self.parts]
        return singular("".join(texts)), singular("".join(texts[1:-1]))


def singular(text: str) -> str:
    """ "1 days" as it should be."""
    return _ONE.sub(r"\1", text) if "1 " in text else text


@functools.cache
def texts(joined: str) -> tuple[Text, ...]:
    """The alternatives of a text, ready to be drawn."""
    return tuple(Text(part) for part in alternatives(joined))


def _draw(inside: str) -> Draw:
    if inside.startswith("@"):
        if inside not in NAMED:
            raise ValueError(f"nothing is called {inside}")
        return NAMED[inside]
    inside = inside.replace("≫", ">")  # stands for ">", which closes a bracket
    if inside.startswith("&"):
        return functools.partial(_some, inside[1:].split("/"))
    if ".." in inside and "/" not in inside:
        span, _, step = inside.partition(":")
        low, _, high = span.partition("..")
        return _numbers(low, high, step or "1")
    return functools.partial(_one, inside.split("/"))


def _one(options: Sequence[str], rng: Random) -> str:
    return options[int(rng.random() * len(options))]


def _some(options: Sequence[str], rng: Random) -> str:
    chosen = rng.sample(list(options), min(len(options), rng.choice((2, 2, 3))))
    return f"{', '.join(chosen[:-1])} and {chosen[-1]}"


def _numbers(low: str, high: str, step: str) -> Draw:
    places = max(len(part.partition(".")[2]) for part in (low, high, step))
    scale = 10**places
    first, every = round(float(low) * scale), round(float(step) * scale)
    count = (round(float(high) * scale) - first) // every + 1

    def draw(rng: Random) -> str:
        number = first + every * int(rng.random() * count)
        if not places:
            return (
                f"{number:,}" if number >= 1000 and rng.random() < 0.5 and not 1900 <= number <= 2100 else str(number)
            )
        return (
            f"{number / scale:.{places}f}".rstrip("0").rstrip(".")
            if rng.random() < 0.8
            else f"{number / scale:.{places}f}"
        )

    return draw


def _part(name: str, rng: Random) -> str:
    return _one(phrasings("parts")[name], rng)


def invented_word(rng: Random) -> str:
    """A name from syllables: "Belanton", "Corwick"."""
    middle = _part("middles", rng) if rng.random() < 0.4 else ""
    return _part("starts", rng) + middle + _part("ends", rng)


def code(rng: Random) -> str:
    """A code of letters and digits: "KX-4821", "T90B"."""
    letters = "".join(rng.choice(string.ascii_uppercase) for _ in range(rng.randint(1, 3)))
    digits = "".join(rng.choice(string.digits) for _ in range(rng.randint(2, 5)))
    form = rng.random()
    if form < 0.4:
        return f"{letters}-{digits}"
    if form < 0.8:
        return letters + digits
    return f"{letters}{digits}{rng.choice(string.ascii_uppercase)}"


def _date(rng: Random) -> str:
    day, month = rng.randint(1, 28), rng.choice(MONTHS)
    form = rng.random()
    if form < 0.35:
        return f"{day} {month}"
    if form < 0.65:
        return f"{day} {month} {rng.randint(2025, 2031)}"
    return f"{rng.choice(DAYS)}, {day} {month}"


def _clock(rng: Random) -> str:
    if rng.random() < 0.3:
        return f"{rng.randint(1, 11)} {rng.choice(('am', 'pm'))}"
    return f"{rng.randint(6, 22)}:{rng.choice(('00', '15', '30', '45'))}"


def _hours(rng: Random) -> str:
    opens, closes = rng.randint(6, 11), rng.randint(14, 22)
    minutes = ("00", "15", "30", "45")
    if rng.random() < 0.25:
        return f"{opens} am to {closes - 12} pm"
    return f"{opens}:{rng.choice(minutes)} to {closes}:{rng.choice(minutes)}"


def _email(rng: Random) -> str:
    box = rng.choice(("help", "service", "care", "orders", "info", "returns", "contact", "hello", "support"))
    return f"{box}@{invented_word(rng).lower()}.example"


def _person(rng: Random) -> str:
    return f"{_part('first_names', rng)} {invented_word(rng)}"


def _postcode(rng: Random) -> str:
    letters = "".join(rng.choice("ABDEHLMNRSTW") for _ in range(2))
    return f"{letters}{rng.randint(1, 29)} {rng.randint(1, 9)}{rng.choice('ABDEFHJ')}{rng.choice('ABDEFHJ')}"


def _button(rng: Random) -> str:
    return _one(alternatives(phrasings("guides")["buttons"]), rng)


NAMED: Mapping[str, Draw] = {
    "@date": _date,
    "@clock": _clock,
    "@hours": _hours,
    "@month": lambda rng: rng.choice(MONTHS),
    "@code": code,
    "@pin": lambda rng: str(rng.randint(1000, 999999)),
    "@town": invented_word,
    "@name": invented_word,
    "@brand": invented_word,
    "@person": _person,
    "@email": _email,
    "@postcode": _postcode,
    "@button": _button,
}
