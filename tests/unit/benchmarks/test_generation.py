"""The readers of the generation benchmark, and its run without data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.generation import __main__ as generation
from benchmarks.generation import datasets, shop, stages
from benchmarks.generation_sets import HeldOutPassage
from llm_component.evaluation import measures
from llm_component.evaluation.cases import Case, EvaluationError
from llm_component.evaluation.measures import Said
from llm_component.training.data.examples import Example, Passage


def test_a_reference_stays_letter_by_letter_and_a_turn_without_reply_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "doc2dial_val"
    folder.mkdir()
    turn = {
        "id": "t1",
        "doc_id": "Fees#1_0",
        "history": [["user", "hi"], ["agent", "hello"], ["user", "what does it cost"]],
        "grounding": {"text": ["The fee is $50 , always . "]},
        "response": "it is $50 , always .",
    }
    lines = [turn, turn | {"response": None}]
    (folder / "grounded_turns.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    ((case, span, document),) = datasets.doc2dial(tmp_path)
    assert (case.reference, span, document) == ("it is $50 , always .", "The fee is $50 , always . ", "Fees#1_0")
    assert case.example.passages == (Passage("Fees", "", "The fee is $50, always."),)
    assert [turn.role for turn in case.example.history] == ["user", "assistant"]


def test_a_snippet_stands_with_its_own_question(tmp_path: Path) -> None:
    folder = tmp_path / "dstc9_track1" / "data"
    (folder / "val").mkdir(parents=True)
    docs = {"9": {"title": "Is there wifi?", "body": "Yes, free wifi."}}
    (folder / "knowledge.json").write_text(json.dumps({"hotel": {"4": {"name": "ALPHA HOUSE", "docs": docs}}}))
    known = {"domain": "hotel", "entity_id": 4, "doc_id": 9}
    labels = [{"target": False}, {"target": True, "knowledge": [known], "response": "Wifi is free. Book it?"}]
    (folder / "val" / "labels.json").write_text(json.dumps(labels))
    ((case, snippet),) = datasets.dstc9(tmp_path)
    assert (case.example.question, snippet, case.reference) == (
        "Is there wifi?",
        "Yes, free wifi.",
        "Wifi is free. Book it?",
    )


def test_the_held_out_questions_are_read_with_their_passages() -> None:
    cases = shop.questions()
    assert len(cases) >= 300
    assert all(case.must for case in cases if case.example.answerable)
    for case in cases:
        assert all(1 <= number <= len(case.example.passages) for number in case.example.cites)


def test_the_conversations_are_read_with_what_must_be_said() -> None:
    cases = shop.conversations()
    assert len(cases) >= 60
    assert all(case.must and case.reference and case.example.history for case in cases)


class Hit:
    """What the search gives."""

    def __init__(self, slug: str, title: str, heading: str, text: str) -> None:
        self.slug, self.title, self.heading, self.text = slug, title, heading, text


class Search:
    """Always finds the same."""

    def __init__(self, *hits: Hit) -> None:
        self._hits = hits
        self.asked: list[str] = []

    def search(self, query: str, limit: int) -> list[Hit]:
        self.asked.append(query)
        return list(self._hits[:limit])


def test_gold_is_found_again_among_the_hits() -> None:
    gold = Passage("Dry 12", "Costs", "It costs £99.")
    case = Case("q", Example("answer", "Price?", "£99. [1]", passages=(gold,), cites=(1,)))
    search = Search(Hit("other", "Other", "", "Something else."), Hit("dry", "Dry 12", "", "Good. It costs £99. Buy."))
    found = shop.retrieved(case, search)
    assert (found.example.cites, len(found.example.passages)) == ((2,), 2)
    assert search.asked == ["Price?"]


def test_what_the_search_misses_is_known_to_be_missed() -> None:
    gold = Passage("Dry 12", "Costs", "It costs £99.")
    case = Case("q", Example("answer", "Price?", "£99. [1]", passages=(gold,), cites=(1,)))
    found = shop.retrieved(case, Search(Hit("other", "Other", "", "Something else.")))
    assert (found.example.cites, found.unfound) == ((), True)
    said = [Said("£99.", (1,))]
    values = {one.metric: one.value for one in measures.citation_measures([found], said, samples=10, seed=1)}
    assert values == {"citation_precision": 0.0, "citation_recall": 0.0}


def test_gold_of_a_question_on_articles_is_the_article() -> None:
    case = Case("q", Example("answer", "Price?", ""))
    search = Search(Hit("costs", "Costs", "", "£5"), Hit("other", "Other", "", "x"))
    assert shop.retrieved(case, search, frozenset({"costs"})).example.cites == (1,)


def test_passages_become_articles_that_the_shop_can_read(tmp_path: Path) -> None:
    from frontdesk.brand import load_brand
    from knowledge_base.documents.sources import Sources, files_of

    parts = [("a", "Costs", "£5"), ("b", "Care", "Wipe.")]
    passages = [HeldOutPassage(name, "new", 'A "new" one', heading, text) for name, heading, text in parts]
    shop.write_articles(passages, tmp_path / "new")
    (article,) = Sources(files_of(tmp_path, tmp_path, 10_000), load_brand())
    assert (article.slug, article.title) == ("held-out-a-new-one", 'A "new" one')
    assert [section.path for section in article.sections] == [("Costs",), ("Care",)]


@pytest.mark.parametrize("said", ["no mark", "name=/nowhere", "=x"])
def test_a_stage_that_is_no_folder_is_refused(said: str) -> None:
    with pytest.raises(EvaluationError, match="NAME=FOLDER"):
        stages.stage(said)


def test_the_loss_curves_of_all_stages_are_in_one_picture(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        lines = [
            json.dumps({"step": step, "loss": 5.0 / step, "tokens": 9, "seconds": 1, "lr": 0.1}) for step in (1, 2)
        ]
        (tmp_path / name / "loss.jsonl").write_text("\n".join(lines), encoding="utf-8")
    drawn = stages.loss_curves([("pretrained", tmp_path / "one"), ("fine-tuned", tmp_path / "two")])
    assert drawn is not None and drawn.count("<polyline") == 2 and ">fine-tuned<" in drawn
    assert stages.loss_curves([("none", tmp_path)]) is None


def test_without_data_nothing_is_measured_and_the_reason_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(generation.VARIABLE, raising=False)
    assert generation.main(["--model", "none", "--only", "dstc9_val"]) == 2
    said = capsys.readouterr()
    assert "dstc9_val: left out" in said.out and "nothing was measured" in said.err
