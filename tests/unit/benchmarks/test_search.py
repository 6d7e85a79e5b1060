"""The search benchmark: its question set, its readers, the fit of the score, and parts that run alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from benchmarks import report
from benchmarks.report import Row
from benchmarks.search import __main__ as bench
from benchmarks.search import calibrate, doc2dial, importing, shop
from benchmarks.search.bases import fill, sqlite_base
from benchmarks.search.ranks import document_rank, recall_rows
from benchmarks.search.shop import Asked, ShopQuestion
from benchmarks.search.synthetic import add_passages
from knowledge_base.search import Found, KnowledgeSearch
from knowledge_base.search.relevance import SIGNS, load_relevance
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder


def test_the_question_set_is_as_large_as_it_says_and_every_article_is_there() -> None:
    questions = shop.questions()
    slugs = {file.stem for file in shop.ARTICLES.rglob("*.md")}

    assert len(questions) >= 300
    assert sum(not one.answerable for one in questions) >= 100
    assert (
        len({one.id for one in questions}) == len({(one.question, one.history) for one in questions}) == len(questions)
    )
    assert set().union(*(one.articles for one in questions)) == slugs


def test_the_halves_are_equal_for_each_kind() -> None:
    counted = Counter((one.kind, one.half) for one in shop.questions())

    assert {half for _kind, half in counted} == {"a", "b"}
    for kind in {kind for kind, _half in counted}:
        assert abs(counted[kind, "a"] - counted[kind, "b"]) <= 2
        assert (kind in {"near_miss", "off_topic"}) == all(
            not one.answerable for one in shop.questions() if one.kind == kind
        )


def test_a_document_counts_once_in_a_ranking() -> None:
    assert document_rank(["a", "a", "b", "c"], {"c", "b"}) == 2
    assert document_rank(["a"], {"c"}) is None


def test_recall_is_the_share_of_ranks_within_each_depth() -> None:
    rows = recall_rows("set", "system", [1, 3, 7, None])

    assert [(row.metric, row.value) for row in rows] == [
        ("recall_at_1", 0.25),
        ("recall_at_5", 0.5),
        ("recall_at_10", 0.75),
    ]


def doc2dial_folder(folder: Path) -> Path:
    """A data set of two documents and two turns."""
    (folder / "doc2dial_val").mkdir()
    documents = [
        {"doc_id": "Kettles#1_0", "domain": "care", "text": "Descale the kettle.\n\nUse acid."},
        {"doc_id": "Parcels#1_0", "domain": "post", "text": "Track the parcel."},
    ]
    turns = [
        {"doc_id": "Parcels#1_0", "history": [["user", "hi"], ["agent", "hello"], ["user", "track the parcel"]]},
        {"doc_id": "Kettles#1_0", "history": [["user", "descale kettle"]]},
    ]
    for file, rows in zip(doc2dial.files(folder), (documents, turns), strict=True):
        file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder


def test_doc2dial_goes_through_the_importer_and_every_stage_is_measured(tmp_path: Path) -> None:
    rows = doc2dial.measure(doc2dial_folder(tmp_path), HashingEncoder(), most=0, seed=1)

    systems = {row.system for row in rows}
    assert systems == {
        *(f"{stage}_{read}" for stage in ("text", "vector", "fused") for read in ("last_turn", "conversation")),
        "fused_conversation_if_needed",
    }
    assert {row.value for row in rows if row.metric == "recall_at_5"} == {1.0}


def test_turns_are_drawn_by_the_seed(tmp_path: Path) -> None:
    data = doc2dial_folder(tmp_path)

    assert doc2dial.turns(data, 1, seed=3) == doc2dial.turns(data, 1, seed=3)
    assert doc2dial.turns(data)[0].history == ("hi", "hello")


def asked(half: str, similarity: float, answerable: bool) -> Asked:
    """A question whose only telling sign is its similarity."""
    question = ShopQuestion("q", "single", half, "?", (), frozenset({"a"} if answerable else ()))
    found = Found("?", (), (), "exact", (), signs=(similarity, 0.3, 0.5, 0.5, 0.1, 1.0))
    return Asked(question, found)


def test_the_score_is_fitted_on_one_half_and_refuses_few_of_its_answerable(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    good = [asked("a", value, True) for value in draw.normal(0.7, 0.05, 100)]
    bad = [asked("a", value, False) for value in draw.normal(0.3, 0.05, 50)]
    misleading = [asked("b", value, False) for value in draw.normal(0.9, 0.01, 200)]
    file = tmp_path / "relevance.json"

    calibrate.fit([*good, *bad, *misleading], HashingEncoder(), 1, file)

    fitted = load_relevance(HashingEncoder().fingerprint(), file)
    assert fitted is not None
    assert fitted.weights[SIGNS.index("best_similarity")] > 0
    scored = shop.scored([*good, *bad], fitted)
    refused = [(one.found.relevance or 0.0) < fitted.threshold for one in scored]
    assert np.mean(refused[:100]) <= 0.05
    assert np.mean(refused[100:]) >= 0.95


def test_the_curve_runs_from_nothing_refused_to_everything() -> None:
    found = [Asked(one.question, Found("?", (), (), "exact", (), relevance=value))
             for one, value in ((asked("a", 0, True), 0.8), (asked("a", 0, False), 0.2))]  # fmt: skip

    points = shop.curve(found, "a")

    assert points[0] == (0.0, 0.0, 0.0)
    assert points[50][1:] == (1.0, 0.0)
    assert points[100][1:] == (1.0, 1.0)


def test_synthetic_passages_stand_beside_the_real_ones_and_can_be_found(tmp_path: Path) -> None:
    encoder = HashingEncoder()
    (tmp_path / "kettles.md").write_text(
        "---\ntitle: Kettles\ntopic: care\n---\nDescale the kettle.\n\n## Acid\nUse citric acid.\n", encoding="utf-8"
    )
    with sqlite_base() as database:
        assert fill(database, encoder, tmp_path) == 2
        add_passages(database, encoder.fingerprint(), 33, seed=1)

        hits = KnowledgeSearch(database, encoder).search("citric acid", limit=100)

    assert Counter(hit.slug.partition("-")[0] for hit in hits) == {"kettles": 2, "synthetic": 31}
    assert all(hit.vector_rank is not None and abs(hit.similarity) <= 1.0001 for hit in hits)


def test_an_import_is_measured_beside_encoding_the_same_passages() -> None:
    encoder = HashingEncoder(max_tokens=256)

    rows = importing.measure(encoder, seed=1, passages=12)

    assert [(row.dataset, row.system) for row in rows] == [("import_12", "import"), ("import_12", "encode_alone")]
    assert all(row.value > 0 for row in rows)
    assert len(encoder.encoded) >= 2 * 12


def test_parts_that_did_not_run_keep_their_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    report.write("search", [Row("a", "x", "m", 1.0), Row("b", "x", "m", 2.0)], seed=1, data={"a": "1"}, seconds=0)

    rows, data = bench.kept([Row("b", "x", "m", 3.0)])

    assert rows == [Row("a", "x", "m", 1.0)]
    assert data == {"a": "1"}


def test_without_data_and_other_parts_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "load_encoder", lambda _name: HashingEncoder())
    monkeypatch.delenv(bench.VARIABLE, raising=False)

    assert bench.main(["--only", "doc2dial"]) == 2
    assert "left out, its data set is not under --data" in capsys.readouterr().out
