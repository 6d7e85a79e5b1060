"""How people write: typing errors, politeness, lower case, and questions made whole again."""

from __future__ import annotations

import re
import string
from random import Random

from llm_component.training.data.draws import phrasings
from llm_component.training.data.worlds import Subject, capital

TYPO_SHARE = 0.22  # of questions have at least one typing error
LOWER_SHARE = 0.35
_NEIGHBOURS = {
    "a": "sq",
    "e": "wr",
    "i": "uo",
    "o": "ip",
    "t": "ry",
    "n": "bm",
    "s": "ad",
    "r": "et",
    "h": "gj",
    "l": "k",
}
_ARTICLE = re.compile(r"\A(?:the|a|an) ")


def dressed(question: str, rng: Random) -> str:
    """The question with what people put around it; its words stay in their order."""
    data = phrasings("manner")
    text = question
    form = rng.random()
    if form < 0.14:
        text = rng.choice(data["before"]) + text
    elif form < 0.24:
        text = text.rstrip("?") + rng.choice(data["after"])
    elif form < 0.28:
        text = rng.choice(data["before"]) + text.rstrip("?") + rng.choice(data["after"])
    elif form < 0.60 and not text.endswith("?"):
        text += "?"
    case = rng.random()
    if case < LOWER_SHARE:
        text = text.lower()
    elif case < 0.70:
        text = capital(text)
    elif case > 0.985:
        text = text.upper()
    if rng.random() < TYPO_SHARE:
        text = mistyped(text, rng)
        if rng.random() < 0.25:
            text = mistyped(text, rng)
    return text


def mistyped(text: str, rng: Random, *, names: bool = True) -> str:
    """One typing error in one word without digits; short ones are left alone, without `names` capitals too."""
    words = text.split(" ")
    places = [
        place for place, word in enumerate(words) if len(word) > 3 and word.isalpha() and (names or word.islower())
    ]
    if not places:
        return text
    place = rng.choice(places)
    word = words[place]
    at = rng.randint(1, len(word) - 2)
    form = rng.random()
    if form < 0.3:
        word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    elif form < 0.55:
        word = word[:at] + word[at + 1 :]
    elif form < 0.7:
        word = word[:at] + word[at] + word[at:]
    elif form < 0.85:
        word = word[:at] + rng.choice(_NEIGHBOURS.get(word[at].lower(), string.ascii_lowercase)) + word[at + 1 :]
    elif place + 1 < len(words) and words[place + 1].islower():
        words[place] = word + words.pop(place + 1)
        return " ".join(words)
    words[place] = word
    return " ".join(words)


def whole(question: str) -> str:
    """A bare question as it is written when it stands alone."""
    return capital(re.sub(r"\bi\b", "I", question.rstrip("?!. "))) + "?"


def named(subject: Subject, rng: Random, *, exact: bool = False) -> str:
    """The subject as a question names it. `exact`: so that it cannot be taken for another one."""
    if not subject.kind.is_product:
        return subject.p
    form = rng.random()
    if exact:
        return subject.p if form < 0.6 else subject.name
    if form < 0.42:
        return subject.p
    if form < 0.62:
        return subject.name
    if form < 0.72:
        return f"{rng.choice(('my', 'your', 'this'))} {subject.name}"
    if form < 0.86 and subject.noun:
        return f"the {subject.name} {subject.noun}"
    if form < 0.93 and subject.noun:
        return f"the {subject.noun} {subject.name}"
    return f"a {subject.name}"


def asked(template: str, subject_text: str) -> str:
    """The question's words with the subject in it; a label as key word drops the article."""
    if template.startswith(("{p} ", "{p}:")) and "{q}" not in template and template.count(" ") <= 2:
        subject_text = _ARTICLE.sub("", subject_text)
    return template.replace("{p}", subject_text)
