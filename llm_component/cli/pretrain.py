"""`pretrain`: trains a language model on texts, from scratch or from a checkpoint."""

from __future__ import annotations

import argparse
from typing import Any

from llm_component.cli.training import run_training
from llm_component.training.options import add_options
from llm_component.training.pretrain_config import PretrainConfig

SUMMARY = "train a language model on texts: masked words, the next word, or denoising"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A flag for each field of `PretrainConfig`."""
    add_options(parser, PretrainConfig)


def run(arguments: argparse.Namespace) -> int:
    """Trains to the end or the time limit: 0. What cannot work: 2, with one sentence. A signal: 128 and its number."""
    return run_training(arguments, PretrainConfig, _module, "pretrain")


def _module() -> Any:
    from llm_component.training import pretrain

    return pretrain
