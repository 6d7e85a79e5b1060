"""The command line: `python -m llm_component VERB`. Each verb is a module here."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from llm_component.cli import evaluate, finetune, generate, pretrain, serve

# Modules with SUMMARY, `add_arguments(parser)` and `run(arguments) -> exit status`. They import what is heavy in `run`.
VERBS = {"serve": serve, "pretrain": pretrain, "finetune": finetune, "generate": generate, "evaluate": evaluate}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the verb that the arguments name and returns the exit status. Wrong arguments end the process with 2."""
    parser = argparse.ArgumentParser(prog="python -m llm_component", description="Frontdesk's generation component")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, module in VERBS.items():
        one = verbs.add_parser(name, help=module.SUMMARY, description=module.SUMMARY)
        module.add_arguments(one)
    chosen = parser.parse_args(arguments)
    return VERBS[chosen.verb].run(chosen)
