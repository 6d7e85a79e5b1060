"""`python -m actions`: starts the action server."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

ENVIRONMENT = {
    "FRONTDESK_ACTIONS_PORT": "port to listen on",
    "FRONTDESK_ACTIONS_HOST": "address to listen on",
    "FRONTDESK_DATABASE_URL": "the database, sqlite:///path or postgresql://user:password@host/name",
    "FRONTDESK_SECRET_KEY": "key of codes and of the channel's calls; required for PostgreSQL",
    "FRONTDESK_IDENTITY_KEYS": "keys under which the shop's site says who is signed in",
    "FRONTDESK_SMTP_URL": "mail server; without one, mails stay in table outbox",
    "FRONTDESK_RELEVANCE_FLOOR": "similarity from which a passage is quoted",
    "FRONTDESK_ENCODER": "folder or hub id of the articles' sentence encoder",
    "FRONTDESK_SEARCH_ENGINE": "exact, sqlite-vec or pgvector: what compares the articles' vectors",
    "FRONTDESK_RERANKER": "folder or hub id of a cross-encoder that reads question and passage together",
    "FRONTDESK_LLM_URL": "the language model's server, which sums up conversations for tickets",
    "FRONTDESK_LLM_SECRET": "its shared secret",
    "FRONTDESK_LLM_SUMMARY_SECONDS": "how long a summary may take; 0: none",
    "FRONTDESK_ARTICLES_URL": "where the channel shows articles that have no page of their own; none: nowhere",
    "FRONTDESK_BRAND_FILE": "the brand, in place of brand.yml",
}


def build_parser() -> argparse.ArgumentParser:
    """The parser: the server takes its settings from the environment, so there is only --help."""
    width = max(map(len, ENVIRONMENT))
    variables = "\n".join(f"  {name:{width}}  {meaning}" for name, meaning in ENVIRONMENT.items())
    return argparse.ArgumentParser(
        prog="python -m actions",
        description="Starts the action server, which Rasa calls for all that needs the shop's data.",
        epilog=f"environment variables:\n{variables}\n\nDefaults, and what else can be set: docs/operate.md.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; gives the exit code."""
    build_parser().parse_args(arguments)

    # These load the models' libraries, which takes seconds: help and a refusal come without them.
    from actions.server import serve
    from frontdesk.brand import BrandError
    from frontdesk.language_model import LanguageModelSettingsError
    from frontdesk.signing import SigningError
    from knowledge_base.search.engines import EngineError
    from knowledge_base.settings import SettingsError
    from llm_component.encoder import EncoderError

    try:
        serve()
    except (
        SettingsError,
        BrandError,
        EncoderError,
        EngineError,
        LanguageModelSettingsError,
        SigningError,
    ) as error:
        print(f"The action server cannot start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
