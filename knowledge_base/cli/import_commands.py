"""The command `import`, and `review` of the documents that wait for a person."""

from __future__ import annotations

import argparse
import getpass
import time
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from knowledge_base import publishing
from knowledge_base.cli.context import EXIT_OK, EXIT_SKIPPED, CommandFailed, Context
from knowledge_base.documents.document import Finding
from knowledge_base.importer import ImportOptions, ImportReport, import_articles
from knowledge_base.importer import Progress as ProgressCallback


def import_(context: Context, arguments: argparse.Namespace) -> int:
    """Bring documents into the database; the exit code says whether all could be read."""
    database = context.prepared_database()
    brand = context.brand
    path = Path(arguments.path)
    if not path.exists():  # before the encoder, which takes seconds to load
        raise CommandFailed(f"there is no file or folder {path}")
    options = ImportOptions(arguments.draft, arguments.dry_run, arguments.max_megabytes * 2**20)
    context.out.print("Loading the encoder ...")
    encoder = context.encoder_factory()
    started = time.monotonic()

    def run(progress: ProgressCallback) -> ImportReport:
        return import_articles(database, encoder, path, brand, now=context.now(), options=options, progress=progress)

    if context.out.is_terminal:
        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
        with Progress(*columns, console=context.out, transient=True) as bar:
            task = bar.add_task("")
            report = run(lambda done, total, slug: bar.update(task, completed=done, total=total, description=slug))
    else:
        report = run(
            lambda done, total, slug: context.out.print(f"{done + 1}/{total} {slug}", markup=False) if slug else None
        )
    _show_report(context, report, time.monotonic() - started, dry_run=arguments.dry_run)
    return EXIT_SKIPPED if report.skipped else EXIT_OK


def _show_report(context: Context, report: ImportReport, seconds: float, *, dry_run: bool) -> None:
    if dry_run:
        for change in report.changes:
            context.out.print(f"would be {change.verb}, {change.status}: {change.slug} ({change.source})", markup=False)
    context.out.print(
        f"Articles: {report.added} {'to add' if dry_run else 'added'}, {report.changed} "
        f"{'to change' if dry_run else 'changed'}, {report.unchanged} unchanged, "
        f"{report.retired} {'to retire' if dry_run else 'retired'}; {report.passages} passages, in {seconds:.1f} s."
    )
    if report.held:
        context.err.print(
            f"Held for approval: {', '.join(report.held)}. See: python -m knowledge_base review list", markup=False
        )
    for skipped in report.skipped:
        context.err.print(f"Skipped: {skipped.source}: {skipped.reason}", markup=False)
    if report.skipped:
        first = report.skipped[0]  # `make run` shows this line only
        context.err.print(
            f"Error: {len(report.skipped)} could not be read, first {first.source}: {first.reason}. "
            "What was imported of them before stays.",
            markup=False,
        )


def review_list(context: Context, arguments: argparse.Namespace) -> int:
    """Show the documents that wait for a person, or those of one state."""
    states = (arguments.status,) if arguments.status else publishing.WAITING
    found = publishing.articles_in(context.prepared_database(), states)
    for article in found:
        reviewer = f", {article.reviewed_by}" if article.reviewed_by else ""
        context.out.print(
            f"{article.status}  {article.slug}  {article.title}  ({article.collection}: {article.source}{reviewer})",
            markup=False,
        )
        for finding in article.findings:
            context.out.print(f"    {_finding(finding)}", markup=False)
    if not found:
        context.out.print(f"No document is {' or '.join(states)}.")
    return EXIT_OK


def review_show(context: Context, arguments: argparse.Namespace) -> int:
    """Show one document as search would find it, and what was found in it."""
    article, passages = publishing.article_with_passages(context.prepared_database(), arguments.slug)
    context.out.print(f"{article.title}\n{article.status}, from {article.collection}: {article.source}", markup=False)
    for finding in article.findings:
        context.out.print(f"    {_finding(finding)}", markup=False)
    for passage in passages:
        place = " ".join(filter(None, [passage.heading, f"(page {passage.page})" if passage.page else ""]))
        context.out.print(f"\n-- {place}\n{passage.text}" if place else f"\n{passage.text}", markup=False)
    return EXIT_OK


def review_approve(context: Context, arguments: argparse.Namespace) -> int:
    """Publish documents."""
    changed = publishing.approve(
        context.prepared_database(), arguments.slugs, by=arguments.by or _user(), now=context.now()
    )
    context.out.print(f"Published: {changed}.")
    return EXIT_OK


def review_reject(context: Context, arguments: argparse.Namespace) -> int:
    """Take documents out of the search, or keep them out."""
    changed = publishing.reject(
        context.prepared_database(), arguments.slugs, by=arguments.by or _user(), now=context.now()
    )
    context.out.print(f"Rejected: {changed}.")
    return EXIT_OK


def _finding(finding: Finding) -> str:
    where = f" ({finding.where})" if finding.where else ""
    return f"{finding.kind}{where}: {finding.excerpt}"


def _user() -> str:
    """Who is at the terminal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
