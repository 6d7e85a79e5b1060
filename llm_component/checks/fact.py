"""A fact of a text in its normal form."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    """A fact in its normal form: equal facts have equal `kind` and `value`, however they were written.

    `bound` is "low" or "high" for the ends of a range such as "3 to 5 working days". `soft`: a number that may be no
    more than grammar ("one code"), which counts only where the source says another number of the same noun, `noun`.
    """

    kind: str
    value: str
    text: str
    bound: str = ""
    soft: bool = False
    noun: str = ""
    start: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """What is compared."""
        return self.kind, self.value


# Makes facts of what a pattern found.
Maker = Callable[[re.Match[str]], Iterator[Fact]]
