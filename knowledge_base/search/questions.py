"""A customer's question as search reads it: its telling words, and the conversation that makes it whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from knowledge_base.product_names import word_set

LONGEST_QUERY_CHARACTERS = 2000
MOST_QUERY_WORDS = 64
# A follow-up is read together with so many turns before it, of both sides.
TURNS_READ = 4
# A question with fewer telling words than this says too little by itself ("how long?"), and one that points back needs
# more of them to stand alone ("can it go in the dishwasher").
FEWEST_TELLING_WORDS = 2
FEWEST_WHEN_POINTING = 4

# Words that stand in nearly every question. PostgreSQL leaves such out by itself.
STOP_WORDS = word_set(
    """
    a about all am an and any are as at be been but by can could did do does for from had has have he her
    hi his how i if in into is it its just me my no not of on or our out please she should so some than
    that the their them then there these they this those to too us was we were what when where which who
    why will with would you your
    """
)

_WORD = re.compile(r"\w+", re.UNICODE)
_GOES_ON = re.compile(r"^\W*(?:and|or|but|also|so|what about|how about|what if|now|then)\b", re.IGNORECASE)
# "That" before a subject begins a clause ("headphones that I have opened").
_POINTS_BACK = re.compile(
    r"\b(?:it|its|it's|this|that's|that(?!\s+(?:i|you|we|they)\b)|they|them|these|those|ones?)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Question:
    """What is asked, with the turns before it, oldest first; they are read only as far as `text` has them."""

    asked: str
    history: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The question first, then what was said before it, newest first: an encoder cuts at the end.

        At most `LONGEST_QUERY_CHARACTERS`; empty where the question is.
        """
        if not self.asked.strip():
            return ""
        return "\n".join([self.asked, *reversed(self.history)])[:LONGEST_QUERY_CHARACTERS].strip()


def in_conversation(asked: str, turns: Sequence[str]) -> Question:
    """The question with the last turns if it needs them to be understood, alone if it stands by itself."""
    return Question(asked, tuple(turns[-TURNS_READ:]) if turns and is_follow_up(asked) else ())


def is_follow_up(asked: str) -> bool:
    """Whether a question goes on from what was said: "and for the blue one?", "how long does it take"."""
    telling = sum(word not in STOP_WORDS for word in _WORD.findall(asked.casefold()))
    if telling < FEWEST_TELLING_WORDS or _GOES_ON.search(asked):
        return True
    return telling < FEWEST_WHEN_POINTING and bool(_POINTS_BACK.search(asked))


def query_words(query: str) -> list[str]:
    """The words of a question that the full-text index is asked for, without the commonest."""
    words = list(dict.fromkeys(word.casefold() for word in _WORD.findall(query)))
    telling = [word for word in words if word not in STOP_WORDS]
    return (telling or words)[:MOST_QUERY_WORDS]
