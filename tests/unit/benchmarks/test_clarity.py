"""The blind comparison: who is who is hidden, found again, and counted as the rubric says."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.generation import clarity
from benchmarks.generation.clarity import Judged, SheetError


def replies(text: str, **more: Any) -> dict[str, dict[str, Any]]:
    return {
        f"q{number}": {"id": f"q{number}", "question": f"question {number}", "text": f"{text} {number}"} | more
        for number in range(20)
    }


FIRST, SECOND = replies("first"), replies("second")


def test_sides_and_order_come_from_the_hash_that_the_rubric_names() -> None:
    found, _ = clarity.pairs(FIRST, SECOND)
    digests = [hashlib.sha256(f"clarity-1:{pair.name}".encode()).digest() for pair in found]
    assert digests == sorted(digests)
    assert [pair.first_is_a for pair in found] == [digest[0] < 128 for digest in digests]
    assert {pair.first_is_a for pair in found} == {True, False}


def test_what_one_side_abstained_on_is_counted_and_not_judged() -> None:
    silent = FIRST | {"q3": FIRST["q3"] | {"abstained": True}}
    found, abstained = clarity.pairs(silent, SECOND)
    assert (len(found), abstained) == (19, 1)


def test_unanswerable_questions_are_not_judged() -> None:
    with pytest.raises(SheetError, match="no question"):
        clarity.pairs(replies("first", answerable=False), SECOND)


def test_a_sheet_shows_both_texts_and_not_who_wrote_them(tmp_path: Path) -> None:
    found, _ = clarity.pairs({"q": {"question": "why?", "text": "one <b>"}}, {"q": {"question": "why?", "text": "two"}})
    clarity.write_sheet(found, 0, tmp_path, ("model-x", "model-y"))
    for name in ("sheet.csv", "sheet.html"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "two" in text and "model-x" not in text and "model-y" not in text
    assert "one &lt;b&gt;" in (tmp_path / "sheet.html").read_text(encoding="utf-8")


def test_a_verdict_is_found_again_behind_the_sides() -> None:
    sheet = {"a": Judged("A"), "b": Judged("A"), "c": Judged("equal"), "d": Judged("neither")}
    said = clarity.unblinded([sheet], {"a": True, "b": False, "c": True, "d": True, "e": True})
    assert said == {"a": "first", "b": "second", "c": "equal", "d": "neither"}


def test_most_judges_decide_and_divided_ones_count_as_equal() -> None:
    sheets = [{"a": Judged("A"), "b": Judged("A")}, {"a": Judged("A"), "b": Judged("B")}, {"a": Judged("B")}]
    assert clarity.unblinded(sheets, {"a": True, "b": True}) == {"a": "first", "b": "equal"}


def test_recognised_pairs_can_be_left_out() -> None:
    assert clarity.unblinded([{"a": Judged("A", True)}], {"a": True}, recognised=False) == {}


def test_the_share_is_of_the_decided_alone() -> None:
    found = clarity.count(["first", "first", "first", "second", "equal", "neither"])
    assert (found.first, found.second, found.equal, found.neither) == (3, 1, 1, 1)
    assert found.share is not None and found.share.value == 0.75


@pytest.mark.parametrize(("first", "second", "p"), [(5, 0, 0.0625), (3, 3, 1.0), (8, 2, 0.109375), (0, 0, 1.0)])
def test_the_sign_test_is_exact(first: int, second: int, p: float) -> None:
    assert clarity.sign_test(first, second) == pytest.approx(p)


def test_kappa_takes_chance_off() -> None:
    one = {"a": Judged("A"), "b": Judged("A"), "c": Judged("B"), "d": Judged("B")}
    other = {"a": Judged("A"), "b": Judged("B"), "c": Judged("B"), "d": Judged("B")}
    # They agree on 3 of 4; by chance on 2/4 * 1/4 + 2/4 * 3/4 = 1/2.
    assert clarity.kappa(one, other) == (pytest.approx(0.5), 4)
    assert clarity.kappa(one, {}) == (0.0, 0)


def test_from_replies_to_the_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, said in (("ours", FIRST), ("theirs", SECOND)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, said.values())), encoding="utf-8")
    files = ["--first", str(tmp_path / "ours.jsonl"), "--second", str(tmp_path / "theirs.jsonl")]
    assert clarity.main(["make", *files, "--out", str(tmp_path / "sheets"), "--count", "6"]) == 0
    sheet = tmp_path / "sheets" / "sheet.csv"
    with sheet.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["verdict"] = "a" if row["A"].startswith("first") else "b"
    with sheet.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, clarity.COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    capsys.readouterr()
    assert clarity.main(["count", str(sheet), "--key", str(tmp_path / "sheets" / "key.json")]) == 0
    assert "all pairs: ours 6, theirs 0, equal 0, neither 0" in capsys.readouterr().out


def test_another_word_than_the_four_is_refused(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("id,verdict\nq1,better\n", encoding="utf-8")
    with pytest.raises(SheetError, match="line 2: 'better'"):
        clarity.judgements(sheet)


def test_an_empty_sheet_is_refused() -> None:
    with pytest.raises(SheetError, match="nothing was judged"):
        clarity.count([])
