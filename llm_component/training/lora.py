"""LoRA adapters (Hu et al. 2021): two small matrices beside each layer learn, the model stays as it is."""

from __future__ import annotations

from typing import Any, Protocol

from llm_component.models.tokens import first_line
from llm_component.training.errors import TrainingError


class LoraOptions(Protocol):
    """What of a config this needs."""

    @property
    def lora_rank(self) -> int: ...
    @property
    def lora_alpha(self) -> int: ...
    @property
    def lora_dropout(self) -> float: ...
    @property
    def lora_layers(self) -> tuple[str, ...]: ...


def with_adapter(model: Any, task: str, options: LoraOptions) -> Any:
    """The model with an adapter that learns, all else frozen; saved, it is a folder that `serve` loads by name.

    Raises:
        TrainingError: the model has no layer of these names.
    """
    from peft import LoraConfig, get_peft_model

    layers: Any = list(options.lora_layers) or "all-linear"
    config = LoraConfig(
        r=options.lora_rank,
        lora_alpha=options.lora_alpha,
        lora_dropout=options.lora_dropout,
        target_modules=layers,
        task_type=task,
    )
    try:
        wrapped = get_peft_model(model, config)
    except ValueError as error:
        raise TrainingError(f"no adapter fits {type(model).__name__}: {first_line(error)}") from error
    wrapped.enable_input_require_grads()  # so that gradient checkpointing reaches the adapters
    wrapped.train()
    return wrapped
