"""`finetune`: teaches a model classes of texts, grounded answers or handoff summaries."""

from __future__ import annotations

import argparse
from typing import Any

from llm_component.cli.training import run_training
from llm_component.training.finetune_config import FinetuneConfig
from llm_component.training.options import add_options

SUMMARY = "teach a model a task: text classes, answers from passages, handoff summaries; whole or as LoRA adapter"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A flag for each field of `FinetuneConfig`."""
    add_options(parser, FinetuneConfig)


def run(arguments: argparse.Namespace) -> int:
    """Trains to the end or the time limit: 0. What cannot work: 2, with one sentence. A signal: 128 and its number."""
    return run_training(arguments, FinetuneConfig, _module, "finetune")


def _module() -> Any:
    from llm_component.training import finetune

    return finetune
