"""What loading has to know about the compact model: its classes, the form of its tasks, and the folder that ships."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_component.models.files import ModelError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedTokenizerBase

    from llm_component.compact.source import SourceBuilder

MODEL_TYPE = "frontdesk_compact"
SHIPPED = Path(__file__).resolve().parent.parent / "shipped" / "frontdesk-compact"


def shipped_folder() -> Path | None:
    """The folder of the model that comes with the project; None where it has none."""
    return SHIPPED if (SHIPPED / "config.json").is_file() else None


def register(config: Mapping[str, Any]) -> bool:
    """Makes the compact model's classes known to the Auto classes where `config`, of a config.json, is one of it.

    Returns:
        Whether it is.
    """
    if config.get("model_type") != MODEL_TYPE:
        return False
    import llm_component.compact.modeling  # noqa: F401  registers

    return True


def source_builder(config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase, name: str) -> SourceBuilder:
    """The builder of a compact model's sources.

    Raises:
        ModelError: the tokenizer lacks its control pieces, or the limits of its configuration cannot be used.
    """
    from llm_component.compact.source import Limits, SourceBuilder

    try:
        limits = Limits.of(config)
        limits.check(int(config.max_positions))
        return SourceBuilder(tokenizer, limits)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the source form of {name} cannot be used ({error}); fetch the model anew") from error
