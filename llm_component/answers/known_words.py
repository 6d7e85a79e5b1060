"""How much of a sentence was said before: catches a whole claim that was made up without a number or a name."""

from __future__ import annotations

from collections.abc import Collection

from llm_component.checks.language import content_keys

LEAST_KEYS = 2  # fewer content words say too little to be compared


def known_share(sentence: str, source: str, always: Collection[str] = ()) -> float:
    """Share of the content words of `sentence` that `source` has, 0 to 1; those of `always` count as neither."""
    said = [key for key in content_keys(sentence) if key not in always]
    if len(said) < LEAST_KEYS:
        return 1.0
    known = frozenset(content_keys(source))
    return sum(key in known for key in said) / len(said)
