"""Commands on articles: `import` and `search`."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from knowledge_base.cli.context import EXIT_FAILED, EXIT_OK, CommandFailed, Context
from knowledge_base.importer import ImportReport, import_articles
from knowledge_base.importer import Progress as ProgressCallback
from knowledge_base.search import KnowledgeSearch, PassageHit

EXCERPT_CHARACTERS = 200


def import_(context: Context, arguments: argparse.Namespace) -> int:
    """Bring a folder of articles into the database."""
    database = context.prepared_database()
    brand = context.brand
    folder = Path(arguments.path)
    if not folder.is_dir():  # before the encoder, which takes seconds to load
        raise CommandFailed(f"there is no folder {folder}")
    context.out.print("Loading the encoder ...")
    encoder = context.encoder_factory()
    started = time.monotonic()

    def run(progress: ProgressCallback) -> ImportReport:
        return import_articles(database, encoder, folder, brand, now=context.now(), progress=progress)

    if context.out.is_terminal:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=context.out, transient=True) as bar:
            task = bar.add_task("")
            report = run(lambda done, total, slug: bar.update(task, completed=done, total=total, description=slug))
    else:
        report = run(
            lambda done, total, slug: context.out.print(f"{done + 1}/{total} {slug}", markup=False) if slug else None
        )
    context.out.print(
        f"Articles: {report.added} added, {report.changed} changed, {report.unchanged} unchanged, "
        f"{report.retired} retired; {report.passages} passages, in {time.monotonic() - started:.1f} s."
    )
    return EXIT_OK


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
