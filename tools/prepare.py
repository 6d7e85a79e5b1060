"""Prepares what the assistant runs on: the database, its demo data, the articles, the lookup tables, the model.

Each part has a stamp with the hash of what it was made from; a part whose stamp fits is left alone.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.failure import Failure, run_command
from tools.processes import reason, run_logged
from tools.progress import Step
from tools.project import LOGS, ROOT, STAMPS, VAR, child_environment, shown
from tools.stamps import Stamp, hash_of
from tools.train import ENCODER_VARIABLE, train

URL_VARIABLE = "FRONTDESK_DATABASE_URL"
DEMO_VARIABLE = "FRONTDESK_DEMO_DATA"
BRAND_VARIABLE = "FRONTDESK_BRAND_FILE"
KEPT = "left alone, there are customers already (make seed starts anew)"
EXIT_REFUSED = 4  # of `python -m knowledge_base`: it would overwrite customers' data
LOOKUPS = "data/nlu/lookups"


@dataclass(frozen=True)
class Part:
    """One part of the database: what it is made from and the `python -m knowledge_base` call that makes it."""

    name: str
    title: str
    sources: tuple[str, ...]
    arguments: tuple[str, ...]
    settings: Mapping[str, str]
    product: Path | None = None  # a file or folder that the call writes; without it the part is made again
    always: bool = False  # run even if the stamp fits
    refusal: str | None = None  # what it means when the call refuses to overwrite data; None: a failure

    @property
    def stamp(self) -> Stamp:
        """Where the part's hash is kept."""
        return Stamp(STAMPS / f"{self.name}.json")

    def hashes(self, root: Path = ROOT) -> Mapping[str, str]:
        """What the part is made from now."""
        return {"sources": hash_of(root, [root / source for source in self.sources], settings=self.settings)}


def sqlite_file(url: str, root: Path = ROOT) -> Path | None:
    """The file of an SQLite database (relative names count from the project's folder); None for another database."""
    if not url.startswith("sqlite"):
        return None
    name = url.split("///", 1)[-1].split("?", 1)[0]
    return root / name if name else None


def wants_demo_data(environment: Mapping[str, str], file: Path | None) -> bool:
    """Demo data goes into an SQLite file unasked; into any other database only with FRONTDESK_DEMO_DATA=1."""
    said = environment.get(DEMO_VARIABLE, "").lower()
    return said in ("1", "true", "yes") if said else file is not None


def database_parts(environment: Mapping[str, str], root: Path = ROOT, *, fresh_lookups: bool = False) -> list[Part]:
    """The parts in the order in which they are made.

    Args:
        fresh_lookups: write the lookup tables in any case: only the database knows whether its catalogue changed.
    """
    url = environment.get(URL_VARIABLE) or f"sqlite:///{VAR / 'frontdesk.db'}"
    file = sqlite_file(url, root)
    place = {"url": url}
    parts = [
        Part(
            "database",
            "Bringing the database to its schema",
            ("knowledge_base/migrations",),
            ("init",),
            place,
            product=file,
            always=file is None,  # only the database itself knows whether someone emptied it
        )
    ]
    demo = wants_demo_data(environment, file)
    if demo:
        parts.append(
            Part("seed", "Filling in the demo shop", ("knowledge_base/seed",), ("seed",), place, file, refusal=KEPT)
        )
    parts.append(
        Part(
            "articles",
            "Importing the articles",
            (
                "data/knowledge",
                "brand.yml",
                "frontdesk/brand.py",
                "knowledge_base/documents",
                "knowledge_base/article_writer.py",
                "knowledge_base/importer.py",
                "knowledge_base/import_batch.py",
                "knowledge_base/passages.py",
            ),
            ("import", "data/knowledge"),
            {**place, **{name: environment.get(name, "") for name in (ENCODER_VARIABLE, BRAND_VARIABLE)}},
            product=file,
        )
    )
    parts.append(
        Part(
            "lookups",
            "Writing the product names for training",
            (
                "knowledge_base/seed",
                "knowledge_base/lookups.py",
                "knowledge_base/category_words.py",
                "knowledge_base/category_words.yml",
            ),
            ("catalog", "export-lookups", LOOKUPS),
            {**place, "demo": str(demo)},
            product=root / LOOKUPS,
            always=fresh_lookups,
        )
    )
    return parts


def present(product: Path | None) -> bool:
    """Whether what a part writes is there; a folder counts only with something in it."""
    if product is None or product.is_file():
        return True
    return product.is_dir() and any(product.iterdir())


def make_parts(parts: list[Part], root: Path = ROOT, run: Callable[..., int] = run_logged) -> list[str]:
    """Makes the parts whose stamp does not fit and returns their names. Raises `Failure` at the first that fails.

    When the database's file is gone, its stamps say nothing any more: every part is made again.
    """
    made: list[str] = []
    anew = not all(present(part.product) for part in parts if part.name == "database")
    for part in parts:
        hashes = part.hashes(root)
        fits = part.stamp.matches(hashes) and present(part.product) and not anew
        if fits and not part.always:
            continue
        part.stamp.clear()
        log = LOGS / f"{part.name}.log"
        command = [sys.executable, "-m", "knowledge_base", *part.arguments]
        with Step(part.title) as step:
            status = run(command, log, cwd=root, environment=child_environment(), on_line=step.update)
            if status == EXIT_REFUSED and part.refusal:
                step.finish(part.refusal)
            elif status != 0:
                raise Failure(f"{part.title} failed: {reason(log)} (log: {shown(log)})")
        part.stamp.write(hashes)
        made.append(part.name)
    return made


def reseed(environment: Mapping[str, str]) -> None:
    """Fills the database with the demo data anew."""
    parts = database_parts(environment)
    make_parts(parts[:1])
    seed = next((part for part in parts if part.name == "seed"), None)
    if seed is None:
        raise Failure(f"Demo data goes into this database only with {DEMO_VARIABLE}=1.")
    seed.stamp.clear()
    log = LOGS / "seed.log"
    command = [sys.executable, "-m", "knowledge_base", *seed.arguments, "--reset"]
    with Step("Filling in the demo shop anew") as step:
        if run_logged(command, log, cwd=ROOT, environment=child_environment(), on_line=step.update) != 0:
            raise Failure(f"The demo data could not be filled in: {reason(log)} (log: {shown(log)})")
    seed.stamp.write(seed.hashes())
    make_parts(parts[2:])


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.prepare", description=__doc__.splitlines()[0])
    parser.add_argument("--train", action="store_true", help="look at the catalogue again; say if the model is current")
    parser.add_argument("--force", action="store_true", help="train in any case")
    parser.add_argument("--reseed", action="store_true", help="fill in the demo data anew, and nothing else")
    arguments = parser.parse_args()
    if arguments.reseed:
        reseed(os.environ)
        return 0
    make_parts(database_parts(os.environ, fresh_lookups=arguments.train))
    trained = train(force=arguments.force)
    if arguments.train and not trained:
        print("  The model is up to date: nothing that it is made from has changed.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))
