"""Small texts, models and runs that the tests of training share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch

from llm_component.compact.configuration import CompactConfig
from llm_component.compact.modeling import CompactForConditionalGeneration
from llm_component.training.data.example_files import write_examples
from llm_component.training.data.examples import ABSTENTION, Example, Passage
from llm_component.training.finetune_config import FinetuneConfig
from llm_component.training.loop import Outcome
from llm_component.training.own_tokenizer import train_tokenizer
from llm_component.training.pretrain_config import PretrainConfig
from llm_component.training.session import run

PRODUCTS = ("kettle", "toaster", "blender", "iron", "fan", "heater", "speaker", "microwave")
SENTENCES = (
    "You can return the {0} within 30 days.",
    "The {0} has a warranty of 2 years.",
    "Delivery of your {0} costs £4.95.",
    "We refund the {0} within 5 days.",
    "If the {0} does not start, check the plug.",
    "The colour of the {0} is black.",
    "Old batteries of a {0} go to a store.",
)


def document(name: str) -> str:
    """All that is said about one product; some of it in an order that only this one has."""
    first = PRODUCTS.index(name) % len(SENTENCES)
    return " ".join(sentence.format(name) for sentence in SENTENCES[first:] + SENTENCES[:first])


def write_texts(folder: Path) -> Path:
    """A folder with one Markdown file a product."""
    folder.mkdir(parents=True)
    for name in PRODUCTS:
        (folder / f"{name}.md").write_text(document(name), encoding="utf-8")
    return folder


def examples() -> list[Example]:
    """Answers to be copied from a passage, one that is not there, and a summary."""
    made = []
    for name, days in product(PRODUCTS, (7, 14, 30, 90)):
        passage = Passage("Returns", "", f"You can return the {name} within {days} days.")
        made.append(
            Example(
                "answer", f"How long can I return the {name}?", f"{days} days. [1]", passages=(passage,), cites=(1,)
            )
        )
    made.append(Example("answer", "Who are you?", ABSTENTION))
    return made


def write_example_file(path: Path) -> Path:
    write_examples(examples(), path)
    return path


def make_compact(folder: Path) -> Path:
    """A compact model with random weights."""
    tokenizer = train_tokenizer("compact", lambda: map(document, PRODUCTS), 600, 256)
    torch.manual_seed(3)
    model = CompactForConditionalGeneration(
        CompactConfig(
            vocab_size=len(tokenizer),
            hidden_size=48,
            encoder_layers=2,
            decoder_layers=1,
            attention_heads=4,
            intermediate_size=96,
            max_target_positions=64,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@dataclass(frozen=True)
class Ran:
    outcome: Outcome
    out: Path

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / "loss.jsonl").read_text().splitlines()]

    @property
    def losses(self) -> list[float]:
        return [line["loss"] for line in self.lines if "loss" in line]


SMALL: dict[str, Any] = {
    "device": "cpu",
    "precision": "fp32",
    "warmup_steps": 2,
    "log_every": 5,
    "evaluate_every": 1000,
    "learning_rate": 3e-3,
    "batch_tokens": 512,
}


def pretrain(out: Path, text: Path, **settings: Any) -> Ran:
    """A short run of pretraining with a model of two narrow layers."""
    from llm_component.training.pretrain import prepare

    settings = {"train_tokenizer": 400, "width": 32, "layers": 2, "decoder_layers": 1, "heads": 4} | settings
    if "model" in settings:
        settings = {name: value for name, value in settings.items() if name != "train_tokenizer"}
    config = PretrainConfig(
        **(SMALL | {"out": str(out), "text": (str(text),), "length": 48, "evaluation_share": 0.0} | settings)
    )
    return Ran(run(config, prepare, "python -m llm_component pretrain"), out)


def finetune(out: Path, model: Path, data: Path, **settings: Any) -> Ran:
    """A short run of fine-tuning."""
    from llm_component.training.finetune import prepare

    config = FinetuneConfig(
        **(SMALL | {"out": str(out), "model": str(model), "data": (str(data),), "evaluation_share": 0.0} | settings)
    )
    return Ran(run(config, prepare, "python -m llm_component finetune"), out)
