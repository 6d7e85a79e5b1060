"""Finds a model's folder and checks its files before anything is loaded: whole, readable, and safetensors only."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# What a hub snapshot may bring: weights only as safetensors, which cannot carry code, and plain text.
SAFE_PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja")
PICKLED_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".pkl", ".ckpt"})
TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt")
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_LARGEST_HEADER = 100_000_000  # bytes; the limit of the safetensors library itself
_FLOAT_BYTES = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}  # what loading turns into its own dtype
_NOT_QUANTIZED = ("embed", "lm_head", "shared", "wte", "norm", "bias")  # parts of names


class ModelError(RuntimeError):
    """A model cannot be loaded; the message is a plain sentence that says why and what to do."""


@dataclass(frozen=True)
class Weights:
    """What the safetensors files of a folder hold.

    Args:
        floats: floating-point elements of the layers, which may be quantized.
        other_floats: those of embeddings, norms and the output layer, which are never quantized.
        other_bytes: of whatever else there is, such as layers that are quantized already.
        tensors: the shape of each tensor by its name.
    """

    files: tuple[Path, ...]
    floats: int
    other_floats: int
    other_bytes: int
    tensors: dict[str, tuple[int, ...]]

    def bytes_as(self, bytes_each: float, layer_bytes_each: float | None = None) -> int:
        """Bytes that they take loaded, at so many for each floating-point element (`layer_bytes_each`: of layers)."""
        layers = bytes_each if layer_bytes_each is None else layer_bytes_each
        return int(self.floats * layers + self.other_floats * bytes_each) + self.other_bytes


def find_folder(name: str) -> Path:
    """The folder of a model: `name` itself where it is one, else the snapshot of the hub id `name`.

    Raises:
        ModelError: there is no such folder, and the model hub does not give it either.
    """
    if not name.strip():
        raise ModelError("no model is named: set FRONTDESK_LLM_MODEL to a folder or a hub id")
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder.resolve()
    if folder.exists():
        raise ModelError(f"{folder} is a file; name the folder that holds the model's config.json and its weights")
    if folder.is_absolute() or name.startswith((".", "~")) or not _HUB_ID.fullmatch(name):
        raise ModelError(f"there is no folder {folder}; check the path, or name a model of the hub as owner/name")
    return _snapshot(name)


def check_model(folder: Path) -> tuple[dict[str, Any], Weights]:
    """The model's configuration and what its weight files hold.

    Raises:
        ModelError: a file is missing, cut off, unreadable or a pickle.
    """
    config = read_json(folder / "config.json", "it is no model folder of the transformers library")
    if "model_type" not in config:
        raise ModelError(f"{folder / 'config.json'} names no model_type; use a model of the transformers library")
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        raise ModelError(f"{folder} holds no tokenizer; put the model's tokenizer.json beside its config.json")
    if (folder / "tokenizer_config.json").exists():
        read_json(folder / "tokenizer_config.json", "")
    if (folder / "tokenizer.json").exists():
        read_json(folder / "tokenizer.json", "")
    return config, read_weights(folder)


def read_weights(folder: Path) -> Weights:
    """What the model's safetensors files hold. Raises `ModelError` where one is missing or not whole."""
    index = folder / INDEX
    if index.exists():
        files, wanted = _shards(index)
    elif (folder / WEIGHTS).exists():
        files, wanted = [folder / WEIGHTS], frozenset()
    else:
        raise ModelError(_why_no_weights(folder))
    return _summed(files, wanted)


def read_adapter(folder: Path) -> tuple[dict[str, Any], Weights]:
    """A LoRA adapter's configuration and weights. Raises `ModelError` where they cannot be used."""
    if not folder.is_dir():
        raise ModelError(f"there is no adapter folder {folder}; check FRONTDESK_LLM_ADAPTERS")
    config = read_json(folder / ADAPTER_CONFIG, "it is no adapter folder of the peft library")
    if str(config.get("peft_type", "")).upper() != "LORA":
        raise ModelError(f"{folder} is a {config.get('peft_type', 'nameless')} adapter; only LoRA adapters are served")
    if not (folder / ADAPTER_WEIGHTS).is_file():
        raise ModelError(
            f"{folder} holds no {ADAPTER_WEIGHTS}; save the adapter with safe_serialization, pickles are not read"
        )
    return config, _summed([folder / ADAPTER_WEIGHTS], frozenset())


