"""Models that the tests of the LLM component share; each is made once a run."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest

from tests.llm import compact_models, tiny_models


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run's models lie."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def tiny_llama(model_folder: Path) -> Path:
    """A Llama without a chat template."""
    return tiny_models.make_llama(model_folder / "tiny-llama")


@pytest.fixture(scope="session")
def tiny_qwen(model_folder: Path) -> Path:
    """A Qwen2 with a ChatML template."""
    return tiny_models.make_qwen(model_folder / "tiny-qwen")


@pytest.fixture(scope="session")
def tiny_gemma(model_folder: Path) -> Path:
    """A Gemma 3 with a sliding-window layer, whose template refuses a system turn."""
    return tiny_models.make_gemma(model_folder / "tiny-gemma")


@pytest.fixture(scope="session")
def tiny_t5(model_folder: Path) -> Path:
    """A T5."""
    return tiny_models.make_t5(model_folder / "tiny-t5")


@pytest.fixture(scope="session")
def tiny_bart(model_folder: Path) -> Path:
    """A BART."""
    return tiny_models.make_bart(model_folder / "tiny-bart")


@pytest.fixture(scope="session")
def tiny_compact(model_folder: Path) -> Path:
    """A compact model with wide random weights."""
    return compact_models.make_compact(model_folder / "tiny-compact")


@pytest.fixture(scope="session")
def tiny_adapter(model_folder: Path, tiny_llama: Path) -> Path:
    """A LoRA adapter for `tiny_llama`."""
    return tiny_models.make_adapter(model_folder / "tiny-adapter", tiny_llama)
