"""The whole model: the copy head's mixture, generation with and without cache, the Auto classes, the warm start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer, BertConfig, BertModel
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from llm_component.compact.following import behind_longest, remembered
from llm_component.compact.modeling import CompactForConditionalGeneration
from llm_component.compact.warm_start import start_from_bert
from tests.llm.compact_models import padded, small_config, small_model, sources

TARGET = torch.tensor([[2, 40, 41, 42, 43], [2, 60, 61, 62, 63]])


@pytest.fixture(scope="module")
def model() -> CompactForConditionalGeneration:
    return small_model()


@torch.inference_mode()
def log_probabilities(model: CompactForConditionalGeneration, rows: list[tuple[int, ...]], **more: Any) -> torch.Tensor:
    ids, mask = padded(rows)
    return model(input_ids=ids, attention_mask=mask, decoder_input_ids=TARGET[: len(rows)], **more).logits


def test_the_output_is_a_distribution(model: CompactForConditionalGeneration) -> None:
    total = log_probabilities(model, sources(2, seed=3)).exp().sum(dim=-1)

    torch.testing.assert_close(total, torch.ones_like(total), atol=1e-4, rtol=0)


def test_only_what_stands_in_the_source_is_copied(model: CompactForConditionalGeneration) -> None:
    head = model.copy_head
    assert head is not None
    states, memory = torch.randn(1, 2, 32), torch.randn(1, 3, 32)
    source = torch.tensor([[50, 51, 50]])
    mask = torch.ones_like(source)
    unlikely = torch.full((1, 2, model.config.vocab_size), 0.0)
    unlikely[..., 0] = 100.0  # the vocabulary says padding, so everything else is copied

    written = torch.tensor([[7, 7]])
    found = head(states, states, memory, head.key(memory), mask, source, written, unlikely).exp()

    others = [token for token in range(model.config.vocab_size) if token not in (0, 50, 51)]
    assert found[..., others].max() < 1e-6
    assert found[..., [50, 51]].min() > 1e-6


def test_a_token_that_stands_there_twice_gets_both_shares(model: CompactForConditionalGeneration) -> None:
    head = model.copy_head
    assert head is not None
    states, memory = torch.randn(1, 1, 32), torch.randn(1, 2, 32).repeat(1, 2, 1)
    logits = torch.zeros(1, 1, model.config.vocab_size)
    mask = torch.ones(1, 4, dtype=torch.long)
    keys = head.key(memory)

    written = torch.tensor([[7]])
    apart = head(states, states, memory, keys, mask, torch.tensor([[50, 51, 52, 51]]), written, logits).exp()
    once = head(states, states, memory, keys, mask, torch.tensor([[50, 51, 52, 53]]), written, logits).exp()

    torch.testing.assert_close(apart[..., 51] + once[..., 60], once[..., 51] + once[..., 53])


def test_what_stands_behind_the_token_just_written_is_pointed_at_before_training(
    model: CompactForConditionalGeneration,
) -> None:
    head = model.copy_head
    assert head is not None
    states, memory = torch.zeros(1, 1, 32), torch.zeros(1, 4, 32)
    copies = torch.zeros(1, 1, model.config.vocab_size)
    mask, source = torch.ones(1, 4, dtype=torch.long), torch.tensor([[50, 51, 52, 53]])

    found = head(states, states, memory, head.key(memory), mask, source, torch.tensor([[51]]), copies).exp()[0, 0]

    assert float(found[52] / found[53]) > 10
    torch.testing.assert_close(found[50], found[53])


def test_only_the_longest_run_says_where_the_source_goes_on() -> None:
    source = torch.tensor([[50, 51, 60, 52, 51, 61, 51, 62, 50]])
    written = torch.tensor([[2, 50, 51], [2, 52, 51], [2, 40, 51], [2, 51, 40]])

    found = [behind_longest(row[None], source, queries=1)[0, 0].nonzero().flatten().tolist() for row in written]

    assert found == [[2], [5], [2, 5, 7], []]


def test_a_run_reaches_back_over_steps_that_are_done(model: CompactForConditionalGeneration) -> None:
    cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
    layer = model.config.decoder_layers
    for index in range(layer):  # as the decoder fills it before
        cache.self_attention_cache.update(torch.zeros(2, 1, 1, 4), torch.zeros(2, 1, 1, 4), index)

    remembered(torch.tensor([[50], [52]]), cache, layer)
    cache.reorder_cache(torch.tensor([1, 0]))
    written = remembered(torch.tensor([[51], [51]]), cache, layer)

    assert written.tolist() == [[52, 51], [50, 51]]


def test_only_the_first_token_of_an_answer_is_shifted() -> None:
    shifted, plain = small_model(opening_shifts={"44": -30.0}, answer_token_id=9), small_model()
    shifted.load_state_dict(plain.state_dict())
    ids = torch.tensor([[2, 9, 40, 41], [2, 10, 40, 41]])  # an answer, and something else
    written = torch.tensor([[2, 50], [2, 50]])

    with torch.inference_mode():
        less = plain(ids, decoder_input_ids=written).logits - shifted(ids, decoder_input_ids=written).logits

    wanted = torch.zeros_like(less)
    wanted[0, 0, 44] = 30.0
    torch.testing.assert_close(less, wanted, atol=1e-4, rtol=0)


def test_padding_is_never_pointed_at(model: CompactForConditionalGeneration) -> None:
    short, long = (2, 40, 41), (2, 40, 41, *range(50, 80))

    beside = log_probabilities(model, [short, long])
    alone = log_probabilities(model, [short])

    torch.testing.assert_close(beside[:1], alone, atol=1e-4, rtol=1e-4)


def test_without_a_copy_head_the_loss_is_that_of_plain_logits() -> None:
    plain = small_model(copies=False)
    ids, mask = padded(sources(2, seed=3))
    labels = TARGET.clone()
    labels[0, 3:] = -100

    out = plain(input_ids=ids, attention_mask=mask, labels=labels)

    wanted = torch.nn.functional.cross_entropy(out.logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
    torch.testing.assert_close(out.loss, wanted)


@pytest.mark.parametrize("beams", [1, 3])
def test_generation_with_a_cache_gives_what_it_gives_without(
    model: CompactForConditionalGeneration, beams: int
) -> None:
    ids, mask = padded(sources(4, seed=4))
    options: dict[str, Any] = {"attention_mask": mask, "do_sample": False, "max_new_tokens": 12, "num_beams": beams}

    cached = model.generate(ids, use_cache=True, **options)
    plain = model.generate(ids, use_cache=False, **options)

    assert cached.tolist() == plain.tolist()


def test_generation_does_not_depend_on_the_batch(model: CompactForConditionalGeneration) -> None:
    rows = sources(4, seed=5)
    ids, mask = padded(rows)

    together = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=8, min_new_tokens=8)

    for row, got in zip(rows, together.tolist(), strict=True):
        alone = model.generate(torch.tensor([row]), do_sample=False, max_new_tokens=8, min_new_tokens=8)
        assert got == alone[0].tolist()


def test_targets_padded_on_the_left_give_the_same(model: CompactForConditionalGeneration) -> None:
    ids, mask = padded(sources(1, seed=6) * 2)
    decoder_ids = torch.tensor([[0, 0, 2, 40, 41], [2, 40, 41, 42, 43]])
    real = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])

    with torch.inference_mode():
        found = model(
            input_ids=ids, attention_mask=mask, decoder_input_ids=decoder_ids, decoder_attention_mask=real
        ).logits

    torch.testing.assert_close(found[0, 2:], found[1, :3], atol=1e-4, rtol=1e-4)


def test_the_auto_classes_know_it(tiny_compact: Path, model: CompactForConditionalGeneration) -> None:
    config = AutoConfig.from_pretrained(tiny_compact)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tiny_compact)

    assert (type(config).__name__, type(loaded).__name__) == ("CompactConfig", "CompactForConditionalGeneration")
    assert config.source_limits == small_config().source_limits
    assert all(torch.equal(weight, loaded.state_dict()[name]) for name, weight in model.state_dict().items())
    assert AutoTokenizer.from_pretrained(tiny_compact).convert_tokens_to_ids("[PSG]") == config.passage_token_id


def test_embeddings_are_one_after_loading(tiny_compact: Path) -> None:
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tiny_compact)

    assert loaded.encoder.embedding.weight is loaded.shared.weight
    assert loaded.decoder.embedding.weight is loaded.shared.weight


def bert() -> BertModel:
    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=100,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=256,
    )
    return BertModel(config).eval()


@torch.inference_mode()
def test_a_warm_start_computes_what_the_encoder_computes() -> None:
    model, encoder = small_model(), bert()
    starts = {ours: 100 - ours for ours in range(30, 90)}

    found = start_from_bert(model, encoder.state_dict(), {**dict.fromkeys(range(30)), **starts})

    assert found == len(starts)
    ids = torch.tensor([[30, 45, 60, 89]])
    wanted = encoder(input_ids=100 - ids).last_hidden_state
    torch.testing.assert_close(model.encoder(ids).last_hidden_state, wanted, atol=2e-6, rtol=1e-5)


def test_a_warm_start_refuses_another_size() -> None:
    with pytest.raises(ValueError, match="32 values a token, the model 64"):
        start_from_bert(small_model(hidden_size=64), bert().state_dict(), {})
