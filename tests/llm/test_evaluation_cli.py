"""`evaluate` and `generate` from the command line, on models of a few kilobytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llm_component.cli import main

CASES = [
    {
        "id": "price",
        "question": "What does standard delivery cost?",
        "target": "Standard delivery costs £4.95. [1]",
        "passages": [{"title": "Delivery", "heading": "Costs", "text": "Standard delivery costs £4.95."}],
        "cites": [1],
        "must": [["£4.95"]],
    },
    {"question": "Can I pay later?", "answerable": False, "passages": ["You have 30 days to return an item."]},
    {
        "task": "summary",
        "history": [{"role": "user", "content": "Where is order 1043?"}],
        "target": "The customer asks where order 1043 is.",
        "must": ["1043"],
    },
]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "cases.jsonl"
    path.write_text("".join(json.dumps(case) + "\n" for case in CASES), encoding="utf-8")
    return path


def evaluated(folder: Path, data: Path, *more: str) -> dict[str, Any]:
    out = data.with_name("results.json")
    status = main(
        ["evaluate", "--model", str(folder), "--data", str(data), "--samples", "20", "--out", str(out), *more]
    )
    assert status == 0
    return json.loads(out.read_text(encoding="utf-8"))


def values(result: dict[str, Any], system: str) -> dict[str, float]:
    return {row["metric"]: row["value"] for row in result["rows"] if row["system"] == system}


def test_a_model_is_measured_beside_the_quoted_passage(tiny_t5: Path, data: Path) -> None:
    pytest.importorskip("sacrebleu")
    result = evaluated(tiny_t5, data, "--no-checks")
    assert values(result, "quoted passage")["facts_exact"] == 1.0
    assert values(result, "quoted passage")["citation_precision"] == 1.0
    assert values(result, "quoted passage")["abstention_recall"] == 0.0
    ours = values(result, "tiny-t5")
    assert {"sacrebleu", "rouge_l", "facts_exact", "must_recall", "perplexity", "perplexity_per_word"} <= set(ours)
    assert ours["perplexity"] > 1.0
    assert {row["dataset"] for row in result["rows"]} == {"cases", "cases_summary"}


def test_every_reply_and_a_card_are_written(tiny_llama: Path, data: Path) -> None:
    pytest.importorskip("sacrebleu")
    replies, card = data.with_name("replies.jsonl"), data.with_name("card.md")
    evaluated(tiny_llama, data, "--no-checks", "--no-perplexity", "--replies", str(replies), "--card", str(card))
    kept = [json.loads(line) for line in replies.read_text(encoding="utf-8").splitlines()]
    assert [one["id"] for one in kept] == ["price", "cases-2", "cases-3"]
    assert "| type | llama |" in card.read_text(encoding="utf-8")


def test_the_perplexity_of_a_text_needs_no_examples(
    tiny_llama: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.txt"
    text.write_text("You can return the kettle within 30 days.", encoding="utf-8")
    assert main(["evaluate", "--model", str(tiny_llama), "--text", str(text), "--window", "16"]) == 0
    assert "perplexity_per_word" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ([], "say what to measure on"),
        (["--data", "nothing"], "nothing is no file and no data set"),
        (["--text", "missing.txt"], "missing.txt"),
    ],
)
def test_what_cannot_be_measured_ends_with_a_sentence(
    more: list[str], says: str, tiny_llama: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", "--model", str(tiny_llama), *more]) == 2
    assert says in capsys.readouterr().err


def test_no_model_ends_with_a_sentence(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--model", "none", "--data", str(data), "--no-checks"]) == 2
    assert "no model is set" in capsys.readouterr().err


def test_a_broken_line_is_named(tmp_path: Path, tiny_llama: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text('{"question": "no target"}\n', encoding="utf-8")
    assert main(["evaluate", "--model", str(tiny_llama), "--data", str(path)]) == 2
    assert "broken.jsonl, line 1" in capsys.readouterr().err


def test_a_prompt_is_completed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--model", "echo", "where is my order"]) == 0
    assert capsys.readouterr().out == "where is my order\n"


def test_a_file_of_prompts_gives_an_object_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("one\n\ntwo\n", encoding="utf-8")
    assert main(["generate", "--model", "echo", "--file", str(prompts), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines == [{"prompt": "one", "reply": "one"}, {"prompt": "two", "reply": "two"}]


def test_a_chat_goes_on_until_it_is_ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    said = iter(["hello", "", "again", "/quit"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(said))
    assert main(["generate", "--model", "echo"]) == 0
    assert capsys.readouterr().out == "hello\nagain\n"


def test_a_model_completes_as_many_tokens_as_it_may(tiny_qwen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "--model", str(tiny_qwen), "--max-tokens", "3", "hello"]) == 0
    assert capsys.readouterr().out.strip()


def test_without_a_model_a_passage_is_quoted_and_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    passages = tmp_path / "delivery.md"
    passages.write_text("# Delivery\n## Costs\nStandard delivery costs £4.95.\n", encoding="utf-8")
    assert main(["generate", "--model", "none", "--passages", str(passages), "What does it cost?"]) == 0
    assert capsys.readouterr().out == "Standard delivery costs £4.95. [1]\n  [1] Delivery, Costs\n"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--model", "none", "hello"], "no model is set"),
        (["--model", "echo", " "], "there is no prompt"),
        (["--model", "echo", "--passages", "missing.json", "hello"], "missing.json"),
    ],
)
def test_what_cannot_be_generated_ends_with_a_sentence(
    more: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", *more]) == 2
    assert says in capsys.readouterr().err
