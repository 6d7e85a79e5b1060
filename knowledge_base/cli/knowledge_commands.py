"""The command `search`."""

from __future__ import annotations

import argparse

from knowledge_base.cli.context import EXIT_FAILED, EXIT_OK, Context
from knowledge_base.search import KnowledgeSearch, PassageHit

EXCERPT_CHARACTERS = 200


def search(context: Context, arguments: argparse.Namespace) -> int:
    """Show the passages that a question finds."""
    database = context.prepared_database()
    found = KnowledgeSearch(database, context.encoder_factory()).search(
        arguments.query, limit=arguments.limit, category=arguments.category
    )
    if not found:
        context.err.print("Nothing was found; have the articles been imported?")
        return EXIT_FAILED
    for rank, hit in enumerate(found, start=1):
        context.out.print(_shown(rank, hit), markup=False)
    return EXIT_OK


def _shown(rank: int, hit: PassageHit) -> str:
    excerpt = " ".join(hit.text.split())
    if len(excerpt) > EXCERPT_CHARACTERS:
        excerpt = f"{excerpt[:EXCERPT_CHARACTERS].rsplit(' ', 1)[0]} ..."
    heading = f" > {hit.heading}" if hit.heading else ""
    ranks = f"text {hit.text_rank or '-'}, vector {hit.vector_rank or '-'}, similarity {hit.similarity:.2f}"
    return f"{rank}. {hit.score:.4f} ({ranks})  {hit.title}{heading}\n   {excerpt}\n"
