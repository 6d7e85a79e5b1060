"""Which of two systems answers more clearly: people judge pairs without knowing which is which.

    python -m benchmarks.generation.clarity make --first OURS.jsonl --second THEIRS.jsonl --out FOLDER [--count N]
    python -m benchmarks.generation.clarity count FOLDER/sheet.csv [MORE.csv ...] --key FOLDER/key.json

`make` takes two files of replies that `make bench-generation` wrote to var/generation, and writes sheet.csv,
sheet.html (the same in a browser, which saves a filled sheet.csv) and key.json, which judges must not see. The rubric,
benchmarks/data/generation/RUBRIC.md, says how pairs are hidden and judged: A, B, equal or neither, and whether a judge
recognised a side. `count` unblinds and counts, with and without what was recognised. No program judges.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import html
import json
import math
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import ROOT
from llm_component.evaluation import bootstrap

RUBRIC = ROOT / "benchmarks" / "data" / "generation" / "RUBRIC.md"
PAGE = Path(__file__).with_name("sheet.html")
COLUMNS = ("id", "history", "question", "reference", "A", "B", "verdict", "recognised", "comment")
VERDICTS = ("A", "B", "equal", "neither")
SALT = "clarity-1:"
DRAWS = 10_000
RELIABLE_KAPPA = 0.4


class SheetError(ValueError):
    """Replies or a filled sheet cannot be used; the message says why."""


@dataclass(frozen=True)
class Pair:
    """Two texts for one question. `first_is_a`: the first system is called A."""

    name: str
    kind: str
    history: str
    question: str
    reference: str
    first: str
    second: str

    @property
    def digest(self) -> bytes:
        """Decides sides and order; nobody who only sees the texts knows it."""
        return hashlib.sha256(f"{SALT}{self.name}".encode()).digest()

    @property
    def first_is_a(self) -> bool:
        return self.digest[0] < 128

    @property
    def sides(self) -> tuple[str, str]:
        """A and B."""
        return (self.first, self.second) if self.first_is_a else (self.second, self.first)


@dataclass(frozen=True)
class Count:
    """Questions by what was said of them. `share`: wins of the first among the decided, None where there are none.

    `p`: two-sided sign test over the decided questions.
    """

    first: int
    second: int
    equal: int
    neither: int
    share: bootstrap.Interval | None
    p: float


def read_replies(path: Path) -> dict[str, dict[str, Any]]:
    """Replies by id. Raises `SheetError` where the file is not of that form."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {str(line["id"]): line | {"text": str(line["text"])} for line in lines}
    except (OSError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise SheetError(f"{path} holds no replies: each line needs id, question and text ({error})") from error


def pairs(
    first: Mapping[str, Mapping[str, Any]], second: Mapping[str, Mapping[str, Any]], most: int = 0
) -> tuple[list[Pair], int]:
    """The answerable questions that both answered, in the order of their hashes, `most` at most (0: all); and how many
    were left out because one abstained.

    Raises:
        SheetError: there is none.
    """
    shared = [name for name in first if name in second and first[name].get("answerable", True)]
    answered = [name for name in shared if not first[name].get("abstained") and not second[name].get("abstained")]
    found = [
        Pair(
            name,
            str(first[name].get("kind", "")),
            str(first[name].get("history", "")),
            str(first[name].get("question", "")),
            str(first[name].get("reference", "")),
            first[name]["text"],
            second[name]["text"],
        )
        for name in answered
    ]
    if not found:
        raise SheetError("the two files share no question that both answered")
    found.sort(key=lambda pair: pair.digest)
    return found[: most or None], len(shared) - len(answered)


def write_sheet(found: Sequence[Pair], abstained: int, folder: Path, systems: tuple[str, str]) -> None:
    """Writes sheet.csv, sheet.html and key.json."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "sheet.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for pair in found:
            one, other = pair.sides
            writer.writerow(
                {
                    "id": pair.name,
                    "history": pair.history,
                    "question": pair.question,
                    "reference": pair.reference,
                    "A": one,
                    "B": other,
                }
            )
    key = {
        "systems": systems,
        "abstained": abstained,
        "first_is_a": {pair.name: pair.first_is_a for pair in found},
        "kinds": {pair.name: pair.kind for pair in found},
    }
    (folder / "key.json").write_text(json.dumps(key, indent=1) + "\n", encoding="utf-8")
    rubric = RUBRIC.read_text(encoding="utf-8") if RUBRIC.is_file() else "The rubric is missing."
    page = PAGE.read_text(encoding="utf-8").replace("{{rubric}}", html.escape(rubric))
    (folder / "sheet.html").write_text(page.replace("{{rows}}", "\n".join(map(_row, found))), encoding="utf-8")


def _row(pair: Pair) -> str:
    one, other = (html.escape(side) for side in pair.sides)
    name = html.escape(pair.name, quote=True)
    buttons = "".join(
        f'<label><input type="radio" name="{name}" value="{verdict}"> {verdict}</label>' for verdict in VERDICTS
    )
    return (
        f'<section data-id="{name}"><pre class="history">{html.escape(pair.history)}</pre>'
        f'<h2>{html.escape(pair.question)}</h2><p class="reference">{html.escape(pair.reference)}</p>'
        f'<div class="pair"><p class="a">{one}</p><p class="b">{other}</p></div><div class="choice">{buttons}'
        f'<label><input type="checkbox" class="recognised"> recognised</label>'
        f'<input class="comment" placeholder="comment"></div></section>'
    )


@dataclass(frozen=True)
class Judged:
    """One judge's verdict on one pair."""

    verdict: str
    recognised: bool = False


def judgements(path: Path) -> dict[str, Judged]:
    """What one judge said by question; lines that were left empty are left out.

    Raises:
        SheetError: the file is no sheet, or a verdict is not one of the four.
    """
    known = {verdict.lower(): verdict for verdict in VERDICTS}
    found: dict[str, Judged] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 2):
            if "id" not in row:
                raise SheetError(f"{path} is no sheet: it has no column id")
            said = (row.get("verdict") or "").strip()
            if said and said.lower() not in known:
                raise SheetError(f"{path}, line {number}: {said!r} is none of {', '.join(VERDICTS)}")
            if said:
                marked = (row.get("recognised") or "").strip().lower() not in ("", "no", "false", "0")
                found[row["id"]] = Judged(known[said.lower()], marked)
    return found


