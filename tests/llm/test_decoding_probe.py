"""Which decoder a model gets, found out by trying it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BloomConfig, BloomForCausalLM, GPT2Config, GPT2LMHeadModel, MambaConfig, MambaForCausalLM

from llm_component.decoding.build import make_decoder
from llm_component.decoding.cohorts import CohortDecoder
from llm_component.decoding.slots import SlotDecoder
from llm_component.models.loaded import LoadedModel
from llm_component.settings import Settings
from tests.llm.decoding_runs import completed, load, prompts, row


def loaded_from(model: Any, like: Path) -> LoadedModel:
    return dataclasses.replace(load(like, ""), name="tried", model=model.eval(), context_tokens=256)


def likeliest(model: Any, prompt: tuple[int, ...], count: int) -> list[int]:
    """Greedy tokens, everything computed anew for each."""
    text = list(prompt)
    with torch.inference_mode():
        for _ in range(count):
            text.append(int(model(input_ids=torch.tensor([text]), use_cache=False).logits[0, -1].argmax()))
    return text[len(prompt) :]


def seeded(build: Any) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return build()


MODELS = {
    "positions_learned": (
        lambda: GPT2LMHeadModel(GPT2Config(vocab_size=1024, n_positions=256, n_embd=32, n_layer=2, n_head=2)),
        SlotDecoder,
    ),
    "positions_from_the_mask": (
        lambda: BloomForCausalLM(BloomConfig(vocab_size=1024, hidden_size=32, n_layer=2, n_head=2)),
        CohortDecoder,
    ),
    "state_space": (
        lambda: MambaForCausalLM(MambaConfig(vocab_size=1024, hidden_size=32, num_hidden_layers=2, state_size=4)),
        CohortDecoder,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_decoded_rightly_in_the_way_that_fits_it(name: str, tiny_llama: Path) -> None:
    build, kind = MODELS[name]
    model = seeded(build)
    decoder = make_decoder(dataclasses.replace(loaded_from(model, tiny_llama), end_token_ids=frozenset()), Settings())
    assert isinstance(decoder, kind)
    several = prompts(3, seed=80, longest=30)

    tokens = completed(decoder, [row(id, prompt, 6) for id, prompt in enumerate(several)])

    assert tokens == {id: likeliest(model, prompt, 6) for id, prompt in enumerate(several)}


def test_a_model_that_slots_do_not_fit_is_named_in_the_log(tiny_llama: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("WARNING"):
        make_decoder(loaded_from(seeded(MODELS["state_space"][0]), tiny_llama), Settings())

    assert "tried cannot be decoded in slots" in caplog.text
