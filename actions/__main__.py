"""`python -m actions`: starts the action server."""

from __future__ import annotations

import sys

from frontdesk.brand import BrandError
from knowledge_base.settings import SettingsError
from llm_component.encoder import EncoderError


def main() -> int:
    from actions.server import serve

    try:
        serve()
    except (SettingsError, BrandError, EncoderError) as error:
        print(f"The action server cannot start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
