"""The command `search`."""

from __future__ import annotations

import argparse
import os

from rich.table import Table

from knowledge_base.cli.context import EXIT_FAILED, EXIT_OK, CommandFailed, Context
from knowledge_base.search import Filters, Found, KnowledgeSearch, PassageHit, Question
from knowledge_base.search.engines import EngineError
from knowledge_base.search.engines.choice import ENGINE_VARIABLE
from knowledge_base.search.relevance import SIGNS

EXCERPT_CHARACTERS = 200


def search(context: Context, arguments: argparse.Namespace) -> int:
    """Show the passages that a question finds."""
    database = context.prepared_database()
    encoder = context.encoder_factory()
    day = arguments.on or context.now().date()
    filters = Filters(
        category=arguments.category,
        product=arguments.product,
        language=arguments.language,
        audience=arguments.audience,
    )
    question = Question(arguments.query, tuple(arguments.after))
    try:
        finder = KnowledgeSearch(
            database,
            encoder,
            engine_name=arguments.engine or os.environ.get(ENGINE_VARIABLE),
            reranker=context.reranker_factory(),
            today=lambda: day,
        )
        found = finder.find(question, limit=arguments.limit, filters=filters)
    except EngineError as error:
        raise CommandFailed(str(error)) from error
    if not found.hits:
        context.err.print("Nothing was found; have the articles been imported?")
        return EXIT_FAILED
    if arguments.explain:
        _explain(context, found)
    for rank, hit in enumerate(found.hits, start=1):
        context.out.print(_shown(rank, hit), markup=False)
    if found.nothing_answers:
        context.out.print("Nothing here answers this: the relevance lies below the threshold.")
    return EXIT_OK


def _explain(context: Context, found: Found) -> None:
    """Each stage with its ranks and scores."""
    context.out.print(f"Read as: {' | '.join(found.question.splitlines())}", markup=False)
    context.out.print(f"Full text asked for: {', '.join(found.words) or 'nothing'}", markup=False)
    if found.left_out:
        context.out.print(f"  left out, too common or unknown: {', '.join(found.left_out)}", markup=False)
    context.out.print(f"Vectors compared by: {found.engine}", markup=False)
    if found.relevance is None:
        context.out.print("Relevance: no score was fitted for this encoder")
    else:
        context.out.print(f"Relevance: {found.relevance:.2f}, threshold {found.threshold:.2f}")
        signs = ", ".join(f"{name} {value:.2f}" for name, value in zip(SIGNS, found.signs, strict=True))
        context.out.print(f"  from {signs}")
    table = Table("passage", "text rank", "text score", "vector rank", "cosine", "fused rank", "fused", "rerank")
    for hit in found.hits:
        table.add_row(
            f"{hit.slug} > {hit.heading}" if hit.heading else hit.slug,
            _number(hit.text_rank),
            _number(hit.text_score, 3),
            _number(hit.vector_rank),
            f"{hit.similarity:.3f}",
            str(hit.fused_rank),
            f"{hit.score:.4f}",
            _number(hit.rerank_score, 3),
        )
    context.out.print(table)


def _number(value: float | None, places: int = 0) -> str:
    return "-" if value is None else f"{value:.{places}f}"


def _shown(rank: int, hit: PassageHit) -> str:
    excerpt = " ".join(hit.text.split())
    if len(excerpt) > EXCERPT_CHARACTERS:
        excerpt = f"{excerpt[:EXCERPT_CHARACTERS].rsplit(' ', 1)[0]} ..."
    heading = f" > {hit.heading}" if hit.heading else ""
    page = f", page {hit.page}" if hit.page else ""
    ranks = f"text {hit.text_rank or '-'}, vector {hit.vector_rank or '-'}, similarity {hit.similarity:.2f}"
    return f"{rank}. {hit.score:.4f} ({ranks})  {hit.title}{heading}{page}\n   {excerpt}\n"
