"""Starts the compact model from a sentence encoder's weights: its layers, positions, and the vectors of its pieces."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from llm_component.compact.modeling import CompactForConditionalGeneration

# Names in BERT's state, without the layer's prefix, to ours.
LAYER_NAMES = {
    "attention.self.query": "attention.query",
    "attention.self.key": "attention.key",
    "attention.self.value": "attention.value",
    "attention.output.dense": "attention.output",
    "attention.output.LayerNorm": "attention_norm",
    "intermediate.dense": "widen",
    "output.dense": "narrow",
    "output.LayerNorm": "output_norm",
}


def start_from_bert(
    model: CompactForConditionalGeneration, state: Mapping[str, Tensor], starts: Mapping[int, int | None]
) -> int:
    """Copies a BERT encoder's weights into `model` and returns how many pieces got a vector.

    Args:
        state: of a `BertModel` with the same hidden size, heads and at least as many layers.
        starts: for each of our ids the encoder's id whose vector it begins with; None keeps its random vector.

    Raises:
        ValueError: the sizes do not fit.
    """
    words = state["embeddings.word_embeddings.weight"]
    if words.shape[1] != model.config.hidden_size:
        raise ValueError(f"the encoder has {words.shape[1]} values a token, the model {model.config.hidden_size}")
    with torch.no_grad():
        found = 0
        for ours, theirs in starts.items():
            if theirs is not None:
                model.shared.weight[ours] = words[theirs]
                found += 1
        # Random ones get the size that the others have, so that no piece drowns out another at the output.
        given = [ours for ours, theirs in starts.items() if theirs is not None]
        spread = model.shared.weight[given].std()
        for ours, theirs in starts.items():
            if theirs is None:
                nn.init.normal_(model.shared.weight[ours], std=float(spread))
        if model.config.pad_token_id is not None:
            model.shared.weight[model.config.pad_token_id].zero_()
        encoder = model.encoder
        count = model.config.max_positions
        encoder.position.weight.copy_(state["embeddings.position_embeddings.weight"][:count])
        # BERT adds the vector of the first segment to every token; here it goes into the positions.
        encoder.position.weight += state["embeddings.token_type_embeddings.weight"][0]
        _copy(encoder.embedding_norm, state, "embeddings.LayerNorm")
        for number, layer in enumerate(encoder.layers):
            for theirs_name, ours_name in LAYER_NAMES.items():
                _copy(layer.get_submodule(ours_name), state, f"encoder.layer.{number}.{theirs_name}")
    return found


def _copy(module: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    for part in ("weight", "bias"):
        target = module.get_parameter(part)
        if target.shape != state[f"{name}.{part}"].shape:
            raise ValueError(f"{name}.{part} is {tuple(state[f'{name}.{part}'].shape)}, expected {tuple(target.shape)}")
        target.copy_(state[f"{name}.{part}"])
