"""The compact model's weights as they ship: int8 with a scale for each row, or fp16, in small checked files.

    config.json, generation_config.json, tokenizer.json, tokenizer_config.json
    model-00001-of-00002.safetensors …     each under 16 MB
    model.safetensors.index.json           which weight is in which file
    manifest.json                          form, SHA-256 and size of each weight file, and what the model was made from

A matrix of at least 64 rows is stored as int8 values and an fp16 scale for each row: w ≈ scale · value. All else is
fp16. Loading turns both back into fp32, so that the model computes, and can be trained on, as before.
`from_pretrained` of the model's classes reads such a folder like any other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from safetensors.torch import load, save
from torch import Tensor

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from llm_component.compact.modeling import CompactForConditionalGeneration

Storage = Literal["int8", "fp16"]
MANIFEST = "manifest.json"
INDEX = "model.safetensors.index.json"
FORMS = {"int8": "frontdesk-int8-rows", "fp16": "frontdesk-fp16"}
SHARD_BYTES = 15_000_000
SCALE = ".scale"
LEAST_ROWS = 64  # of a matrix that is stored as int8; smaller ones cost nothing
LEAST_SCALE = 2.0**-14  # the smallest that fp16 holds exactly


class WeightsError(ValueError):
    """A folder's weights are not what its manifest says."""


def save_compact(
    model: CompactForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
    metadata: Mapping[str, Any],
    storage: Storage = "int8",
) -> int:
    """Writes a folder that ships and returns the bytes of its weights.

    Args:
        metadata: what the model was made from, for the manifest: data, seed, commands, results.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("model*.safetensors"), folder / INDEX, folder / MANIFEST]:
        old.unlink(missing_ok=True)
    tied = set(model._tied_weights_keys or {})
    stored: dict[str, Tensor] = {}
    for name, weight in sorted(model.state_dict().items()):
        if name not in tied:
            stored |= _stored(name, weight.detach().cpu().float(), storage)
    shards = _shards(stored)
    files: dict[str, dict[str, Any]] = {}
    places: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        file = f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        content = save(shard, metadata={"format": "pt"})
        (folder / file).write_bytes(content)
        files[file] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        places |= dict.fromkeys(shard, file)
    total = sum(weight.numel() * weight.element_size() for weight in stored.values())
    _write(folder / INDEX, {"metadata": {"total_size": total, "format": FORMS[storage]}, "weight_map": places})
    model.config.save_pretrained(folder)
    if model.generation_config is not None:
        model.generation_config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    _write(folder / MANIFEST, {"form": FORMS[storage], "files": files, "model": dict(metadata)})
    return sum(int(each["bytes"]) for each in files.values())


def load_compact(folder: Path) -> tuple[CompactForConditionalGeneration, PreTrainedTokenizerBase]:
    """Model in fp32, in evaluation mode, and tokenizer. Raises `WeightsError` where a file is not the one saved."""
    from transformers import AutoTokenizer

    from llm_component.compact.modeling import CompactForConditionalGeneration

    model = CompactForConditionalGeneration.from_pretrained(str(folder)).eval()
    return model, AutoTokenizer.from_pretrained(str(folder), local_files_only=True)


def is_packed(folder: Path) -> bool:
    """Whether a folder's weights are stored in one of these forms."""
    manifest = folder / MANIFEST
    return manifest.is_file() and _read(manifest).get("form") in FORMS.values()


def read_packed(folder: Path) -> dict[str, Tensor]:
    """The weights by name, in fp32. Raises `WeightsError` where a file is missing or not the one that was saved."""
    manifest = _read(folder / MANIFEST)
    stored: dict[str, Tensor] = {}
    for name, said in manifest["files"].items():
        if Path(name).name != name:
            raise WeightsError(f"{folder / MANIFEST} names {name!r}, which is no file of its folder")
        try:
            content = (folder / name).read_bytes()
        except FileNotFoundError:
            raise WeightsError(f"{folder} lacks the weight file {name}; fetch it anew") from None
        if hashlib.sha256(content).hexdigest() != said["sha256"]:
            raise WeightsError(f"{folder / name} is not the file that {MANIFEST} speaks of; fetch it anew")
        stored |= load(content)
    return {name: _restored(name, stored) for name in stored if not name.endswith(SCALE)}


def _stored(name: str, weight: Tensor, storage: Storage) -> dict[str, Tensor]:
    if storage == "fp16" or weight.dim() != 2 or weight.shape[0] < LEAST_ROWS:
        return {name: weight.half()}
    scale = (weight.abs().amax(dim=1) / 127).clamp(min=LEAST_SCALE).half()
    values = (weight / scale.float()[:, None]).round().clamp(-127, 127).to(torch.int8)
    return {name: values, name + SCALE: scale}


def _restored(name: str, stored: Mapping[str, Tensor]) -> Tensor:
    weight, scale = stored[name].float(), stored.get(name + SCALE)
    return weight if scale is None else weight * scale.float()[:, None]


def _shards(stored: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    shards: list[dict[str, Tensor]] = []
    size = 0
    for name, weight in stored.items():
        own = weight.numel() * weight.element_size()
        if not shards or size + own > SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = weight.contiguous()
        size += own
    return shards


def _read(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{file} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise WeightsError(f"{file} holds no JSON object")
    return content


def _write(file: Path, content: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
