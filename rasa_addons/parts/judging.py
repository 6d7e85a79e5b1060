"""Which cuts of a message are made: only those where every part is a wish that stands alone.

A wrong cut costs more than a missed one: a message that stays whole is answered as it was before, one that is torn
apart gets an answer to half a sentence. So all conditions are needed, and whatever is doubtful stays in one piece.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Sequence, Set, Text, Tuple

from rasa_addons.parts.cutting import divisions, is_instruction, is_question

# A part is what the customer wants, or what the running form has asked for.
WISH = "wish"
ANSWER = "answer"

# "Yes, but ..." and "1043, unless ..." are conditions of what was said before, not wishes of their own.
_CONDITION = re.compile(r"\b(?:if|unless|only|instead|first|wait|but)\b", re.IGNORECASE)
# What is said before anything is said. An order must not be cancelled by "ok" before a question.
_FILLER = re.compile(
    r"\W*(?:(?:ok|okay|k|well|so|hm+|u+m+|actually|by the way|btw|sorry|hi|hello|hey|thanks?|thank you|alright|right"
    r"|fine|great|good|cool|oh|ah|wow|please|one more thing|quick question)\W*)+",
    re.IGNORECASE,
)
# What points to something said before; "is it free to return things" and "after that" do not.
_POINTING = re.compile(
    r"(?<!after )(?<!besides )\b(?:it(?!\s+(?:free|possible|ok|okay|allowed|safe|hard|easy|necessary|too late)\s+to\b)"
    r"|its|it's|this|that|that's|these|those|they|them|(?<!is )(?<!are )(?<!you )there|one|ones|he|she|else)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+(?:['’]\w+)*")


@dataclass(frozen=True)
class Reading:
    """What the pipeline made of a text by itself; `ranking` holds the intents, the most probable first."""

    text: Text
    intent: Text
    confidence: float
    entities: Sequence[Mapping[Text, Any]] = ()
    ranking: Sequence[Tuple[Text, float]] = ()
    # Whether one of its pieces begins like a request; whether it comes after "also", "plus" and the like.
    asks: bool = False
    added: bool = False

    @property
    def points_back(self) -> bool:
        """Whether only what was said before can tell what the text is about."""
        return not self.entities and bool(_POINTING.search(self.text))

    @property
    def named(self) -> Dict[Text, Set[Text]]:
        """Values of the entities, by kind."""
        found: Dict[Text, Set[Text]] = {}
        for entity in self.entities:
            found.setdefault(str(entity.get("entity")), set()).add(str(entity.get("value")).casefold())
        return found


@dataclass(frozen=True)
class Part:
    """A part of a message: its role, what was read, and the intent that it is served by."""

    role: Text
    reading: Reading
    intent: Text
    confidence: float


@dataclass(frozen=True)
class Rules:
    """What counts as a wish, in terms of one assistant's intents.

    Parameters:
        sure_from: probability from which the intent of a part is believed that begins like a request and names
            something (an entity).
        very_sure_from: the same where there is more reason to doubt: nothing is named, no beginning like a request ("my
            parcel never came"), an open question beside it, or a form that has asked for something else.
        open_intent: intent of an open question, for which no probability speaks.
        open_words: words that an open question needs at least where it names something.
        open_words_unnamed: the same where it names nothing, as "is the battery included?"
        question_words: words that any other question needs at least where it names nothing: "from what amount?"
        never: intents that are no wish by themselves, such as a greeting.
        stated: intents that are a wish even where nothing is asked for.
        same_matter: groups of intents that often speak of one matter in several sentences; two of a group are two
            wishes only if they name different things.
    """

    sure_from: float = 0.4
    very_sure_from: float = 0.6
    open_intent: Text = "nlu_fallback"
    open_words: int = 4
    open_words_unnamed: int = 7
    question_words: int = 4
    never: FrozenSet[Text] = frozenset()
    stated: FrozenSet[Text] = frozenset()
    same_matter: Sequence[FrozenSet[Text]] = field(default_factory=tuple)

    def related(self, one: Text, other: Text) -> bool:
        """Whether two intents may be about one matter."""
        return one == other or any(one in group and other in group for group in self.same_matter)


Readings = Mapping[Tuple[int, int], Reading]


def judge(readings: Readings, count: int, rules: Rules, in_form: bool) -> Optional[List[Part]]:
    """The parts of a message, or None where it stays whole.

    Args:
        readings: by first and last index of the pieces that a text is made of (`cutting.runs`), the whole among them.
        count: pieces of the message.
        in_form: whether a form has asked something, so that the first part may be the answer.

    Of several ways to cut, the one with most parts wins: what is not a part of its own is not served. Among those, the
    one whose least certain part is the most certain.
    """
    best: Optional[List[Part]] = None
    best_value = (0, 0.0)
    for division in divisions(count):
        parts = _parts([readings[run] for run in division], rules, in_form)
        if parts is None or not _apart(parts, rules) or _goes_on(parts, division, readings, rules):
            continue
        value = (len(parts), min(part.confidence for part in parts))
        if value > best_value:
            best, best_value = parts, value
    return best


def _parts(found: Sequence[Reading], rules: Rules, in_form: bool) -> Optional[List[Part]]:
    """The parts with their roles; None if one of them has none."""
    parts: List[Part] = []
    for place, reading in enumerate(found):
        part: Optional[Part] = None
        if in_form and (_CONDITION.search(reading.text) or (place and is_instruction(reading.text))):
            return None
        if in_form and place == 0 and _answers(reading):
            part = Part(ANSWER, reading, reading.intent, max(reading.confidence, rules.sure_from))
        elif reading.asks or not in_form:
            part = wish(reading, rules, first=place == 0)
        if part is None or (in_form and part.role == WISH and not _sure_in_form(part, rules)):
            return None
        parts.append(part)
    return parts if _stated_apart(parts) else None


def _answers(reading: Reading) -> bool:
    """Whether a first part may be the answer to what a form has asked."""
    return not reading.asks and not is_question(reading.text) and not _FILLER.fullmatch(reading.text)


def _stated_apart(parts: Sequence[Part]) -> bool:
    """Whether what follows a mere statement is said to be another matter or names one, and is not what it led up to."""
    return all(
        before.reading.asks or before.role == ANSWER or part.reading.added or part.reading.entities
        for before, part in itertools.pairwise(parts)
    )


def _sure_in_form(part: Part, rules: Rules) -> bool:
    return part.intent == rules.open_intent or part.confidence >= rules.very_sure_from


def wish(reading: Reading, rules: Rules, first: bool) -> Optional[Part]:
    """What a part asks for by itself, if that is sure enough."""
    intent, confidence = _meant(reading, rules)
    if intent in rules.never:
        return None
    if intent == rules.open_intent:
        least = rules.open_words if reading.entities else rules.open_words_unnamed
        whole = reading.asks and is_question(reading.text) and len(_WORD.findall(reading.text)) >= least
        return Part(WISH, reading, intent, rules.sure_from) if whole and not reading.points_back else None
    if is_question(reading.text) and not reading.entities and len(_WORD.findall(reading.text)) < rules.question_words:
        return None
    # A statement after a request is mostly its reason: "I want to return it. It is too loud."
    stated = intent in rules.stated and (first or reading.added)
    sure = confidence >= (rules.sure_from if reading.asks and reading.entities else rules.very_sure_from)
    wanted = reading.asks or is_question(reading.text) or stated
    return Part(WISH, reading, intent, confidence) if sure and wanted else None


def _meant(reading: Reading, rules: Rules) -> Tuple[Text, float]:
    """Intent and probability; of a text that begins like a request, given that it is one.

    "Where is 1043" may look like a mere detail to the classifier. That it is a request is known from its words, so the
    probabilities of intents that are no wish are left out and the others scaled to 1.
    """
    if reading.intent not in rules.never or not reading.asks:
        return reading.intent, reading.confidence
    left = [(intent, probability) for intent, probability in reading.ranking if intent not in rules.never]
    out = sum(probability for intent, probability in reading.ranking if intent in rules.never)
    if not left or left[0][0] == rules.open_intent or out >= 1.0:
        return reading.intent, reading.confidence
    return left[0][0], min(left[0][1] / (1.0 - out), 1.0)


def _apart(parts: Sequence[Part], rules: Rules) -> bool:
    """Whether all wishes are about different matters."""
    wishes = [part for part in parts if part.role == WISH]
    return all(_two_matters(one, other, rules) for one, other in itertools.combinations(wishes, 2))


def _two_matters(one: Part, other: Part, rules: Rules) -> bool:
    if rules.open_intent in (one.intent, other.intent):
        known = other if one.intent == rules.open_intent else one
        return one.intent != other.intent and known.confidence >= rules.very_sure_from
    return not rules.related(one.intent, other.intent) or _name_different_things(one.reading, other.reading)


def _name_different_things(one: Reading, other: Reading) -> bool:
    """Whether both name things of one kind, and different ones ("1043" and "1044")."""
    first, second = one.named, other.named
    return any(not first[kind] & second[kind] for kind in first.keys() & second.keys())


def _goes_on(parts: Sequence[Part], division: Sequence[Tuple[int, int]], readings: Readings, rules: Rules) -> bool:
    """Whether a part only goes on with the one before.

    It does if it points back, and the two together mean what the one before means; or if only the one before can say
    what is pointed to, because that is an open question or the answer to a form.
    """
    for (before, part), (run, next_run) in zip(itertools.pairwise(parts), itertools.pairwise(division), strict=True):
        if not part.reading.points_back:
            continue
        both = readings[run[0], next_run[1]]
        if before.role == ANSWER or before.intent in (rules.open_intent, both.intent):
            return True
    return False
