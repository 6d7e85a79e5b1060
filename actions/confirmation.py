"""The last question before anything is changed."""

from __future__ import annotations

import re
from typing import Any

from actions.flow import FlowState, Step
from actions.turn import Turn

_YES = re.compile(r"^\W*(y|yes|yeah|yep|yup|sure|ok|okay|correct|confirm(ed)?|please do|do it|go ahead|right)\b", re.I)
_NO = re.compile(r"^\W*(n|no|nope|nah|don'?t|do not|not)\b", re.I)


class Confirmation(Step):
    """Yes or no. Only what is said in answer to the question counts, never a yes from earlier."""

    slot = "confirm"
    yields_to_details = True

    def from_answer(self, turn: Turn, state: FlowState) -> Any:
        if turn.intent in {"affirm", "deny"}:
            return turn.intent == "affirm"
        if turn.is_button:
            return None
        if _NO.match(turn.text):
            return False
        return True if _YES.match(turn.text) and not turn.is_question else None
