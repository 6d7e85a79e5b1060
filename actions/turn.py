"""One customer message as an action sees it: words, intent, entities, and what has happened since."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from rasa_sdk import Tracker

from actions.parts import ANSWER, Part, divided

OPEN_QUESTION_INTENT = "nlu_fallback"
CLARIFY_INTENT = "clarify"
OUT_OF_SCOPE_INTENT = "out_of_scope"
OTHER_BUSINESS = "elsewhere"  # the topic of a turn out of scope that is neither rude nor nonsense
OTHER_SCRIPT = "language"  # that of one in letters that English is not written in
PERSON_INTENT = "talk_to_person"

ORDER_NUMBER = re.compile(r"(?<![\w£$€.,@/-])#?(\d{4,5})(?![\w@/-])(?![.,]\d)")
EMAIL = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
POSTCODE = re.compile(r"\b([A-Za-z]{1,2}\d[A-Za-z\d]?)\s*(\d[A-Za-z]{2})\b")
_AMOUNT = re.compile(r"\d+(?:[.,]\d{1,2})?")
# Ends of the text before a number that say what it is.
_ORDER_WORD = re.compile(
    r"(?:\b(?:orders?|numbers?|no|nr|parcel|ref|reference|meant|mean|its|it's|is|for|about|cancel|return|track|exchange|find)\b"
    r"|#)\W*$",
    re.IGNORECASE,
)
_OTHER_NUMBER = re.compile(r"\b(?:code|since|in|until|year|flat|house|under|over|max)\W*$", re.IGNORECASE)
# "From 2019" is a year, "the kettle from 1044" may be an order: what recognised the entities decides.
_FROM = re.compile(r"\bfrom\W*$", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")
_ABBREVIATED = re.compile(r"\b(no|nr)\.(?=\s?\d)", re.IGNORECASE)
FEW_WORDS = 3
_POINTS_BACK = re.compile(r"\b(it|its|it's|this|that|they|them|these|those|one)\b", re.IGNORECASE)
_QUESTION_START = re.compile(
    r"^\s*(?:(?:and|but|so|ok|okay|hi|hello|hey|please|sorry|quick question)[,:]?\s+)*"
    r"(?:how|what|what's|whats|when|where|why|which|who|whose|can|could|do|does|did|is|are|will|would|should|may)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Turn:
    """Read-only view of `tracker.latest_message` and of the events after it.

    Of a message with several wishes it shows the part that leads; `others` are the turns that the other parts would be.
    """

    text: str
    intent: str
    confidence: float
    candidates: Sequence[str]
    entities: Sequence[Mapping[str, Any]]
    events_since: Sequence[Mapping[str, Any]]
    # The form that was running when the message came.
    form_before: str | None
    # Why the turn is not for this shop, if the router says so; names the response.
    topic: str = OTHER_BUSINESS
    others: Sequence[Turn] = ()
    # Whether this is the part of a message that answers the running form.
    is_answer: bool = False

    @classmethod
    def of(cls, tracker: Tracker) -> Turn:
        lead, others = divided(tracker.latest_message or {})
        since: list[dict[str, Any]] = []
        before: str | None = None
        seen_message = False
        for event in reversed(tracker.events):
            seen_message = seen_message or event.get("event") == "user"
            if not seen_message:
                since.append(event)
            elif event.get("event") == "active_loop":
                before = event.get("name")
                break
        turn = cls(
            text="",
            intent=OPEN_QUESTION_INTENT,
            confidence=0.0,
            candidates=(),
            entities=(),
            events_since=tuple(reversed(since)),
            form_before=before,
        )
        return replace(turn._saying(lead), others=tuple(turn._saying(part) for part in others))

    def _saying(self, said: Part) -> Turn:
        """This turn with the words of a message, or of a part of one."""
        intent = said.get("intent") or {}
        routing = said.get("routing") or said
        return replace(
            self,
            # Phones type a curly apostrophe; every pattern here knows the straight one.
            text=(said.get("text") or "").strip().replace("’", "'"),
            intent=intent.get("name") or OPEN_QUESTION_INTENT,
            confidence=float(intent.get("confidence") or 0.0),
            candidates=tuple(routing.get("candidates") or ()),
            entities=tuple(said.get("entities") or ()),
            is_answer=said.get("role") == ANSWER,
            topic=OTHER_SCRIPT if _in_other_script(said.get("text") or "") else routing.get("topic") or OTHER_BUSINESS,
        )

    @property
    def is_button(self) -> bool:
        """Whether the customer pressed a button rather than typed."""
        return self.text.startswith("/")

    @property
    def is_question(self) -> bool:
        return not self.is_button and (self.text.endswith("?") or bool(_QUESTION_START.match(self.text)))

    @property
    def words(self) -> int:
        return len(self.text.split())

    @property
    def points_back(self) -> bool:
        """Whether the message speaks of something named before ("is it in stock")."""
        return bool(_POINTS_BACK.search(self.text))

    def activated(self, form: str) -> bool:
        """Whether `form` was started by this message."""
        return any(event.get("event") == "active_loop" and event.get("name") == form for event in self.events_since)

    def interrupted_form(self, form: str) -> str | None:
        """The other form that this message left for `form`, if any."""
        return self.form_before if self.form_before != form else None

    def answered_elsewhere(self, form: str) -> bool:
        """Whether another action has answered this message already, and the form only comes back to its question."""
        own = {form, "action_listen", "action_extract_slots"}
        return any(event.get("event") == "action" and event.get("name") not in own for event in self.events_since)

    def values(self, entity: str, role: str | None = None) -> list[str]:
        """Values of an entity in the order of the text, each span once; with `role`, only those that carry it."""
        found: dict[Any, str] = {}
        for item in sorted(self.entities, key=lambda entry: entry.get("start") or 0):
            if item.get("entity") == entity and (role is None or item.get("role") == role):
                found.setdefault(item.get("start", len(found)), str(item.get("value")))
        return list(dict.fromkeys(found.values()))

    def spans(self, entity: str) -> list[str]:
        """What the customer typed for an entity, before synonyms replace it."""
        typed = [
            self.text[item["start"] : item["end"]] if "end" in item and not self.is_button else str(item.get("value"))
            for item in self.entities
            if item.get("entity") == entity
        ]
        return list(dict.fromkeys(typed))

    def order_number(self) -> str | None:
        """The order number in this message: the last one said, so that "not 1042, 1043" gives 1043.

        A bare number of four or five digits counts when the message is little else, when it was recognised as an
        order number, or when a word before it says so; a year, a code or a house number does not.
        """
        if self.is_button:
            numbers = [value for value in self.values("order_number") if re.fullmatch(r"\d{4,5}", value)]
            return numbers[-1] if numbers else None
        text = _ABBREVIATED.sub(r"\1 ", self.text)  # "no.1043"; the length stays, entities count from its start
        found = [
            match[1]
            for match in ORDER_NUMBER.finditer(text)
            if not _OTHER_NUMBER.search(text[: match.start()])
            and not (
                _FROM.search(text[: match.start()])
                and (_YEAR.fullmatch(match[1]) or self._entity_at(match.start(1)) != "order_number")
            )
            and self._entity_at(match.start(1)) in (None, "order_number")
            and (
                self.words <= FEW_WORDS
                or self._entity_at(match.start(1)) == "order_number"
                or _ORDER_WORD.search(text[: match.start()])
            )
        ]
        return found[-1] if found else None

    def _entity_at(self, position: int) -> str | None:
        """The entity whose span covers a position of the text."""
        for item in self.entities:
            if item.get("start", -1) <= position < item.get("end", -1):
                return str(item.get("entity"))
        return None

    def email(self) -> str | None:
        found = EMAIL.findall(self.text) or [value for value in self.values("email") if EMAIL.fullmatch(value)]
        return found[-1].strip(".'").lower() if found else None

    def amount(self, role: str | None = None) -> Decimal | None:
        """A sum of money, in the shop's currency."""
        for value in self.values("amount", role):
            if (parsed := parse_amount(value)) is not None:
                return parsed
        return None


def parse_amount(text: str) -> Decimal | None:
    """`"£49.99"`, `"50 quid"`, `"1,200"` → a Decimal; None where there is no number."""
    match = _AMOUNT.search(re.sub(r"(?<=\d),(?=\d{3}\b)", "", text))
    if not match:
        return None
    try:
        return Decimal(match.group().replace(",", "."))
    except InvalidOperation:
        return None


def _in_other_script(text: str) -> bool:
    """Whether a text has letters, and none of them Latin."""
    letters = [sign for sign in text if sign.isalpha()]
    return bool(letters) and not any("LATIN" in unicodedata.name(sign, "") for sign in letters)
