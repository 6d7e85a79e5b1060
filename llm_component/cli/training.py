"""What the verbs that train have in common."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llm_component.training.errors import TrainingError
from llm_component.training.options import from_arguments

if TYPE_CHECKING:
    from llm_component.training.session import Prepared, Session

EXIT_WRONG = 2
EXIT_SIGNAL = 128


def run_training(arguments: argparse.Namespace, config_class: type, load: Callable[[], Any], verb: str) -> int:
    """Trains to the end or the time limit: 0. What cannot work: 2, with one sentence. A signal: 128 and its number.

    Args:
        load: imports and returns the module with `prepare(session)`; what is heavy comes after the new start.
    """
    from llm_component.training.allocator import start_tuned

    start_tuned()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    config: Any = from_arguments(config_class, arguments)
    try:
        config.check()  # before the seconds that the imports take
        from llm_component.training.session import command_line, run

        prepare: Callable[[Session], Prepared] = load().prepare
        outcome = run(config, prepare, command_line())
    except TrainingError as error:
        print(f"llm_component {verb}: {error}", file=sys.stderr)
        return EXIT_WRONG
    return EXIT_SIGNAL + outcome.signal if outcome.signal else 0
