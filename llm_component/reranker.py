"""The reranker: a cross-encoder that reads question and passage together, from a folder or a hub id."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llm_component.encoder import EncoderError, encodable, hub_folder, weights_sha256

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

BATCH_SIZE = 16


class CrossEncoderReranker:
    """A loaded cross-encoder. Safe to call from several threads: calls wait for each other."""

    def __init__(self, model: CrossEncoder, name: str) -> None:
        self._model = model
        self._lock = threading.Lock()  # fast tokenizers refuse two callers at once
        self.name = name

    def scores(self, question: str, passages: Sequence[str]) -> list[float]:
        """One number for each passage, higher is better. What is past the model's length is not read."""
        if not passages:
            return []
        pairs = [(encodable(question), encodable(passage)) for passage in passages]
        with self._lock:
            scores = self._model.predict(pairs, batch_size=BATCH_SIZE, show_progress_bar=False)
        return [float(score) for score in scores]


def load_reranker(name: str | None, device: str = "cpu") -> CrossEncoderReranker | None:
    """Load the cross-encoder in a folder, or of a hub id; None without a name.

    Raises `EncoderError` where weights are missing or not safetensors, and where the model does not give exactly one
    score for a pair.
    """
    if not name:
        return None
    local = Path(name).expanduser()
    folder = local.resolve() if local.is_dir() else hub_folder(name)
    weights_sha256(folder)  # refuses pickles
    from sentence_transformers import CrossEncoder

    try:
        model = CrossEncoder(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise EncoderError(f"the reranker in {folder} does not load on {device}: {error}") from error
    if model.num_labels != 1:
        raise EncoderError(f"the reranker in {folder} gives {model.num_labels} scores for a pair, expected one")
    return CrossEncoderReranker(model, folder.name if local.is_dir() else name)
