"""Models to train: from a folder or the hub, or new ones by their sizes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import llm_component.compact.modeling  # registers the compact model with the Auto classes
import llm_component.training.compact_classifier  # noqa: F401
from llm_component.models.files import ModelError, find_folder
from llm_component.models.tokens import first_line, load_tokenizer
from llm_component.training.errors import TrainingError


def folder_of(name: str) -> Path:
    """The folder of a model that is named by folder or hub id. Raises `TrainingError` where there is none."""
    try:
        return find_folder(name)
    except ModelError as error:
        raise TrainingError(str(error).replace("set FRONTDESK_LLM_MODEL to", "give --model")) from error


def tokenizer_of(folder: Path) -> Any:
    """The tokenizer in a model's folder. Raises `TrainingError` where it does not load."""
    try:
        tokenizer = load_tokenizer(folder)
    except ModelError as error:
        raise TrainingError(str(error)) from error
    if tokenizer.pad_token_id is None and tokenizer.eos_token is not None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def is_encoder_decoder(folder: Path) -> bool:
    """Whether the model in `folder` has an encoder and a decoder. Raises `TrainingError` where its type is unknown."""
    return bool(getattr(config_of(folder), "is_encoder_decoder", False))


def config_of(folder: Path) -> Any:
    """The model's configuration. Raises `TrainingError` where this version of transformers does not know it."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"the model in {folder} cannot be used: {first_line(error)}") from error


def load(
    auto: Any, folder: Path, *, new_parts: bool = False, dtype: torch.dtype = torch.float32, **options: Any
) -> Any:
    """The model in `folder` as the Auto class `auto` makes it, ready to be trained.

    Args:
        new_parts: parts that the weights lack may start from random numbers, such as a new head.

    Raises:
        TrainingError: it does not load, is of another kind, or lacks weights.
    """
    config_of(folder)
    try:
        with quiet():
            model, report = auto.from_pretrained(
                str(folder),
                dtype=dtype,
                trust_remote_code=False,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                **options,
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
        kind = auto.__name__.removeprefix("AutoModelFor")
        raise TrainingError(f"the model in {folder} cannot be loaded for {kind}: {first_line(error)}") from error
    missing = sorted(report["missing_keys"])
    if missing and not new_parts:
        raise TrainingError(
            f"the weights in {folder} lack {missing[0]} ({len(missing)} in all) that a {type(model).__name__} needs: "
            f"it is a model of another kind, or its files are incomplete"
        )
    model.train()
    return model


def new_config(architecture: str, sizes: dict[str, int], tokenizer: Any) -> Any:
    """The configuration of a new model.

    Args:
        architecture: a model type of transformers such as `llama`, `bert` or `t5`, or `compact`.
        sizes: width, layers, heads and positions.

    Raises:
        TrainingError: the architecture is unknown, or the sizes do not go together.
    """
    from transformers import AutoConfig

    width, heads = sizes["width"], sizes["heads"]
    if width % heads:
        raise TrainingError(f"--width {width} must be a multiple of --heads {heads}")
    special = {
        name: number
        for name in ("pad_token_id", "bos_token_id", "eos_token_id")
        if (number := getattr(tokenizer, name)) is not None
    }
    values: dict[str, Any] = {"vocab_size": len(tokenizer), **special}
    if architecture == "compact":
        values |= {"hidden_size": width, "encoder_layers": sizes["layers"], "attention_heads": heads}
        values |= {"decoder_layers": sizes["decoder_layers"], "intermediate_size": 4 * width}
        values["max_positions"] = values["max_target_positions"] = sizes["positions"]
        for name, piece in (("decoder_start_token_id", "[CLS]"), ("passage_token_id", "[PSG]")):
            values[name] = tokenizer.convert_tokens_to_ids(piece)
        architecture = "frontdesk_compact"
    elif architecture in ("t5", "bart"):
        depth = {"t5": ("num_layers", "num_decoder_layers"), "bart": ("encoder_layers", "decoder_layers")}[architecture]
        values |= {"d_model": width, depth[0]: sizes["layers"], depth[1]: sizes["decoder_layers"]}
        values["decoder_start_token_id"] = special.get("bos_token_id", special.get("pad_token_id", 0))
        if architecture == "t5":
            values |= {"num_heads": heads, "d_kv": width // heads, "d_ff": 4 * width, "n_positions": sizes["positions"]}
        else:
            for side in ("encoder", "decoder"):
                values |= {f"{side}_attention_heads": heads, f"{side}_ffn_dim": 4 * width}
            values |= {"max_position_embeddings": sizes["positions"], "forced_eos_token_id": None}
    else:
        values |= {"hidden_size": width, "num_hidden_layers": sizes["layers"], "num_attention_heads": heads}
        values |= {"max_position_embeddings": sizes["positions"]}
        values["intermediate_size"] = 4 * width if architecture in ("bert", "gpt2") else 8 * width // 3 // 32 * 32 or 32
        if architecture == "gpt2":
            values["n_inner"] = values.pop("intermediate_size")
        elif architecture != "bert":
            values |= {"num_key_value_heads": heads, "head_dim": width // heads, "tie_word_embeddings": True}
    try:
        return AutoConfig.for_model(architecture, **values)
    except (ValueError, TypeError, KeyError) as error:
        raise TrainingError(f"no new model can be made as {architecture}: {first_line(error)}") from error


def build(auto: Any, config: Any, seed: int) -> Any:
    """A new model with seeded random weights. Raises `TrainingError` where it is no model of that kind."""
    torch.manual_seed(seed)
    try:
        model = auto.from_config(config)
    except (ValueError, KeyError, RuntimeError) as error:
        kind = auto.__name__.removeprefix("AutoModelFor")
        raise TrainingError(f"a {config.model_type} model cannot be made for {kind}: {first_line(error)}") from error
    model.train()
    return model


def context_of(config: Any) -> int:
    """Positions that a model has; 0 where it does not say."""
    for name in ("max_position_embeddings", "max_positions", "n_positions"):
        value = getattr(config, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return 0


def checkpointed(model: Any) -> None:
    """Turns gradient checkpointing on. Raises `TrainingError` where the model cannot."""
    try:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    except (ValueError, NotImplementedError) as error:
        raise TrainingError(f"{type(model).__name__} has no gradient checkpointing; leave the option out") from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keeps the bars and reports of transformers out of the output; what matters is raised."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(before)
        logging.enable_progress_bar()
