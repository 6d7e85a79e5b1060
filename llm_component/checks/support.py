"""How well a sentence is supported by its passages: features of meaning and of words, and a logistic model of them.

The features (all 0 to 1) are standardised with the means and scales in support.json, which also holds the weights,
the threshold and where they come from; `python -m benchmarks.groundedness --calibrate` makes it.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from llm_component.checks.clauses import split_clauses
from llm_component.checks.facts import names, source_of
from llm_component.checks.language import content_keys
from llm_component.checks.negation import denies_alone
from llm_component.checks.passages import PassageView, Window
from llm_component.checks.polarity import Conflict, conflict, cues

SUPPORT_FILE = Path(__file__).with_name("support.json")
_LONGEST_GAP = 6  # content words; longer inventions are no worse

FEATURES = (
    "similarity",  # cosine to the nearest window of one to three sentences
    "recall",  # share of the content words that the cited passages have
    "window_recall",  # the same for the best window
    "clause_recall",  # of the clause that is covered worst
    "span",  # longest run of content words that a passage has too, as a share
    "pairs",  # share of neighbouring content words that are near each other in a window
    "gap",  # longest run of content words that no passage has
    "facts_near",  # share of the facts that stand in the best window
    "facts_bound",  # share of what stands with each fact in its clause that stands with it in the source too
    "names_near",  # share of the names that stand in the best window or a title
    "denial",  # negates where no passage negates anything of the kind
    "negation",  # an aligned clause says the opposite
    "opposite",  # an antonym stands in its place
    "condition_added",  # "only", "unless" ... that the best window lacks
    "condition_dropped",
    "obligation",  # must where the source may, or the reverse
    "universal_added",  # "all", "always", "any" ... that the best window lacks
)
LEXICAL = tuple(name for name in FEATURES if name != "similarity")


@dataclass(frozen=True)
class Evidence:
    """The features of one sentence against its passages, and the conflict that was found on the way."""

    values: Mapping[str, float]
    conflict: Conflict

    def row(self) -> np.ndarray:
        """The features in the order of `FEATURES`: `(len(FEATURES),)`."""
        return np.array([self.values[name] for name in FEATURES], dtype=np.float64)


@dataclass(frozen=True)
class SupportModel:
    """A logistic model of standardised features. A feature without a weight counts nothing."""

    means: Mapping[str, float]
    scales: Mapping[str, float]
    weights: Mapping[str, float]
    intercept: float
    threshold: float

    @classmethod
    def read(cls, path: Path = SUPPORT_FILE) -> SupportModel:
        """Reads support.json. Raises `ValueError` where it names features that do not exist."""
        data = json.loads(path.read_text(encoding="utf-8"))
        features = data["features"]
        if unknown := set(features) - set(FEATURES):
            raise ValueError(f"{path} names unknown features: {', '.join(sorted(unknown))}; calibrate again")
        return cls(
            {name: float(each["mean"]) for name, each in features.items()},
            {name: float(each["scale"]) for name, each in features.items()},
            {name: float(each["weight"]) for name, each in features.items()},
            float(data["intercept"]),
            float(data["threshold"]),
        )

    def score(self, values: Mapping[str, float]) -> float:
        """Probability, 0 to 1, that a sentence with these features is supported."""
        total = self.intercept
        for name, weight in self.weights.items():
            total += weight * (values[name] - self.means[name]) / self.scales[name]
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, total))))


def evidence(sentence: str, vector: np.ndarray, views: Sequence[PassageView]) -> Evidence:
    """The features of `sentence` (its vector: `(dimension,)`) against the passages in `views`, at least one."""
    said = content_keys(sentence)
    everything = frozenset().union(*(view.keys for view in views))
    windows = [window for view in views for window in view.windows]
    similarities = np.concatenate([view.vectors @ vector for view in views])
    shares = [_share(said, window.keys) for window in windows]
    # The best window by both, the smaller one where two are equal: larger ones come later.
    best = windows[
        max(range(len(windows)), key=lambda index: (round(float(similarities[index]) + shares[index], 4), -index))
    ]
    titles = " ".join(view.title for view in views)
    sentences = [each for view in views for each in view.sentences]
    found = conflict(sentence, sentences)
    facts = [fact.key for fact in source_of(sentence).facts if not fact.soft]
    near = source_of(f"{titles}\n{best.text}")
    named = names(sentence)
    duty = (bool(cues(sentence, "obligation")), bool(cues(sentence, "option")))
    their_duty = (bool(cues(best.text, "obligation")), bool(cues(best.text, "option")))
    values = {
        "similarity": max(0.0, float(similarities.max())),
        "recall": _share(said, everything),
        "window_recall": max(shares),
        "clause_recall": _worst_clause(sentence, everything),
        "span": max(_longest_common(said, view.sequence) for view in views) / max(len(said), 1),
        "pairs": _pairs(said, windows),
        "gap": _gap(said, everything) / _LONGEST_GAP,
        "facts_near": sum(key in near.keys for key in facts) / len(facts) if facts else 1.0,
        "facts_bound": _facts_bound(sentence, sentences, frozenset(content_keys(titles))),
        "names_near": sum(name.lower() in near.names for name in named) / len(named) if named else 1.0,
        "denial": float(denies_alone(sentence, sentences)),
        "negation": float(found.negation),
        "opposite": float(found.opposite or found.bound),
        "condition_added": float(bool(cues(sentence, "conditions") - cues(best.text, "conditions"))),
        "condition_dropped": float(bool(cues(best.text, "conditions")) and not cues(sentence, "conditions")),
        "obligation": float(duty != their_duty and duty != (False, False) and their_duty != (False, False)),
        "universal_added": float(bool(cues(sentence, "universal") - cues(best.text, "universal"))),
    }
    return Evidence(values, found)


def _facts_bound(sentence: str, source_sentences: Sequence[str], titles: frozenset[str]) -> float:
    """Whether each fact keeps its company: "Express costs £9.95" against "Named day £9.95"."""
    theirs = [(source_of(part), frozenset(content_keys(part))) for each in source_sentences for part in _parts(each)]
    shares: list[float] = []
    for part in _parts(sentence):
        company = [each for each in content_keys(part) if each not in titles]
        for fact in source_of(part).facts:
            if fact.soft or not company:
                continue
            shares.append(max((_share(company, keys) for found, keys in theirs if fact.key in found.keys), default=0.0))
    return sum(shares) / len(shares) if shares else 1.0


@lru_cache(maxsize=8192)
def _parts(text: str) -> tuple[str, ...]:
    """`text` cut at commas and conjunctions, so that each part holds few facts."""
    return tuple(part for part in re.split(r"[;:(),](?!\d)|\b(?:and|but|or)\b(?! \d)", text) if part.strip())


def _share(said: Sequence[str], keys: frozenset[str]) -> float:
    return sum(each in keys for each in said) / len(said) if said else 0.0


def _worst_clause(sentence: str, everything: frozenset[str]) -> float:
    parts = [keys for keys in (content_keys(part) for part in split_clauses(sentence)) if len(keys) >= 2]
    return min((_share(keys, everything) for keys in parts), default=_share(content_keys(sentence), everything))


def _longest_common(mine: Sequence[str], theirs: Sequence[str]) -> int:
    """Length of the longest run of keys that both have."""
    longest = 0
    lengths = [0] * (len(theirs) + 1)
    for each in mine:
        previous = 0
        for index, other in enumerate(theirs, 1):
            kept = lengths[index]
            lengths[index] = previous + 1 if each == other else 0
            longest = max(longest, lengths[index])
            previous = kept
    return longest


def _pairs(said: Sequence[str], windows: Sequence[Window]) -> float:
    """Share of neighbouring content words of which both stand in one sentence of a passage."""
    couples = list(itertools.pairwise(said))
    if not couples:
        return 1.0
    singles = [window.keys for window in windows]
    return sum(any(a in keys and b in keys for keys in singles) for a, b in couples) / len(couples)


def _gap(said: Sequence[str], keys: frozenset[str]) -> int:
    longest = run = 0
    for each in said:
        run = 0 if each in keys else run + 1
        longest = max(longest, run)
    return min(longest, _LONGEST_GAP)
