"""Scores against values counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llm_component.evaluation import bootstrap, text_scores
from llm_component.evaluation.abstention import abstains, score_abstention
from llm_component.evaluation.citations import cited_numbers, score_citations, without_marks
from llm_component.evaluation.facts_score import contains, score_facts

pytest.importorskip("sacrebleu")
pytest.importorskip("rouge_score")


def test_bleu_is_the_geometric_mean_of_the_precisions() -> None:
    counts = text_scores.bleu_counts(["a b c d e"], ["a b c d f"])
    # 4/5 words, 3/4 pairs, 2/3 triples, 1/2 fours; equally long, so no penalty.
    assert counts.score() == pytest.approx(100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)


def test_bleu_punishes_what_is_too_short() -> None:
    counts = text_scores.bleu_counts(["a b c d"], ["a b c d e"])
    assert counts.score() == pytest.approx(100 * math.exp(1 - 5 / 4))
    assert counts.brevity() == pytest.approx(4 / 5)


def test_bleu_counts_the_corpus_and_not_the_mean_of_sentences() -> None:
    texts, references = ["the cat sat on the mat", "no"], ["the cat sat on the mat", "yes it is there"]
    from sacrebleu.metrics import BLEU

    assert text_scores.bleu_counts(texts, references).score() == pytest.approx(
        BLEU().corpus_score(texts, [references]).score
    )


def test_bleu_of_chosen_texts_is_that_of_the_texts_alone() -> None:
    texts, references = ["a b c d e", "x y z"], ["a b c d f", "x y w"]
    whole = text_scores.bleu_counts(texts, references)
    assert whole.score(np.array([0])) == pytest.approx(text_scores.bleu_counts(texts[:1], references[:1]).score())


def test_the_signature_names_tokens_smoothing_and_version() -> None:
    import sacrebleu

    signature = text_scores.bleu_counts(["a"], ["a"]).signature
    assert signature == f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{sacrebleu.__version__}"


@pytest.mark.parametrize(
    ("texts", "references", "says"),
    [([], [], "no texts"), (["a"], ["a", "b"], "1 texts and 2"), (["a"], [" "], "a reference is empty")],
)
def test_what_cannot_be_scored_is_refused(texts: list[str], references: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        text_scores.bleu_counts(texts, references)


def test_rouge_is_f1_of_words_pairs_and_the_longest_common_subsequence() -> None:
    found = text_scores.rouge(["the cat lay down"], ["the cat sat down here"])
    assert found["rouge1"] == [pytest.approx(100 * 2 * 3 / (4 + 5))]
    assert found["rouge2"] == [pytest.approx(100 * 2 * 1 / (3 + 4))]
    assert found["rougeL"] == [pytest.approx(100 * 2 * 3 / (4 + 5))]


def test_the_challenges_bleu_ignores_case_signs_and_articles() -> None:
    assert text_scores.sentence_bleu4("The rooms cost 5 a night!", "rooms cost 5 night") == pytest.approx(100.0)


def test_the_challenges_bleu_is_nothing_without_four_words_in_a_row() -> None:
    assert text_scores.sentence_bleu4("rooms cost 5 night", "rooms cost 6 night") == 0.0


def test_the_challenges_bleu_is_that_of_its_own_library() -> None:
    bleu = pytest.importorskip("nltk.translate.bleu_score")
    said, wanted = "yes parking is free at this nice hotel", "parking is free at this hotel every day"
    assert text_scores.sentence_bleu4(said, wanted) == pytest.approx(
        100 * bleu.sentence_bleu([wanted.split()], said.split())
    )


def test_distinct_counts_different_runs_of_words() -> None:
    assert text_scores.distinct(["a b a", "A b"], 1) == pytest.approx(2 / 5)
    assert text_scores.distinct(["a b a", "A b"], 2) == pytest.approx(2 / 3)
    assert text_scores.distinct([""], 2) == 0.0


def test_equal_facts_in_another_form_are_exact() -> None:
    assert score_facts("It is £4.95 and takes 3 to 5 working days.", "Standard costs £4.95, 3-5 working days.").exact


def test_a_wrong_price_is_missing_and_added() -> None:
    score = score_facts("It costs £9.95.", "It costs £4.95.", ["It costs £4.95."])
    assert (score.missing, score.added, score.foreign) == (("£4.95",), ("£9.95",), ("£9.95",))


def test_one_more_fact_of_the_passage_is_right_but_not_exact() -> None:
    score = score_facts("It costs £4.95, free from £50.", "It costs £4.95.", ["It costs £4.95. Free from £50."])
    assert (score.exact, score.right) == (False, True)


def test_an_order_number_may_be_repeated_from_the_customer() -> None:
    score = score_facts("Order 1043 comes on 3 March.", "It comes on 3 March.", (), ["Where is order 1043?"])
    assert score.exact


@pytest.mark.parametrize(
    ("answer", "wanted", "said"),
    [
        ("It is leaking.", "leak", True),
        ("Now it works.", "No", False),
        ("No, it has none.", "No", True),
        ("It costs £229.", "£229.00", True),
        ("It takes 120 litres.", "12 litres", False),
        ("It is 1.12 m.", "12", False),
        ("It is 12.5 m.", "12", False),
        ("slide the  Dust filter out", "dust filter", True),
    ],
)
def test_what_must_be_said_is_found_in_other_forms(answer: str, wanted: str, said: bool) -> None:
    assert contains(answer, wanted) is said


def test_citation_precision_and_recall_are_counted_over_all_answers() -> None:
    score = score_citations([[1], [1, 2], []], [[1], [2, 3], [1]])
    assert (score.precision, score.recall, score.cited, score.gold) == (pytest.approx(2 / 3), 0.5, 3, 4)


def test_citation_marks_are_read_and_taken_off() -> None:
    assert cited_numbers("It is £4.95. [2] Free from £50 [1, 2].") == [1, 2]
    assert without_marks("It is £4.95. [2] Free from £50 [1, 2].") == "It is £4.95. Free from £50."


def test_abstention_is_counted_apart_for_what_can_be_answered() -> None:
    score = score_abstention([True, False, True, False, False], [False, False, True, True, True])
    assert (score.recall, score.false, score.unanswerable, score.answerable) == (0.5, pytest.approx(1 / 3), 2, 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [("I am sorry, I can't find that. Ask us.", True), ("", True), ("It costs £4.95. I can't find that.", False)],
)
def test_an_abstention_stands_at_the_start(text: str, said: bool) -> None:
    assert abstains(text, "I'm sorry, I can't find that.") is said


def test_equal_seeds_give_equal_intervals() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0, 0.5, 0.25]
    assert bootstrap.mean_interval(values, seed=7) == bootstrap.mean_interval(values, seed=7)
    assert bootstrap.mean_interval(values, seed=7) != bootstrap.mean_interval(values, seed=8)


def test_the_draws_of_a_seed_never_change() -> None:
    # With another generator old and new results would no longer compare.
    assert [drawn.tolist() for drawn in bootstrap.draws(5, 2, seed=1)] == [[2, 2, 3, 4, 0], [0, 4, 4, 1, 1]]


def test_an_interval_lies_round_the_mean_and_narrows_with_examples() -> None:
    few, many = (bootstrap.mean_interval([0.0, 1.0] * count) for count in (10, 1000))
    assert few.low < few.value == 0.5 < few.high
    assert many.high - many.low < few.high - few.low


def test_a_ratio_counts_sums_and_not_means() -> None:
    assert bootstrap.ratio_interval([1, 0], [1, 3]).value == 0.25
    assert bootstrap.ratio_interval([0, 0], [0, 0]).value == 0.0


def test_a_system_always_better_differs_for_certain() -> None:
    first, second = np.array([1.0, 0.8, 0.9]), np.array([0.5, 0.3, 0.4])
    found = bootstrap.compare(3, lambda drawn: float(first[drawn].mean()), lambda drawn: float(second[drawn].mean()))
    assert (found.difference, found.p) == (pytest.approx(0.5), 0.0)
    assert found.low == pytest.approx(found.high) == pytest.approx(0.5)


def test_equal_systems_do_not_differ() -> None:
    values = np.array([1.0, 0.8, 0.9])
    found = bootstrap.compare(3, lambda drawn: float(values[drawn].mean()), lambda drawn: float(values[drawn].mean()))
    assert (found.difference, found.p) == (0.0, 1.0)


def test_nothing_to_draw_from_is_refused() -> None:
    with pytest.raises(ValueError, match="no examples"):
        bootstrap.mean_interval([])
