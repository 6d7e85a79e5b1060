"""Whether an answer says the facts that it must and no others: numbers, prices, dates, codes, contact details."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from llm_component.checks.facts import missing_facts, unsupported_facts
from llm_component.checks.quantities import Fact

NAME = "name"  # the kind of what is no quantity; names are left to the other scores
LEAST_STEM = 4  # letters of a word that may stand for its longer forms


@dataclass(frozen=True)
class FactsScore:
    """Facts of one answer, in their normal form: `£4.95` and `4.95 pounds` are the same.

    `missing`: the reference says them and the answer does not. `added`: the answer says them and the reference does
    not; of these, `foreign` stand in no passage and no word of the customer either: they were made up.
    """

    missing: tuple[str, ...]
    added: tuple[str, ...]
    foreign: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """All of the reference's facts, and none beside them."""
        return not self.missing and not self.added

    @property
    def right(self) -> bool:
        """All of the reference's facts, and none made up; more from the same passages is allowed."""
        return not self.missing and not self.foreign


def score_facts(answer: str, reference: str, passages: Sequence[str] = (), given: Sequence[str] = ()) -> FactsScore:
    """Compares an answer's facts with its reference's.

    Args:
        passages: what the answer may rest on; a fact that stands in none of them is `foreign`.
        given: what the customer said; an order number may be repeated from there.
    """
    missing = [fact.text for fact in missing_facts(reference, answer) if fact.kind != NAME]
    added = _quantities(unsupported_facts(answer, [reference], given))
    foreign = _quantities(unsupported_facts(answer, [reference, *passages], given))
    return FactsScore(tuple(missing), tuple(added), tuple(foreign))


def _quantities(facts: Sequence[Fact]) -> list[str]:
    return [fact.text for fact in facts if fact.kind != NAME]


def contains(answer: str, wanted: str) -> bool:
    """Whether `answer` says `wanted`: in the same words, whatever their case and spaces, or, where it holds facts, all
    of these in whatever form. A last word of four letters or more may go on: "leak" is said by
    "leaking". "12" is not said by "120" or "1.12".
    """
    words = r"\s+".join(re.escape(word) for word in wanted.split())
    last = re.search(r"[^\W\d_]+\Z", wanted)
    end = "" if last and len(last[0]) >= LEAST_STEM else r"(?!\w|[.,:]\d)"
    if re.search(rf"(?<!\w)(?<!\d[.,:]){words}{end}", answer, re.IGNORECASE):
        return True
    holds = any(fact.kind != NAME for fact in missing_facts(wanted, ""))
    return holds and not any(fact.kind != NAME for fact in missing_facts(wanted, answer))
