"""Perplexity of text files under a model from the settings, whatever kind of model it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llm_component.evaluation import perplexity
from llm_component.evaluation.cases import EvaluationError
from llm_component.evaluation.perplexity import Perplexity
from llm_component.evaluation.run import Row
from llm_component.settings import Settings

MOST_WINDOW = 1024  # tokens; more context than this hardly changes the figure and costs its square


def text_rows(settings: Settings, files: Sequence[Path], *, window: int = 0, stride: int = 0) -> list[Row]:
    """Rows of perplexity per token and per word, one pair a file; `.jsonl` files have a text a line.

    Raises:
        EvaluationError: a file cannot be read, or the model is of a kind that gives no such figure.
    """
    from llm_component.training.data.texts import documents

    rows: list[Row] = []
    model, tokenizer, kind, longest, name = _loaded(settings)
    for file in files:
        texts = [text for text in documents(file) if text.split()]
        if not texts:
            raise EvaluationError(f"{file} holds no text")
        if kind == "masked":
            found = perplexity.of_masked_text(model, tokenizer, texts, window=window or perplexity.MASKED_WINDOW)
            prefix = "pseudo_perplexity"
        else:
            size = window or min(longest, MOST_WINDOW)
            if size > longest:
                raise EvaluationError(f"a window of {size} tokens is longer than the model's context of {longest}")
            found = perplexity.of_text(model, tokenizer, texts, window=size, stride=stride or max(1, size // 2))
            prefix = "perplexity"
        rows += rows_of(file.stem, name, prefix, found)
    return rows


def rows_of(dataset: str, system: str, prefix: str, found: Perplexity) -> list[Row]:
    """Both figures; one text alone has no interval, so the bounds are the value."""
    return [
        Row(dataset, system, prefix, found.per_token, "per token", found.per_token, found.per_token, found.tokens),
        Row(
            dataset,
            system,
            f"{prefix}_per_word",
            found.per_word,
            "per word",
            found.per_word,
            found.per_word,
            found.words,
        ),
    ]


def _loaded(settings: Settings) -> tuple[Any, Any, str, int, str]:
    """Model, tokenizer, "causal" or "masked", longest input in tokens, and the model's name."""
    from llm_component.models.files import find_folder

    folder = find_folder(settings.model)
    said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    architectures = " ".join(said.get("architectures") or [])
    if "MaskedLM" in architectures or "PreTraining" in architectures:
        model, tokenizer = load_masked(folder, settings)
        return model, tokenizer, "masked", int(model.config.max_position_embeddings), folder.name
    from llm_component.models.loading import load_model

    loaded = load_model(settings)
    if loaded.kind == "encoder_decoder":
        raise EvaluationError(
            f"{loaded.name} writes from a source and gives no likelihood of a bare text: measure it with --data"
        )
    return loaded.model, loaded.tokenizer, "causal", loaded.context_tokens, loaded.name


def load_masked(folder: Path, settings: Settings) -> tuple[Any, Any]:
    """A masked language model with its tokenizer, in evaluation mode on the settings' device."""
    from transformers import AutoModelForMaskedLM

    from llm_component.models.device import choose_device
    from llm_component.models.tokens import load_tokenizer

    model = AutoModelForMaskedLM.from_pretrained(
        str(folder), use_safetensors=True, trust_remote_code=False, local_files_only=True
    )
    return model.eval().to(choose_device(settings.device)), load_tokenizer(folder)
