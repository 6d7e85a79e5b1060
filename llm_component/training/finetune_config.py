"""What fine-tuning can be told. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from llm_component.training.config import RunConfig
from llm_component.training.errors import TrainingError
from llm_component.training.options import option


@dataclass(frozen=True)
class FinetuneConfig(RunConfig):
    """Which model learns which task from which data."""

    task: str = option("dialogue", "what is learned", choices=("classify", "dialogue", "summarise", "all"))
    model: str = option("", "folder or hub id of the model")
    data: tuple[str, ...] = option((), "files or data sets, each with its weight if wanted: sgd=0.5")
    evaluation: tuple[str, ...] = option((), "files or data sets to evaluate with; none: a share of the data")
    evaluation_share: float = option(0.02, "of the data, where --evaluation names none")
    data_root: str = option("", "folder of the data sets; empty: FRONTDESK_DATA_SETS")
    decontaminate: tuple[str, ...] = option((), "data sets whose evaluation part must share no 8 words with the data")
    lora: bool = option(False, "train a LoRA adapter and leave the model as it is")
    lora_rank: int = option(16, "rank of the adapter's matrices")
    lora_alpha: int = option(32, "their scale, divided by the rank")
    lora_dropout: float = option(0.05, "dropout before them")
    lora_layers: tuple[str, ...] = option((), "names of the layers that get them; none: every linear layer")
    dropout: float = option(-1.0, "share of values left out while training; below 0: as the model has it")
    context: int = option(1024, "tokens of a prompt with its answer; of an encoder-decoder, of its source")
    target: int = option(256, "tokens of an answer or summary")
    shop_name: str = option("the shop", "in the prompts of chat models")
    abstention: str = option("I'm sorry, I don't know that.", "what is said where the passages do not answer")

    def check(self) -> None:
        super().check()
        if not self.model:
            raise TrainingError("name the model: --model FOLDER or a hub id")
        if not self.data:
            raise TrainingError("name what to train on: --data FILE or a data set")
        if self.dropout >= 1:
            raise TrainingError("--dropout must be below 1")
        if self.lora_rank < 1 or self.context < 16 or self.target < 2:
            raise TrainingError("--lora-rank must be above 0, --context at least 16 and --target at least 2")