def read_json(file: Path, otherwise: str) -> dict[str, Any]:
    """The JSON object in `file`. Raises `ModelError` where it is broken, or missing (`otherwise`: what that means)."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{file.parent} holds no {file.name}; {otherwise}".removesuffix("; ")) from None
    except OSError as error:
        raise ModelError(f"{file} cannot be read ({error.strerror or error}); check its permissions") from error
    except ValueError as error:
        raise ModelError(f"{file} is no valid JSON ({error}); fetch it anew") from error
    if not isinstance(content, dict):
        raise ModelError(f"{file} holds no JSON object; fetch it anew")
    return content


def read_header(file: Path) -> dict[str, dict[str, Any]]:
    """The tensors that a safetensors file says it holds, by name.

    Raises:
        ModelError: the header is no header, or the file is shorter or longer than it says.
    """
    again = "fetch the file anew"
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= length <= min(_LARGEST_HEADER, size - 8):
                raise ModelError(f"{file} is cut off or no safetensors file; {again}")
            header = json.loads(stream.read(length))
    except OSError as error:
        raise ModelError(f"{file} cannot be read ({error.strerror or error}); check its permissions") from error
    except ValueError as error:
        raise ModelError(f"the header of {file} cannot be read; {again}") from error
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    try:
        end = max((int(entry["data_offsets"][1]) for entry in tensors.values()), default=0)
        complete = all(isinstance(entry["dtype"], str) and entry["shape"] is not None for entry in tensors.values())
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ModelError(f"the header of {file} cannot be read; {again}") from error
    if not complete:
        raise ModelError(f"the header of {file} cannot be read; {again}")
    if size != 8 + length + end:
        raise ModelError(f"{file} has {size:,} bytes where its header speaks of {8 + length + end:,}; {again}")
    return tensors


def _shards(index: Path) -> tuple[list[Path], frozenset[str]]:
    weight_map = read_json(index, "").get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"{index} lists no weights; fetch it anew")
    names = sorted(set(map(str, weight_map.values())))
    for name in names:
        if Path(name).name != name or not name.endswith(".safetensors"):
            raise ModelError(f"{index} names {name!r}, which is no safetensors file of its folder; fetch it anew")
    missing = [name for name in names if not (index.parent / name).is_file()]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ModelError(
            f"{index.parent} lacks the weight file {missing[0]}{more} of {len(names)} that {INDEX} names; "
            f"fetch what is missing"
        )
    return [index.parent / name for name in names], frozenset(weight_map)


def _summed(files: list[Path], wanted: frozenset[str]) -> Weights:
    floats = other_floats = other_bytes = 0
    tensors: dict[str, tuple[int, ...]] = {}
    for file in files:
        for name, entry in read_header(file).items():
            start, end = entry["data_offsets"]
            tensors[name] = tuple(entry["shape"])
            width = _FLOAT_BYTES.get(entry["dtype"])
            if width is None:
                other_bytes += end - start
            elif any(part in name for part in _NOT_QUANTIZED):
                other_floats += (end - start) // width
            else:
                floats += (end - start) // width
    lost = sorted(wanted - tensors.keys())
    if lost:
        raise ModelError(f"{files[0].parent} lacks the weights {lost[0]} that {INDEX} promises; fetch the model anew")
    return Weights(tuple(files), floats, other_floats, other_bytes, tensors)


def _why_no_weights(folder: Path) -> str:
    pickled = next(_pickles(folder), None)
    if pickled is not None:
        return (
            f"{pickled} is a pickle, which can run code when loaded, and {folder} holds no {WEIGHTS}; "
            f"choose a model with safetensors weights, or convert it"
        )
    other = sorted(folder.glob("*.safetensors"))
    if other:
        return f"{folder} holds {other[0].name} but neither {WEIGHTS} nor {INDEX}; fetch the model anew"
    return f"{folder} holds no {WEIGHTS}; fetch the model's weights"


def _pickles(folder: Path) -> Iterator[Path]:
    yield from sorted(file for file in folder.iterdir() if file.suffix in PICKLED_SUFFIXES)


def _snapshot(hub_id: str) -> Path:
    """The folder of a hub model, from the local cache where it is there."""
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(SAFE_PATTERNS)))
    except GatedRepoError as error:
        raise ModelError(
            f"the model hub gives {hub_id} only to those who have accepted its terms; "
            f"accept them there, and set HF_TOKEN"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(f"there is no folder {hub_id}, and no such model on the hub; check the name") from error
    except Exception as error:  # the hub's client raises a dozen unrelated types; all mean the same here
        offline = (
            "the model hub is switched off (HF_HUB_OFFLINE)" if constants.HF_HUB_OFFLINE else f"the hub says {error}"
        )
        raise ModelError(
            f"there is no folder {hub_id}, the local cache does not hold it, and {offline}; "
            f"name a folder, or fetch the model while online"
        ) from error
