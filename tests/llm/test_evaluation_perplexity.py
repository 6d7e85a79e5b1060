"""Likelihoods and perplexity against plain computations on small models."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, BertConfig, BertForMaskedLM

from llm_component.evaluation import likelihood, perplexity
from llm_component.evaluation.perplexity import Perplexity

TEXT = "You can return the kettle within 30 days of delivery, and the label is free."


@pytest.fixture(scope="module")
def causal(tiny_llama: Path) -> tuple[Any, Any]:
    return AutoModelForCausalLM.from_pretrained(tiny_llama).eval(), AutoTokenizer.from_pretrained(tiny_llama)


@pytest.fixture(scope="module")
def masked_model() -> Any:
    torch.manual_seed(0)
    config = BertConfig(vocab_size=32, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
    return BertForMaskedLM(config).eval()


def one_by_one(model: Any, ids: list[int]) -> list[float]:
    """The same by a forward pass for each prefix."""
    found = []
    with torch.no_grad():
        for place in range(1, len(ids)):
            logits = model(input_ids=torch.tensor([ids[:place]])).logits[0, -1]
            found.append(float(logits.log_softmax(-1)[ids[place]]))
    return found


def test_a_causal_rows_likelihood_is_that_of_its_prefixes(causal: tuple[Any, Any]) -> None:
    model, _ = causal
    ids = [1, 50, 70, 90, 30]
    assert likelihood.causal(model, [ids], pad=0)[0] == pytest.approx(one_by_one(model, ids), abs=1e-4)


def test_rows_do_not_change_each_other_in_a_batch(causal: tuple[Any, Any]) -> None:
    model, _ = causal
    rows = [[1, 50, 70, 90, 30], [1, 60], [1, 80, 20]]
    together = likelihood.causal(model, rows, pad=0)
    for row, found in zip(rows, together, strict=True):
        assert found == pytest.approx(likelihood.causal(model, [row], pad=0)[0], abs=1e-4)


def test_a_written_targets_likelihood_is_that_of_its_prefixes(tiny_t5: Path) -> None:
    model = AutoModelForSeq2SeqLM.from_pretrained(tiny_t5).eval()
    source, target = [40, 60, 1], [70, 80, 1]
    expected = []
    with torch.no_grad():
        for place in range(len(target)):
            before = torch.tensor([[0, *target[:place]]])
            logits = model(input_ids=torch.tensor([source]), decoder_input_ids=before).logits[0, -1]
            expected.append(float(logits.log_softmax(-1)[target[place]]))
    found = likelihood.written(model, [source, [50, 1]], [target, [90]], pad=0)
    assert found[0] == pytest.approx(expected, abs=1e-4)
    assert len(found[1]) == 1


def test_each_masked_token_is_given_all_others(masked_model: Any) -> None:
    ids = [2, 7, 9, 11, 3]
    expected = []
    with torch.no_grad():
        for place in (1, 3):
            hidden = [4 if index == place else one for index, one in enumerate(ids)]
            logits = masked_model(input_ids=torch.tensor([hidden])).logits[0, place]
            expected.append(float(logits.log_softmax(-1)[ids[place]]))
    found = likelihood.masked(masked_model, [ids, [2, 5, 3]], [[1, 3], [1]], mask_id=4, pad=0)
    assert found[0] == pytest.approx(expected, abs=1e-4)


def test_a_model_in_training_goes_on_in_training(masked_model: Any) -> None:
    masked_model.train()
    try:
        likelihood.masked(masked_model, [[2, 7, 3]], [[1]], mask_id=4, pad=0)
        assert masked_model.training
    finally:
        masked_model.eval()


def test_batches_hold_every_row_once_and_stay_within_the_tokens() -> None:
    sizes = [3, 10, 1, 7, 7, 2]
    found = list(likelihood.batches(sizes, 14))
    assert sorted(index for batch in found for index in batch) == list(range(6))
    assert all(len(batch) == 1 or len(batch) * max(sizes[index] for index in batch) <= 14 for batch in found)


def test_windows_score_every_position_once() -> None:
    assert list(perplexity.windows(10, 4, 2)) == [(0, 4, 0), (2, 6, 4), (4, 8, 6), (6, 10, 8)]
    assert list(perplexity.windows(3, 4, 2)) == [(0, 3, 0)]
    assert list(perplexity.windows(0, 4, 2)) == []


@pytest.mark.parametrize("stride", [0, 5])
def test_a_stride_that_leaves_tokens_out_is_refused(stride: int) -> None:
    with pytest.raises(ValueError, match="stride"):
        list(perplexity.windows(10, 4, stride))


def test_sliding_windows_of_a_short_text_are_the_whole_text(causal: tuple[Any, Any]) -> None:
    model, tokenizer = causal
    found = perplexity.of_text(model, tokenizer, [TEXT], window=256, stride=64)
    ids = [1, *tokenizer(TEXT, add_special_tokens=False)["input_ids"]]
    whole = one_by_one(model, ids)
    assert found.nats == pytest.approx(-sum(whole), rel=1e-4)
    assert (found.tokens, found.words) == (len(ids) - 1, 15)
    assert found.per_token == pytest.approx(math.exp(-sum(whole) / len(whole)), rel=1e-4)


def test_windows_with_a_stride_of_one_see_a_full_window_before_each_token(causal: tuple[Any, Any]) -> None:
    model, tokenizer = causal
    found = perplexity.of_text(model, tokenizer, [TEXT], window=8, stride=1)
    ids = [1, *tokenizer(TEXT, add_special_tokens=False)["input_ids"]]
    expected = sum(one_by_one(model, ids[max(0, place - 7) : place + 1])[-1] for place in range(1, len(ids)))
    assert found.tokens == len(ids) - 1
    assert found.nats == pytest.approx(-expected, rel=1e-4)


def test_replies_of_a_causal_model_are_scored_without_their_prompts(causal: tuple[Any, Any]) -> None:
    model, _ = causal
    found = perplexity.of_replies(model, [[1, 50, 70]], [[90, 30]], ["two words"], pad=0, encoder_decoder=False)
    assert found[0].nats == pytest.approx(-sum(one_by_one(model, [1, 50, 70, 90, 30])[2:]), rel=1e-4)
    assert (found[0].tokens, found[0].words) == (2, 2)


def test_perplexities_add_up_by_their_logarithms() -> None:
    both = Perplexity(2.0, 2, 1) + Perplexity(4.0, 4, 1)
    assert both.per_token == pytest.approx(math.e)
    assert both.per_word == pytest.approx(math.exp(3))


def test_the_perplexity_of_nothing_is_no_number() -> None:
    assert math.isnan(perplexity.NOTHING.per_token)


def test_special_tokens_stand_round_a_text(tiny_bart: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_bart)
    row, places = perplexity.framed(tokenizer, [40, 50])
    assert (row, places) == ([0, 40, 50, 2], [1, 2])
