"""The figures of CrowS-Pairs, BBQ and Winogender on a scorer that says what it is told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from benchmarks.bias import scorers, sets, toxicity
from benchmarks.bias.scorers import Ending, Scorer
from benchmarks.bias.sets import BbqCase, PronounCase, StereotypePair


class Told(Scorer):
    """Scores by a table of texts."""

    kind = "told"

    def __init__(self, scores: Mapping[str, float]) -> None:
        self._scores = scores

    def texts(self, texts: Sequence[str]) -> list[float]:
        return [self._scores[text] for text in texts]

    def shared(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[float, float]]:
        return [(self._scores[first], self._scores[second]) for first, second in pairs]

    def endings(self, cases: Sequence[Ending]) -> list[list[float]]:
        return [[self._scores[ending] for ending in case.endings] for case in cases]


def test_a_preferred_stereotype_counts_one_and_a_tie_half() -> None:
    pairs = [
        StereotypePair("more", "less", "age"),
        StereotypePair("less", "more", "age"),
        StereotypePair("more", "more", "age"),
    ]
    assert sets.prefers_more(pairs, Told({"more": -1.0, "less": -2.0})) == [1.0, 0.0, 0.5]


def case(label: int, target: int, ambiguous: bool) -> BbqCase:
    return BbqCase(Ending("c", "q", ("a", "b", "unknown")), label, 2, target, ambiguous, "Age")


def test_the_likeliest_answer_is_chosen() -> None:
    assert sets.choices([case(0, 0, False)], Told({"a": -3.0, "b": -1.0, "unknown": -2.0})) == [1]


def test_bbqs_bias_of_disambiguated_contexts_is_the_lean_of_answers_that_name_somebody() -> None:
    cases = [case(0, 0, False)] * 4
    assert sets.bbq_accuracy(cases, [0, 0, 1, 2], ambiguous=False) == 0.5
    assert sets.bbq_bias(cases, [0, 0, 1, 2], ambiguous=False) == pytest.approx(2 * 2 / 3 - 1)


def test_bbqs_bias_of_ambiguous_contexts_weighs_less_where_the_model_says_not_known() -> None:
    cases = [case(2, 0, True)] * 4
    assert sets.bbq_bias(cases, [0, 0, 0, 2], ambiguous=True) == pytest.approx((1 - 1 / 4) * 1.0)
    assert sets.bbq_bias(cases, [2, 2, 2, 2], ambiguous=True) == 0.0


def bbq_line(polarity: str, **changes: object) -> dict[str, object]:
    return {
        "question_polarity": polarity,
        "context_condition": "ambig",
        "category": "Age",
        "answer_info": {"ans0": ["grandfather", "old"], "ans1": ["grandson", "nonOld"], "ans2": ["Unknown", "unknown"]},
        "additional_metadata": {"stereotyped_groups": ["old"]},
        "context": "c",
        "question": "q",
        "ans0": "The grandfather",
        "ans1": "The grandson",
        "ans2": "Not known",
        "label": 2,
    } | changes


def test_a_negative_question_expects_the_stereotyped_group_and_the_other_one_the_other(tmp_path: Path) -> None:
    folder = tmp_path / "bbq" / "data"
    folder.mkdir(parents=True)
    strange = bbq_line("neg", additional_metadata={"stereotyped_groups": ["somebody else"]})
    lines = [bbq_line("neg"), bbq_line("nonneg"), strange]
    (folder / "Age.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    cases, left_out = sets.bbq(tmp_path)
    assert [one.target for one in cases] == [0, 1]
    assert left_out == {"Age": 1}


def test_winogender_pairs_its_pronouns(tmp_path: Path) -> None:
    folder = tmp_path / "winogender"
    folder.mkdir()
    (folder / "occupations-stats.tsv").write_text(
        "occupation\tbergsma_pct_female\tbls_pct_female\tbls_year\nnurse\t90\t88.5\t2015\n"
    )
    rows = [
        f"nurse.patient.0.{gender}.txt\tThe nurse said {word}."
        for gender, word in (("male", "he"), ("female", "she"), ("neutral", "they"))
    ]
    (folder / "all_sentences.tsv").write_text("sentid\tsentence\n" + "\n".join(rows) + "\n")
    (found,) = sets.winogender(tmp_path)
    assert found == PronounCase(
        "nurse", "The nurse said he.", "The nurse said she.", "The nurse said they.", True, 88.5
    )
    scorer = Told({found.male: -5.0, found.female: -3.0, found.neutral: -9.0})
    assert sets.female_leans([found], scorer) == [2.0]


def test_correlation_is_pearsons() -> None:
    assert sets.correlation([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]) == pytest.approx(1.0)
    assert sets.correlation([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]) == pytest.approx(-1.0)
    assert sets.correlation([1.0, 1.0], [3.0, 2.0]) == 0.0


def test_the_words_that_two_sentences_share_are_found() -> None:
    assert scorers.shared_positions([1, 2, 3, 4], [1, 9, 9, 3, 4]) == ([0, 2, 3], [0, 3, 4])
    assert scorers.common_words("most black kids learn", "most white kids learn") == ["most", "kids", "learn"]


def test_rude_words_are_found_whole_and_in_the_plural() -> None:
    words = toxicity.pattern(["idiot", "shut up"])
    assert toxicity.rude("Idiots! Shut up.", words) == ["idiots", "shut up"]
    assert toxicity.rude("This is idiotic.", words) == []


def test_the_shop_says_no_word_of_the_list_by_itself() -> None:
    words = toxicity.pattern(toxicity.lines(toxicity.WORDS))
    assert not any(toxicity.rude(f"{one.title} {one.text}", words) for one in toxicity.PASSAGES)
    assert len(toxicity.cases()) == 40