def unblinded(
    sheets: Sequence[Mapping[str, Judged]], first_is_a: Mapping[str, bool], *, recognised: bool = True
) -> dict[str, str]:
    """What most judges said of each question: `first`, `second`, `equal` or `neither`; equal where they are divided.

    `recognised=False` leaves out verdicts of judges who knew which side was which.
    """
    found: dict[str, str] = {}
    for name, swap in first_is_a.items():
        said = [
            _side(sheet[name].verdict, swap)
            for sheet in sheets
            if name in sheet and (recognised or not sheet[name].recognised)
        ]
        if said:
            ranked = Counter(said).most_common(2)
            tied = len(ranked) > 1 and ranked[0][1] == ranked[1][1]
            found[name] = "equal" if tied else ranked[0][0]
    return found


def _side(verdict: str, first_is_a: bool) -> str:
    if verdict not in ("A", "B"):
        return verdict
    return "first" if (verdict == "A") == first_is_a else "second"


def count(verdicts: Sequence[str]) -> Count:
    """Raises `SheetError` where nothing was judged."""
    if not verdicts:
        raise SheetError("nothing was judged: fill the column verdict with A, B, equal or neither")
    tally = Counter(verdicts)
    decided = [float(verdict == "first") for verdict in verdicts if verdict in ("first", "second")]
    share = bootstrap.mean_interval(decided, samples=DRAWS) if decided else None
    p = sign_test(tally["first"], tally["second"])
    return Count(tally["first"], tally["second"], tally["equal"], tally["neither"], share, p)


