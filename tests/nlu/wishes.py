"""Scores of cutting: are messages with two wishes cut where they should be, and others left whole?

`python tests/nlu/wishes.py` prints them for both halves of several_wishes.yml, with every message that went wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from evaluation import TrainedModel

FOLDER = Path(__file__).resolve().parent
CUT = "|"
ANSWER = "answer"


@dataclass(frozen=True)
class Example:
    """A message; `cut` is where its second part begins and `wishes` the intents of both, empty where it is one."""

    text: str
    cut: int = 0
    wishes: tuple[str, ...] = ()
    asked: tuple[str, str] | None = None  # form and slot


@dataclass
class Scores:
    """Counts over one half of the file."""

    two: int = 0
    found: int = 0  # cut in two where they should be
    understood: int = 0  # and both parts have their intents
    one: int = 0
    torn: int = 0  # cut although they are one wish
    wrong: list[str] = field(default_factory=list)

    @property
    def recall(self) -> float:
        """Share of the messages with two wishes that are cut where they should be."""
        return self.found / self.two

    @property
    def precision(self) -> float:
        """Share of the cuts that are right."""
        return self.found / max(self.found + self.torn, 1)


def read_wishes(half: str) -> list[Example]:
    """The examples of `dev` or `test`."""
    content = yaml.safe_load((FOLDER / "several_wishes.yml").read_text(encoding="utf-8"))
    return [_example(entry) for kind in ("two", "one") for entry in content[kind][half]]


def _example(entry: dict[str, Any]) -> Example:
    before, _, after = str(entry["text"]).partition(CUT)
    form, _, slot = str(entry.get("asked") or "").partition(".")
    return Example(before + after, len(before), tuple(entry.get("wishes") or ()), (form, slot) if form else None)


def score_wishes(model: TrainedModel, examples: Sequence[Example]) -> Scores:
    """Parses every example once."""
    scores = Scores()
    for example in examples:
        parts = model.parse(example.text, *(example.asked or ())).get("parts") or []
        if not example.wishes:
            scores.one += 1
            scores.torn += bool(parts)
            right = not parts
        else:
            found = len(parts) == 2 and parts[0]["end"] <= example.cut <= parts[1]["start"]
            got = [ANSWER if part["role"] == ANSWER else part["intent"]["name"] for part in parts]
            right = found and all(wish in (ANSWER, intent) for wish, intent in zip(example.wishes, got, strict=True))
            scores.two += 1
            scores.found += found
            scores.understood += right
        if not right:
            scores.wrong.append(f"{example.text!r}: {[(part['text'], part['intent']['name']) for part in parts]}")
    return scores


def main() -> None:
    """Prints the scores of both halves."""
    root = FOLDER.parents[1]
    sys.path.insert(0, str(root))  # where Rasa finds the components that config.yml names
    model = TrainedModel(Path(sys.argv[1]) if len(sys.argv) > 1 else root / "models" / "frontdesk.tar.gz")
    for half in ("dev", "test"):
        scores = score_wishes(model, read_wishes(half))
        print(*scores.wrong, sep="\n")
        print(
            f"{half}: {scores.found} of {scores.two} cut in two, {scores.understood} with both intents; "
            f"{scores.torn} of {scores.one} torn apart; precision of cuts {scores.precision:.3f}"
        )


if __name__ == "__main__":
    main()
