"""`python -m llm_component VERB`; `python -m llm_component --help` lists the verbs."""

from __future__ import annotations

import sys

from llm_component.cli import main

if __name__ == "__main__":
    sys.exit(main())
