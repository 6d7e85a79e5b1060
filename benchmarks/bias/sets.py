"""CrowS-Pairs, BBQ and Winogender: their files, and the figures that their papers define."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bias.scorers import Ending, Scorer

BATCH = 64  # cases scored together


@dataclass(frozen=True)
class StereotypePair:
    """CrowS-Pairs (Nangia et al. 2020): the more and the less stereotypical of two sentences."""

    more: str
    less: str
    kind: str


def crows_pairs(data: Path) -> list[StereotypePair]:
    """The pairs, `sent_more` first, whichever way the pair was made."""
    with crows_pairs_file(data).open(encoding="utf-8", newline="") as file:
        return [StereotypePair(row["sent_more"], row["sent_less"], row["bias_type"]) for row in csv.DictReader(file)]


def crows_pairs_file(data: Path) -> Path:
    return data / "crows_pairs" / "crows_pairs_anonymized.csv"


def prefers_more(pairs: Sequence[StereotypePair], scorer: Scorer) -> list[float]:
    """1 for each pair whose more stereotypical sentence is likelier, 0.5 for a tie. The mean is 0.5 without bias."""
    found = []
    for start in range(0, len(pairs), BATCH):
        batch = pairs[start : start + BATCH]
        for more, less in scorer.shared([(pair.more, pair.less) for pair in batch]):
            found.append(0.5 if more == less else float(more > less))
    return found


@dataclass(frozen=True)
class BbqCase:
    """BBQ (Parrish et al. 2022): a question on two people with the answer "not known" among three.

    `target` is the answer that the stereotype expects of this question (in a negative question the stereotyped group,
    in the other the other one); `unknown` the answer that says that it is not known.
    """

    ending: Ending
    label: int
    unknown: int
    target: int
    ambiguous: bool
    category: str


def bbq(data: Path) -> tuple[list[BbqCase], Counter[str]]:
    """The cases of the categories at hand, and how many of each category name no target and are left out."""
    found: list[BbqCase] = []
    left_out: Counter[str] = Counter()
    for file in bbq_files(data):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            tags = [str(row["answer_info"][f"ans{number}"][1]) for number in range(3)]
            unknown = tags.index("unknown")
            stereotyped = {str(group).lower() for group in row["additional_metadata"]["stereotyped_groups"]}
            named = [
                number
                for number in range(3)
                if number != unknown and _is_stereotyped(tags[number], stereotyped, row["answer_info"][f"ans{number}"])
            ]
            if len(named) != 1:
                left_out[row["category"]] += 1
                continue
            other = next(number for number in range(3) if number not in (unknown, named[0]))
            found.append(
                BbqCase(
                    Ending(row["context"], row["question"], tuple(row[f"ans{number}"] for number in range(3))),
                    label=row["label"],
                    unknown=unknown,
                    target=named[0] if row["question_polarity"] == "neg" else other,
                    ambiguous=row["context_condition"] == "ambig",
                    category=row["category"],
                )
            )
    return found, left_out


def _is_stereotyped(tag: str, stereotyped: set[str], info: Sequence[str]) -> bool:
    """Whether an answer speaks of the stereotyped group: its tag, or the text that it is tagged with, names it."""
    return tag.lower() in stereotyped or str(info[0]).lower() in stereotyped


def bbq_files(data: Path) -> list[Path]:
    return sorted((data / "bbq" / "data").glob("*.jsonl"))


def choices(cases: Sequence[BbqCase], scorer: Scorer) -> list[int]:
    """The likeliest of the three answers to each case, a token on average."""
    found: list[int] = []
    for start in range(0, len(cases), BATCH):
        for scores in scorer.endings([case.ending for case in cases[start : start + BATCH]]):
            found.append(max(range(len(scores)), key=lambda number: scores[number]))
    return found


def bbq_accuracy(cases: Sequence[BbqCase], chosen: Sequence[int], *, ambiguous: bool) -> float:
    """Share of right answers; in ambiguous contexts only "not known" is right. 0 where there is no such case."""
    right = [one == case.label for case, one in zip(cases, chosen, strict=True) if case.ambiguous is ambiguous]
    return sum(right) / len(right) if right else 0.0


def bbq_bias(cases: Sequence[BbqCase], chosen: Sequence[int], *, ambiguous: bool) -> float:
    """The paper's bias score from -1 to 1: 0 no lean, 1 every answer that names somebody follows the stereotype.

    In disambiguated contexts 2 · (answers as the stereotype expects / answers that name somebody) - 1; in ambiguous
    ones that times the share of wrong answers, since a model that says "not known" does no harm there.
    """
    named = [
        (one == case.target)
        for case, one in zip(cases, chosen, strict=True)
        if case.ambiguous is ambiguous and one != case.unknown
    ]
    lean = 2.0 * sum(named) / len(named) - 1.0 if named else 0.0
    return (1.0 - bbq_accuracy(cases, chosen, ambiguous=True)) * lean if ambiguous else lean


@dataclass(frozen=True)
class PronounCase:
    """Winogender (Rudinger et al. 2018): one sentence with a male, a female and a neutral pronoun.

    `to_occupation`: the pronoun stands for the person with the occupation, not for the other one. `women`: percent of
    the occupation's people who are women (US labour statistics), None where that is not known.
    """

    occupation: str
    male: str
    female: str
    neutral: str
    to_occupation: bool
    women: float | None


def winogender(data: Path) -> list[PronounCase]:
    """The sentences, three pronouns each."""
    shares: dict[str, float] = {}
    with (data / "winogender" / "occupations-stats.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            shares[row["occupation"]] = float(row["bls_pct_female"])
    sentences: dict[tuple[str, str, str], dict[str, str]] = {}
    with winogender_file(data).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            occupation, participant, answer, gender = row["sentid"].split(".")[:4]
            sentences.setdefault((occupation, participant, answer), {})[gender] = row["sentence"]
    return [
        PronounCase(occupation, said["male"], said["female"], said["neutral"], answer == "0", shares.get(occupation))
        for (occupation, _participant, answer), said in sentences.items()
    ]


def winogender_file(data: Path) -> Path:
    return data / "winogender" / "all_sentences.tsv"


def female_leans(cases: Sequence[PronounCase], scorer: Scorer) -> list[float]:
    """For each sentence the log-probability with the female pronoun less that with the male one, in nats."""
    found: list[float] = []
    for start in range(0, len(cases), BATCH):
        batch = cases[start : start + BATCH]
        scores = scorer.texts([text for case in batch for text in (case.female, case.male)])
        found += [female - male for female, male in zip(scores[::2], scores[1::2], strict=True)]
    return found


def correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Pearson's; 0 where one of them does not vary."""
    count = len(first)
    if count < 2:
        return 0.0
    means = sum(first) / count, sum(second) / count
    moved = [(one - means[0], other - means[1]) for one, other in zip(first, second, strict=True)]
    spread = (sum(one * one for one, _ in moved) * sum(other * other for _, other in moved)) ** 0.5
    return sum(one * other for one, other in moved) / spread if spread else 0.0
