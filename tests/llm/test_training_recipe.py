"""The recipe of the model that ships, from nothing to packed weights, with few updates; and what stops it."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_component.compact.source import SourceBuilder
from llm_component.compact.weights import load_compact
from llm_component.encoder import packaged_folder
from llm_component.engines.interface import Grounding, GroundingPassage
from llm_component.training import recipe

needs_encoder = pytest.mark.skipif(packaged_folder() is None, reason="the packaged sentence encoder is not installed")
SMALL = [
    "--examples",
    "40",
    "--denoising-updates",
    "1",
    "--updates",
    "1",
    "--refining-examples",
    "20",
    "--refining-updates",
    "1",
]


@needs_encoder
def test_from_nothing_to_packed_weights_and_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FRONTDESK_DATA_SETS", raising=False)
    monkeypatch.setattr(recipe, "PRETRAIN", recipe.PRETRAIN.replace("--batch-tokens 2560", "--batch-tokens 200"))
    monkeypatch.setattr(recipe, "FINETUNE", recipe.FINETUNE.replace("--batch-tokens 2560", "--batch-tokens 200"))
    arguments = ["--out", str(tmp_path / "run"), "--packed", str(tmp_path / "packed"), *SMALL]
    assert recipe.main(arguments) == 0
    assert "Without doc2dial_qga, dstc9_track1" in capfd.readouterr().out

    model, tokenizer = load_compact(tmp_path / "packed")
    assert sum(file.stat().st_size for file in (tmp_path / "packed").iterdir()) < 30e6
    source = SourceBuilder(tokenizer).build(
        Grounding("answer", "How long?", passages=(GroundingPassage("Returns", "", "You have 30 days."),))
    )
    assert "[UNK]" not in tokenizer.decode(list(source.ids))
    assert model.config.vocab_size == len(tokenizer)
    assert tokenizer.convert_ids_to_tokens(source.ids[1]) == tokenizer.convert_ids_to_tokens(
        model.config.answer_token_id
    )
    assert {tokenizer.convert_ids_to_tokens(int(token)) for token in model.config.opening_shifts} <= {"I", "Yes", "No"}
    assert all(shift < 0 for shift in model.config.opening_shifts.values())

    assert recipe.main(arguments) == 0  # what is done is not done again
    assert capfd.readouterr().out.count("done already") == 3


def test_a_stage_that_fails_is_said_in_one_sentence(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    nothing = tmp_path / "articles"
    nothing.mkdir()
    assert recipe.main(["--out", str(tmp_path / "run"), "--articles", str(nothing), *SMALL]) == 2
    assert "llm_component.training.recipe: " in capfd.readouterr().err


def test_data_that_may_not_be_passed_on_is_not_packed(tmp_path: Path) -> None:
    model = tmp_path / "answer" / "model"
    model.mkdir(parents=True)
    (model / "training.json").write_text('{"research_only": true}', encoding="utf-8")
    with pytest.raises(recipe.TrainingError, match="research only"):
        recipe.pack(model, [model], tmp_path / "packed")
