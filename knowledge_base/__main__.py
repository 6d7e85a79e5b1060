"""Entry point of `python -m knowledge_base`, where the encoder is chosen and errors become exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from frontdesk.brand import BrandError
from knowledge_base.cli.arguments import build_parser
from knowledge_base.cli.context import EXIT_DATABASE, EXIT_FAILED, CommandFailed, Context
from knowledge_base.database import DatabaseUnavailable
from knowledge_base.documents.document import DocumentError
from knowledge_base.encoder import Encoder
from knowledge_base.publishing import ReviewError
from knowledge_base.search.reranking import Reranker
from knowledge_base.seed.catalogue_files import SeedFileError
from knowledge_base.settings import SettingsError
from knowledge_base.token_budget import TokenBudgetError

ENCODER_VARIABLE = "FRONTDESK_ENCODER"
RERANKER_VARIABLE = "FRONTDESK_RERANKER"


def load_encoder() -> Encoder:
    """The encoder that FRONTDESK_ENCODER names, or the default. Raises `CommandFailed`."""
    from llm_component import encoder

    try:
        return encoder.load_encoder(os.environ.get(ENCODER_VARIABLE) or None)
    except encoder.EncoderError as error:
        raise CommandFailed(str(error)) from error


def load_reranker() -> Reranker | None:
    """The reranker that FRONTDESK_RERANKER names, or none. Raises `CommandFailed`."""
    from llm_component import encoder, reranker

    try:
        return reranker.load_reranker(os.environ.get(RERANKER_VARIABLE))
    except encoder.EncoderError as error:
        raise CommandFailed(str(error)) from error


def main(arguments: Sequence[str] | None = None, context: Context | None = None) -> int:
    """Run one command and give its exit code."""
    parsed = build_parser().parse_args(arguments)
    context = context or Context(encoder_factory=load_encoder, reranker_factory=load_reranker)
    try:
        return int(parsed.command(context, parsed))
    except CommandFailed as error:
        return _fail(context, str(error), error.exit_code)
    except DatabaseUnavailable as error:
        return _fail(context, f"the database cannot be used: {error}", EXIT_DATABASE)
    except (BrandError, DocumentError, ReviewError, SeedFileError, SettingsError, TokenBudgetError) as error:
        return _fail(context, str(error), EXIT_FAILED)


def _fail(context: Context, message: str, exit_code: int) -> int:
    context.err.print(f"Error: {message}", markup=False)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
