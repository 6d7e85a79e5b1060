"""What pretraining can be told. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from llm_component.training.config import RunConfig
from llm_component.training.errors import TrainingError
from llm_component.training.options import option


@dataclass(frozen=True)
class PretrainConfig(RunConfig):
    """What is learned, from which texts, by which model."""

    objective: str = option("causal", "what is learned", choices=("mlm", "causal", "denoise"))
    text: tuple[str, ...] = option((), "files and folders of text: .txt, .md, .jsonl")
    sets: tuple[str, ...] = option((), "data sets whose conversations are read as text")
    data_root: str = option("", "folder of the data sets; empty: FRONTDESK_DATA_SETS")
    model: str = option("", "folder or hub id to go on from; empty: a new model")
    architecture: str = option("", "of a new model: llama, qwen2, gpt2, bert, t5, bart, compact ...")
    width: int = option(256, "values a token of a new model")
    layers: int = option(6, "layers of a new model; of its encoder where it has a decoder too")
    decoder_layers: int = option(3, "decoder layers of a new encoder-decoder")
    heads: int = option(8, "attention heads of a new model")
    tokenizer: str = option("", "folder or hub id of the tokenizer of a new model")
    train_tokenizer: int = option(0, "train a tokenizer with so many tokens on the texts")
    warm_start: bool = option(False, "start a new compact model from the packaged sentence encoder's weights")
    length: int = option(256, "tokens of a sequence")
    masked_share: float = option(0.15, "tokens that are masked; of denoising, tokens in spans")
    next_sentence: bool = option(True, "predict too whether the second text follows (mlm)")
    deduplicate: bool = option(True, "leave out paragraphs that came before, and documents much like an earlier one")
    evaluation_share: float = option(0.02, "documents that are kept for the evaluation")

    def check(self) -> None:
        super().check()
        if not self.text and not self.sets:
            raise TrainingError("name what to train on: --text FOLDER, or --sets NAME")
        if self.model and (self.architecture or self.train_tokenizer or self.tokenizer):
            raise TrainingError(
                "--model brings its architecture and tokenizer; leave the others out, or leave out --model"
            )
        if not self.model and bool(self.tokenizer) == bool(self.train_tokenizer):
            raise TrainingError("a new model needs a tokenizer: either --tokenizer FOLDER or --train-tokenizer 8000")
        if self.length < 8:
            raise TrainingError("--length must be at least 8")
        for name in ("masked_share", "evaluation_share"):
            if not 0 <= getattr(self, name) < 1:
                raise TrainingError(f"--{name.replace('_', '-')} must be at least 0 and below 1")
