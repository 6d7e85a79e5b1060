"""LoRA adapters: checks that each fits the model, and puts them on it by name, the plain model staying usable."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_component.models.files import ModelError, Weights, read_adapter

if TYPE_CHECKING:
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")  # peft makes it the name of a module: no dots
_LAYER = re.compile(r"^base_model\.model\.(?P<layer>.+)\.lora_(?P<side>[AB])\.(?:default\.)?weight$")


@dataclass(frozen=True)
class Adapter:
    """An adapter folder whose files have been checked."""

    name: str
    folder: Path
    config: Mapping[str, Any]
    weights: Weights


def read_adapters(folders: Mapping[str, str]) -> list[Adapter]:
    """The adapters in these folders, by name.

    Raises:
        ModelError: a file is missing or broken, a name cannot be used, or it is of a kind that cannot share a batch
            with others.
    """
    return [_read(name, Path(folder).expanduser()) for name, folder in folders.items()]


def put_on(model: PreTrainedModel, adapters: Iterable[Adapter], model_name: str) -> Any:
    """The model as a `PeftModel` that holds `adapters`; with none, the model itself.

    Raises:
        ModelError: an adapter was trained for another model.
    """
    from peft import LoraConfig, PeftModel, get_peft_model

    wrapped: Any = model
    for adapter in adapters:
        _check_shapes(model, adapter, model_name)
        base = str(adapter.config.get("base_model_name_or_path") or "")
        if Path(base).name != Path(model_name).name:
            # Folders are named as one likes, so this alone is no reason to refuse it.
            log.warning("adapter %s says it was trained for %s; it is put on %s", adapter.name, base, model_name)
        try:
            if not isinstance(wrapped, PeftModel):
                config = LoraConfig.from_pretrained(str(adapter.folder))
                config.inference_mode = True
                config.base_model_name_or_path = model.name_or_path  # else peft warns of folders named otherwise
                wrapped = get_peft_model(model, config, adapter_name=adapter.name, autocast_adapter_dtype=False)
            found = wrapped.load_adapter(
                str(adapter.folder),
                adapter.name,
                torch_device=str(model.device),
                autocast_adapter_dtype=False,
            )
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise ModelError(_mismatch(adapter, model_name, str(error).splitlines()[0])) from error
        missing = [key for key in found.missing_keys if f".{adapter.name}." in key]
        if missing:
            raise ModelError(_mismatch(adapter, model_name, f"it has nothing for {missing[0]}"))
    return wrapped


def _read(name: str, folder: Path) -> Adapter:
    if not _NAME.fullmatch(name) or name in "lora_":  # peft finds a name by looking for it within "lora_A" and the like
        raise ModelError(f"adapter name {name!r} cannot be used: take letters, digits, - and _, and no part of 'lora_'")
    config, weights = read_adapter(folder)
    if config.get("use_dora"):
        raise ModelError(f"adapter {name} is a DoRA adapter, which cannot share a batch with others; train plain LoRA")
    if config.get("bias", "none") != "none":
        raise ModelError(f"adapter {name} changes the model's own biases; train it with bias='none'")
    return Adapter(name, folder.resolve(), config, weights)


def _check_shapes(model: PreTrainedModel, adapter: Adapter, model_name: str) -> None:
    """Compares each low-rank matrix with the layer it belongs to, for names of base models are no proof."""
    for tensor, shape in adapter.weights.tensors.items():
        match = _LAYER.match(tensor)
        if match is None or ".experts." in tensor:  # experts are stored in another form; loading checks them
            continue
        try:
            layer = model.get_submodule(match["layer"])
        except AttributeError:
            raise ModelError(_mismatch(adapter, model_name, f"there is no layer {match['layer']}")) from None
        wanted = getattr(layer, "in_features" if match["side"] == "A" else "out_features", None)
        has = shape[1] if match["side"] == "A" else shape[0]
        if wanted is not None and len(shape) == 2 and has != wanted:
            raise ModelError(_mismatch(adapter, model_name, f"{match['layer']} is {wanted} wide, not {has}"))


def _mismatch(adapter: Adapter, model_name: str, why: str) -> str:
    base = adapter.config.get("base_model_name_or_path") or "another model"
    return f"adapter {adapter.name} was trained for {base} and does not fit {model_name}: {why}; name one made for it"
