"""Loads a chat model: checks its files, the device, free memory and context length, and says plainly what is wrong."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from llm_component.models import compact
from llm_component.models.adapters import Adapter, put_on, read_adapters
from llm_component.models.chat_template import ChatTemplate
from llm_component.models.device import check_memory, choose_device, choose_dtype, free_memory, in_gigabytes
from llm_component.models.files import ModelError, Weights, check_model, find_folder
from llm_component.models.loaded import LoadedModel
from llm_component.models.tokens import (
    check_vocabulary,
    context_tokens,
    end_token_ids,
    first_line,
    load_tokenizer,
    pad_token_id,
)
from llm_component.settings import Settings

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

log = logging.getLogger(__name__)

BYTES_EACH = {torch.float32: 4.0, torch.bfloat16: 2.0, torch.float16: 2.0}
QUANTIZED_BYTES_EACH = {"8bit": 1.02, "4bit": 0.53}  # an element of a layer, with its share of the scales


@dataclass(frozen=True)
class _Plan:
    """How a model is to be loaded, decided before any weight is read."""

    name: str
    folder: Path
    config: PretrainedConfig
    encoder_decoder: bool
    device: torch.device
    dtype: torch.dtype
    quantization: str
    context_tokens: int


def load_model(settings: Settings) -> LoadedModel:
    """Loads `settings.model`, a folder or a hub id, with its adapters.

    Raises:
        ModelError: it cannot be loaded; the message says why and what to do.
    """
    folder = find_folder(settings.model)
    config, weights = check_model(folder)
    is_compact = compact.register(config)
    adapters = read_adapters(settings.adapter_folders())
    with _quiet():
        plan = _plan(settings, folder, is_compact)
        _check_room(plan, weights, adapters)
        tokenizer = load_tokenizer(folder)
        check_vocabulary(tokenizer, plan.config, folder)
        source = compact.source_builder(plan.config, tokenizer, plan.name) if is_compact else None
        plain = _load(plan)
        model = put_on(plain, adapters, plan.name)
    model.requires_grad_(False)
    model.eval()
    ends = end_token_ids(plain, tokenizer)
    if not ends:
        log.warning("%s names no end token: completions run to their limit", plan.name)
    loaded = LoadedModel(
        name=plan.name,
        model=model,
        tokenizer=tokenizer,
        kind="encoder_decoder" if plan.encoder_decoder else "causal",
        device=plan.device,
        dtype=plan.dtype,
        context_tokens=plan.context_tokens,
        end_token_ids=ends,
        pad_token_id=pad_token_id(plain, tokenizer, ends),
        chat_template=ChatTemplate(tokenizer, plain=plan.encoder_decoder),
        adapters=tuple(adapter.name for adapter in adapters),
        weight_bytes=sum(weight.numel() * weight.element_size() for weight in model.parameters()),
        completion_tokens=None if source is None else source.limits.target,
        source=source,
        notes={
            "folder": str(folder),
            "class": type(plain).__name__,
            "attention": str(getattr(plain.config, "_attn_implementation", "")),
            "quantization": plan.quantization,
        },
    )
    log.info(
        "loaded %s (%s) on %s as %s: %s of weights, %d positions, template %s%s",
        loaded.name,
        loaded.notes["class"],
        loaded.device,
        str(loaded.dtype).removeprefix("torch."),
        in_gigabytes(loaded.weight_bytes),
        loaded.context_tokens,
        loaded.chat_template.source,
        f", adapters {', '.join(loaded.adapters)}" if loaded.adapters else "",
    )
    return loaded


def _plan(settings: Settings, folder: Path, is_compact: bool) -> _Plan:
    from transformers import AutoConfig

    name = folder.name if Path(settings.model).expanduser().is_dir() else settings.model
    device = choose_device(settings.device)
    try:
        config = AutoConfig.from_pretrained(str(folder), trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"this version of the transformers library cannot use the model in {folder} ({first_line(error)}); "
            f"its own code is never run: choose a model of a known type"
        ) from error
    encoder_decoder = bool(getattr(config, "is_encoder_decoder", False))
    _check_quantization(settings.quantization, config, device)
    return _Plan(
        name=name,
        folder=folder,
        config=config,
        encoder_decoder=encoder_decoder,
        device=device,
        dtype=choose_dtype(settings.dtype, device, encoder_decoder, is_compact),
        quantization=settings.quantization,
        context_tokens=context_tokens(config, folder, settings.context_tokens, name),
    )


def _check_quantization(said: str, config: PretrainedConfig, device: torch.device) -> None:
    if said == "none":
        return
    if device.type != "cuda":
        raise ModelError(f"FRONTDESK_LLM_QUANTIZATION={said} needs a GPU, and the device is {device}; set it to none")
    if getattr(config, "quantization_config", None) is not None:
        raise ModelError(f"the model is quantized already; set FRONTDESK_LLM_QUANTIZATION=none, not {said}")
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ModelError(f"FRONTDESK_LLM_QUANTIZATION={said} needs the package bitsandbytes; pip install bitsandbytes")


def _check_room(plan: _Plan, weights: Weights, adapters: list[Adapter]) -> None:
    each = BYTES_EACH[plan.dtype]
    needed = weights.bytes_as(each, QUANTIZED_BYTES_EACH.get(plan.quantization))
    needed += sum(adapter.weights.bytes_as(each) for adapter in adapters)
    free = free_memory(plan.device)
    if free is None:
        log.warning("free memory of %s is not known: %s loads without that check", plan.device, plan.name)
    check_memory(needed, free, plan.device, plan.name)


def _load(plan: _Plan) -> PreTrainedModel:
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    auto: Any = AutoModelForSeq2SeqLM if plan.encoder_decoder else AutoModelForCausalLM
    try:
        return _from_pretrained(auto, plan, "sdpa")
    except torch.OutOfMemoryError as error:
        raise ModelError(f"{plan.device} ran out of memory while {plan.name} was loading; free some first") from error
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, ImportError) as error:
        raise ModelError(f"{plan.name} in {plan.folder} does not load: {first_line(error)}") from error


def _from_pretrained(auto: Any, plan: _Plan, attention: str) -> PreTrainedModel:
    options: dict[str, Any] = {}
    if plan.device.type == "cuda":
        options["device_map"] = {"": str(plan.device)}  # straight there, with no copy in the machine's memory
    if plan.quantization != "none":
        options["quantization_config"] = _quantization(plan)
    try:
        model, report = auto.from_pretrained(
            str(plan.folder),
            config=plan.config,
            dtype=plan.dtype,
            attn_implementation=attention,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            **options,
        )
    except (ValueError, ImportError) as error:
        if attention == "eager" or "scaled_dot_product_attention" not in str(error):
            raise
        log.warning(
            "%s has no fused attention in this version of transformers: the slower plain one is used", plan.name
        )
        return _from_pretrained(auto, plan, "eager")
    if report["missing_keys"]:
        # They would be random numbers, and the model would talk nonsense without a word of warning.
        lost = sorted(report["missing_keys"])
        raise ModelError(
            f"the weights of {plan.name} lack {lost[0]} ({len(lost)} in all) that {type(model).__name__} needs: "
            f"it is no model that writes text, or its files are incomplete"
        )
    if not model.can_generate():
        raise ModelError(f"{plan.name} is a {type(model).__name__}, which writes no text; choose a chat model")
    return model


def _quantization(plan: _Plan) -> Any:
    from transformers import BitsAndBytesConfig

    if plan.quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=plan.dtype,
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps progress bars and reports of the libraries out of the log; what matters is raised or logged here."""
    from transformers.utils import logging as transformers_logging

    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        transformers_logging.enable_progress_bar()
