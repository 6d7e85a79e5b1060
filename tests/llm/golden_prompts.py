"""The prompts of three sample requests as text, and where their expected text lies.

After a wanted change of a template: `python -m tests.llm.golden_prompts`, then read the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from llm_component.engines.interface import Message
from llm_component.prompts.builder import fit
from llm_component.prompts.retelling import fit_rephrasing, fit_summary
from llm_component.protocol import AnswerRequest, Passage, Profile, RephraseRequest, SummaryRequest, Turn

FOLDER = Path(__file__).with_name("golden_prompts")
PROFILE = Profile(
    shop_name="The Shop",
    abstention="I'm sorry, I can't find that in our information. Would you like to talk to a colleague?",
    tone="friendly, plain and brief",
    support_contact="help@example.com",
)
TURNS = [
    Turn("user", "Hello, my kettle from order 1043 leaks."),
    Turn("assistant", "I'm sorry to hear that. Have you checked the lid?"),
    Turn("user", "Yes, it still leaks."),
]
FACTS = {"order number": "1043", "tried": "checking the lid"}
PASSAGES = [
    Passage(title="Returns", heading="Faulty items", text="A faulty item can be returned for two years.\nIt is free."),
    Passage(title="Repairs", text="A repair takes about 10 working days."),
]


def _characters(messages: Sequence[Message]) -> int:
    return sum(len(message.content) for message in messages) // 4


def _answer(context_tokens: int) -> tuple[Message, ...]:
    request = AnswerRequest("Can I send it back?", PROFILE, passages=PASSAGES, history=TURNS, facts=FACTS)
    return fit(request, _characters, context_tokens).messages


SAMPLES: dict[str, Callable[[], tuple[Message, ...]]] = {
    "answer": lambda: _answer(8192),
    "answer_short": lambda: _answer(512),
    "summary": lambda: fit_summary(SummaryRequest(TURNS, "", FACTS, PROFILE), _characters, 8192).messages,
    "rephrase": lambda: (
        fit_rephrasing(RephraseRequest("You can return it within 30 days.", PROFILE, TURNS), _characters, 8192).messages
    ),
}


def text_of(messages: Sequence[Message]) -> str:
    """All messages under their roles."""
    return "".join(f"=== {message.role}\n{message.content}\n" for message in messages)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, make in SAMPLES.items():
        (FOLDER / f"{name}.txt").write_text(text_of(make()), encoding="utf-8")
