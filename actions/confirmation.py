"""The last question before anything is changed."""

from __future__ import annotations

import re
from typing import Any

from actions.flow import FlowState, Step
from actions.turn import Turn

_WORD = re.compile(r"[\w'’]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# A yes is a message of these words alone: whatever else it says ("yes, but not today") may be a condition or a doubt.
_YES = _words(
    """y yes yeah yep yup yea aye sure ok okay okey k correct confirm confirmed right fine alright absolutely definitely
    certainly agreed indeed perfect great go do"""
)
_BESIDE_YES = _words(
    """please pls plz thanks thank thx you u ta it that thats that's is i im i'm am do go ahead of course all good
    sounds cancel change return exchange arrange start register send swap order the my this for me now with a an search
    parcel address claim want to would like very much mate cheers yourself confirm so"""
)
_NO = re.compile(r"^\W*(n|no|nope|nah|don[’']?t|do not|not)\b", re.IGNORECASE)


class Confirmation(Step):
    """Yes or no. Only what is said in answer to the question counts, never a yes from earlier."""

    slot = "confirm"
    yields_to_details = True

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        if turn.is_button:
            return turn.intent == "affirm" if turn.intent in {"affirm", "deny"} else None
        words = {word.lower().replace("’", "'") for word in _WORD.findall(turn.text)}
        if words & _YES and words <= _YES | _BESIDE_YES:
            return None if turn.is_question and turn.text.endswith("?") else True
        # A no changes nothing, so it may be taken from anything that begins like one or is surely meant as one.
        return False if _NO.match(turn.text) or turn.intent == "deny" else None
