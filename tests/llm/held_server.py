"""A server process for tests: each line on its standard input lets its engine give one piece; run as a module."""

from __future__ import annotations

import sys
import threading

from llm_component.server.logs import configure_logging
from llm_component.server.process import serve
from llm_component.server.state import Grounding
from llm_component.settings import Settings
from tests.llm.serving import DirectedEngine


def main() -> int:
    """As `python -m llm_component serve`, with an engine that waits to be told."""
    configure_logging()
    engine = DirectedEngine(["first ", "second"], held=True)

    def obey() -> None:
        for _ in sys.stdin:
            engine.begun.wait()
            engine.permit()

    threading.Thread(target=obey, daemon=True).start()
    return 2 if serve(Settings.from_environment(), engine, Grounding) else 0


if __name__ == "__main__":
    sys.exit(main())
