"""Weights as they ship: small files that come back nearly the same, and that nobody has changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

from llm_component.compact import weights
from llm_component.compact.modeling import CompactForConditionalGeneration
from llm_component.compact.weights import WeightsError, is_packed, load_compact, read_packed, save_compact
from llm_component.models.files import ModelError
from llm_component.models.loading import load_model
from llm_component.settings import Settings
from tests.llm.compact_models import padded, small_model, sources, tokenizer


@pytest.fixture(scope="module")
def model() -> CompactForConditionalGeneration:
    return small_model(hidden_size=64)


@pytest.fixture
def packed(model: CompactForConditionalGeneration, tmp_path: Path) -> Path:
    save_compact(model, tokenizer(), tmp_path / "packed", {"seed": 5})
    return tmp_path / "packed"


def logits(model: CompactForConditionalGeneration) -> torch.Tensor:
    ids, mask = padded(sources(2, seed=8))
    with torch.inference_mode():
        return model(input_ids=ids, attention_mask=mask, decoder_input_ids=torch.tensor([[2, 40], [2, 50]])).logits


def test_fp16_comes_back_to_three_digits(model: CompactForConditionalGeneration, tmp_path: Path) -> None:
    save_compact(model, tokenizer(), tmp_path, {}, "fp16")

    for name, weight in load_compact(tmp_path)[0].state_dict().items():
        torch.testing.assert_close(weight, model.state_dict()[name], rtol=1e-3, atol=1e-6)


def test_int8_comes_back_within_half_a_step_of_each_row(model: CompactForConditionalGeneration, packed: Path) -> None:
    for name, weight in read_packed(packed).items():
        wanted = model.state_dict()[name]
        step = wanted.abs().amax(dim=-1, keepdim=True) / 127
        assert bool(((weight - wanted).abs() <= 0.51 * step + 1e-3 * wanted.abs() + 1e-6).all()), name


def test_int8_says_nearly_the_same(model: CompactForConditionalGeneration, packed: Path) -> None:
    wanted, found = logits(model), logits(load_compact(packed)[0])

    divergence = (wanted.exp() * (wanted - found)).sum(dim=-1)
    assert divergence.max() < 0.05


def test_it_is_loaded_in_fp32_with_one_embedding(packed: Path) -> None:
    loaded, _ = load_compact(packed)

    assert {weight.dtype for weight in loaded.parameters()} == {torch.float32}
    assert loaded.encoder.embedding.weight is loaded.shared.weight


def test_from_pretrained_reads_it_too(packed: Path) -> None:
    loaded = AutoModelForSeq2SeqLM.from_pretrained(packed)

    assert torch.equal(logits(loaded.eval()), logits(load_compact(packed)[0]))


def test_saving_what_was_loaded_changes_nothing(packed: Path, tmp_path: Path) -> None:
    save_compact(*load_compact(packed), tmp_path / "again", {"seed": 5})

    first, second = read_packed(packed), read_packed(tmp_path / "again")
    for name, weight in first.items():
        torch.testing.assert_close(second[name], weight, rtol=2e-3, atol=1e-6)


def test_files_are_small(
    model: CompactForConditionalGeneration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "SHARD_BYTES", 30_000)

    total = save_compact(model, tokenizer(), tmp_path, {})

    files = list(tmp_path.glob("*.safetensors"))
    assert len(files) > 2
    assert sum(file.stat().st_size for file in files) == total


def test_the_manifest_says_what_it_was_made_from(packed: Path) -> None:
    assert json.loads((packed / "manifest.json").read_text())["model"] == {"seed": 5}


def test_a_plain_folder_is_not_packed(tiny_compact: Path) -> None:
    assert not is_packed(tiny_compact)


def test_a_changed_file_is_refused(packed: Path) -> None:
    file = next(packed.glob("*.safetensors"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with pytest.raises(WeightsError, match="not the file that"):
        load_compact(packed)


def test_a_changed_file_is_refused_where_models_are_loaded(packed: Path) -> None:
    file = next(packed.glob("*.safetensors"))
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with pytest.raises(ModelError, match="not the file that"):
        load_model(Settings(model=str(packed), device="cpu"))


def test_a_missing_file_is_named(packed: Path) -> None:
    file = next(packed.glob("*.safetensors"))
    file.unlink()

    with pytest.raises(WeightsError, match=f"lacks the weight file {file.name}"):
        read_packed(packed)


def test_a_file_of_another_folder_is_refused(packed: Path) -> None:
    manifest = packed / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"model-', '"../model-'))

    with pytest.raises(WeightsError, match="no file of its folder"):
        read_packed(packed)


@pytest.mark.parametrize("form", ["plain", "packed"])
def test_it_is_loaded_like_any_other_model(form: str, tiny_compact: Path, packed: Path) -> None:
    loaded = load_model(Settings(model=str(tiny_compact if form == "plain" else packed), device="cpu"))

    assert (loaded.kind, loaded.prompt_style, loaded.context_tokens, loaded.completion_tokens) == (
        "encoder_decoder",
        "compact",
        1024,
        64,
    )
    assert loaded.end_token_ids == {3}