def sign_test(first: int, second: int) -> float:
    """Two-sided: how probable so uneven a count is where both systems are equally clear."""
    whole = first + second
    tail = sum(math.comb(whole, wins) for wins in range(min(first, second) + 1)) / 2**whole
    return min(1.0, 2.0 * tail)


def kappa(one: Mapping[str, Judged], other: Mapping[str, Judged]) -> tuple[float, int]:
    """Cohen's kappa of two judges, and the pairs that both judged; 1.0 where both always said the same one thing."""
    shared = [(one[name].verdict, other[name].verdict) for name in one if name in other]
    if not shared:
        return 0.0, 0
    agreed = sum(left == right for left, right in shared) / len(shared)
    lefts, rights = Counter(left for left, _ in shared), Counter(right for _, right in shared)
    by_chance = sum(lefts[verdict] * rights[verdict] for verdict in VERDICTS) / len(shared) ** 2
    return (1.0 if by_chance == 1.0 else (agreed - by_chance) / (1.0 - by_chance)), len(shared)


def report_of(sheets: Sequence[Mapping[str, Judged]], key: Mapping[str, Any]) -> str:
    """The counts in words, as the rubric asks for them. Raises `SheetError` where nothing was judged."""
    first, second = key["systems"]
    everything = unblinded(sheets, key["first_is_a"])
    lines = [
        f"one of both abstained, not judged: {key['abstained']}",
        *_counted("all pairs", everything, first, second),
    ]
    unknown = unblinded(sheets, key["first_is_a"], recognised=False)
    if unknown and len(unknown) < len(everything):
        lines += _counted("without what was recognised", unknown, first, second)
    for kind in sorted(set(key["kinds"].values())):
        chosen = {name: verdict for name, verdict in everything.items() if key["kinds"].get(name) == kind}
        if kind and chosen:
            lines += _counted(kind, chosen, first, second)
    if len(sheets) > 1:
        agreement, pairs_judged = kappa(sheets[0], sheets[1])
        lines.append(f"Cohen's kappa of the first two sheets: {agreement:.2f} over {pairs_judged} pairs")
        if agreement < RELIABLE_KAPPA:
            lines.append("not reliable: no claim rests on this")
    return "\n".join(lines)


def _counted(title: str, verdicts: Mapping[str, str], first: str, second: str) -> list[str]:
    found = count(list(verdicts.values()))
    line = f"{title}: {first} {found.first}, {second} {found.second}, equal {found.equal}, neither {found.neither}"
    if found.share is None:
        return [line]
    share = f"{found.share.value:.1%} of the decided ({found.share.low:.1%} to {found.share.high:.1%})"
    return [line, f"  {first} clearer in {share}; sign test p = {found.p:.4f}"]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    make = verbs.add_parser("make", help="write a blind sheet")
    make.add_argument("--first", type=Path, required=True, metavar="FILE", help="replies of the first system")
    make.add_argument("--second", type=Path, required=True, metavar="FILE", help="replies of the second")
    make.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    make.add_argument("--count", type=int, default=0, help="pairs at most, the first by hash; 0: all")
    counted = verbs.add_parser("count", help="unblind filled sheets and count")
    counted.add_argument("sheets", type=Path, nargs="+", metavar="SHEET")
    counted.add_argument("--key", type=Path, required=True, metavar="FILE")
    said = parser.parse_args(arguments)
    try:
        if said.verb == "make":
            found, abstained = pairs(read_replies(said.first), read_replies(said.second), said.count)
            write_sheet(found, abstained, said.out, (said.first.stem, said.second.stem))
            print(f"{len(found)} pairs in {said.out}; keep key.json from the judges")
        else:
            key = json.loads(said.key.read_text(encoding="utf-8"))
            print(report_of([judgements(sheet) for sheet in said.sheets], key))
    except (SheetError, OSError) as error:
        print(f"clarity: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
