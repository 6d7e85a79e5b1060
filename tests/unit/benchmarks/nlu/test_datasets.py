"""The readers of the intent sets, each on a small file of its own form, and the count of what parts share."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.nlu import datasets
from benchmarks.nlu.annotations import Example, markdown_examples
from benchmarks.nlu.datasets import OUT_OF_SCOPE, IntentSet, leaks


def written(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def test_hint3_calls_out_of_scope_what_the_bot_had_no_node_for(tmp_path: Path) -> None:
    written(tmp_path / "hint3/v1/train/shop_train.csv", 'sentence,label\n"EMI, please?",EMI\n')
    written(tmp_path / "hint3/v1/test/shop_test.csv", "sentence,label\nHy,NO_NODES_DETECTED\nemi,EMI\n")

    found = datasets.hint3(tmp_path, "shop")

    assert found.train == (Example("EMI, please?", "EMI"),)
    assert found.test == (Example("Hy", OUT_OF_SCOPE), Example("emi", "EMI"))
    assert found.labels == ["EMI"]


def test_clinc150_has_messages_out_of_scope_in_each_part_and_trains_on_none_of_them(tmp_path: Path) -> None:
    parts = {"train": [["pay", "bill"]], "val": [], "test": [["pay it", "bill"]]}
    outside = {f"oos_{part}": [[f"odd {part}", "oos"]] for part in parts}
    written(tmp_path / "clinc150/data_full.json", json.dumps(parts | outside))

    found = datasets.clinc150(tmp_path)

    assert found.validation == (Example("odd val", OUT_OF_SCOPE),)
    assert found.test == (Example("pay it", "bill"), Example("odd test", OUT_OF_SCOPE))
    assert datasets.in_scope(found.train) == [Example("pay", "bill")]
    assert found.labels == ["bill"]


def test_banking77_is_read_with_commas_and_line_breaks_in_messages(tmp_path: Path) -> None:
    written(tmp_path / "banking77/train.csv", 'text,category\n"card, where\nis it?",card_arrival\n')
    written(tmp_path / "banking77/test.csv", "text,category\nhelp,card_arrival\n")

    assert datasets.banking77(tmp_path).train == (Example("card, where\nis it?", "card_arrival"),)


def test_few_shot_sets_train_on_the_draw_of_ten(tmp_path: Path) -> None:
    for part, text in (("train_10", "one\ntwo\n"), ("train_5", "not this\n"), ("valid", "three\n"), ("test", "four\n")):
        written(tmp_path / "few_shot_intent/HWU64" / part / "seq.in", text)
        written(tmp_path / "few_shot_intent/HWU64" / part / "label", "a\n" * text.count("\n"))

    found = datasets.few_shot(tmp_path, "HWU64")

    assert [one.text for one in found.train] == ["one", "two"]
    assert [one.text for one in found.validation] == ["three"]
    assert found.name == "hwu64_10shot"


def test_texts_and_labels_of_different_length_are_refused(tmp_path: Path) -> None:
    for part in ("train_10", "valid", "test"):
        written(tmp_path / "few_shot_intent/HWU64" / part / "seq.in", "one\ntwo\n")
        written(tmp_path / "few_shot_intent/HWU64" / part / "label", "a\n")

    with pytest.raises(ValueError, match="zip"):
        datasets.few_shot(tmp_path, "HWU64")


def test_markdown_gives_texts_without_annotations_and_the_spans_of_entities(tmp_path: Path) -> None:
    file = written(
        tmp_path / "train.md",
        "## intent:alarm_set\n- wake me at [ten am](time) [tomorrow](date)\n\n## regex:x\n- [0-9]+\n\n"
        "## intent:joke\n- tell me one\n",
    )

    text = "wake me at ten am tomorrow"
    assert markdown_examples(file) == (
        Example(text, "alarm_set", ((11, 17, "time"), (18, 26, "date"))),
        Example("tell me one", "joke"),
    )
    assert text[11:17] == "ten am"


def test_a_file_without_intents_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="intent"):
        markdown_examples(written(tmp_path / "train.md", "# Notes\n- nothing\n"))


def test_the_shop_trains_retrieval_intents_as_rasa_does() -> None:
    found = datasets.shop()

    assert "chitchat" in found.labels
    assert not [label for label in found.labels if "/" in label]
    assert found.has_entities
    assert leaks(found).in_train == 0


def test_leaks_are_found_whatever_case_and_punctuation() -> None:
    train = (Example("Where is it?", "track"), Example("where is it", "track"), Example("Hello", "greet"))
    test = (Example("WHERE IS  IT", "track"), Example("hello!", "thanks"), Example("new", "greet"))
    found = IntentSet("set", train, (), test, (), "")

    counted = leaks(found)

    assert (counted.test, counted.in_train, counted.under_another_intent, counted.within_train) == (3, 2, 1, 1)
