"""The arguments of `python -m knowledge_base`."""

from __future__ import annotations

import argparse
from datetime import date

from knowledge_base.cli import (
    conversation_commands,
    demo_commands,
    import_commands,
    knowledge_commands,
    shop_commands,
)
from knowledge_base.documents.sources import DEFAULT_MOST_BYTES
from knowledge_base.erase import CONVERSATIONS_KEPT_FOR
from knowledge_base.schema import ARTICLE_STATES
from knowledge_base.search.engines import ENGINE_NAMES

Commands = argparse._SubParsersAction  # has no public name

EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 wrong arguments, 3 no usable database, 4 would delete customers' data, "
    "5 imported, but for documents that could not be read."
)
DEFAULT_LIMIT = 5
MOST_DAYS = 36500  # a hundred years; a date so far back can still be computed


def build_parser() -> argparse.ArgumentParser:
    """The parser; a parsed command carries its function as `command`."""
    parser = argparse.ArgumentParser(
        prog="python -m knowledge_base", description="The shop's database and articles.", epilog=EXIT_CODES
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    init = commands.add_parser("init", help="make the tables, or bring them to the newest schema")
    init.set_defaults(command=demo_commands.init)

    seed = commands.add_parser("seed", help="fill in the demo shop")
    seed.add_argument("--date", type=date.fromisoformat, help="the day that the demo data ends at; default: today, UTC")
    seed.add_argument("--reset", action="store_true", help="delete the customers and orders that are there first")
    seed.set_defaults(command=demo_commands.seed)

    demo = commands.add_parser("demo", help="show the demo customers and what each is good for")
    demo.add_argument("--json", action="store_true", help="as JSON")
    demo.set_defaults(command=demo_commands.demo)

    _add_import(commands)
    _add_review(commands)

    search = commands.add_parser("search", help="show the passages that a question finds")
    search.add_argument("query")
    search.add_argument("--limit", type=_positive, default=DEFAULT_LIMIT, help=f"default: {DEFAULT_LIMIT}")
    search.add_argument("--category", help="only articles of this category or topic, for example kettles or returns")
    search.add_argument("--product", help="articles about this product, and those about no one product")
    search.add_argument("--language", help="only articles in this language, for example en")
    search.add_argument("--audience", help="articles for this audience too; default: only those for everyone")
    search.add_argument("--on", type=date.fromisoformat, metavar="DATE", help="what holds on this day; default: today")
    search.add_argument(
        "--after", action="append", default=[], metavar="TEXT", help="a turn said before, oldest first; may be repeated"
    )
    search.add_argument("--engine", choices=ENGINE_NAMES, help="default: FRONTDESK_SEARCH_ENGINE, or the database's")
    search.add_argument("--explain", action="store_true", help="show ranks and scores of each stage")
    search.set_defaults(command=knowledge_commands.search)

    show = commands.add_parser("show", help="show a record, as an operator of the shop")
    records = show.add_subparsers(required=True, metavar="RECORD")
    order = records.add_parser("order", help="show one order")
    order.add_argument("number")
    order.set_defaults(command=shop_commands.show_order)

    outbox = commands.add_parser("outbox", help="show the mails kept in development mode")
    outbox.add_argument("--follow", action="store_true", help="go on showing new ones, until Ctrl-C")
    outbox.set_defaults(command=shop_commands.outbox)

    catalog = commands.add_parser("catalog", help="work with the catalogue")
    tasks = catalog.add_subparsers(required=True, metavar="TASK")
    export = tasks.add_parser("export-lookups", help="write product, category and brand names for training")
    export.add_argument("folder")
    export.set_defaults(command=shop_commands.export_lookup_tables)
    facts = tasks.add_parser("export-facts", help="write products with their specifications as JSON, for training")
    facts.add_argument("file")
    facts.set_defaults(command=shop_commands.export_product_facts)

    erase = commands.add_parser("erase", help="erase what one conversation left behind")
    erase.add_argument("conversation_id", metavar="CONVERSATION_ID")
    erase.set_defaults(command=conversation_commands.erase)

    kept = CONVERSATIONS_KEPT_FOR.days
    purge = commands.add_parser("purge", help="erase every conversation that is older than the shop keeps them")
    purge.add_argument(
        "--older-than", type=_days, default=kept, metavar="DAYS", help=f"counted from its newest trace; default: {kept}"
    )
    purge.add_argument("--dry-run", action="store_true", help="say how many it would be and change nothing")
    purge.set_defaults(command=conversation_commands.purge)
    return parser


def _add_import(commands: Commands) -> None:
    import_ = commands.add_parser("import", help="bring documents into the database")
    import_.add_argument("path", help="file, folder (such as data/knowledge) or sitemap file")
    import_.add_argument("--dry-run", action="store_true", help="say what would happen and change nothing")
    import_.add_argument("--draft", action="store_true", help="what is new or changed waits to be approved")
    import_.add_argument(
        "--max-megabytes", type=_positive, default=DEFAULT_MOST_BYTES >> 20, metavar="N",
        help=f"larger files are skipped; default: {DEFAULT_MOST_BYTES >> 20}",
    )  # fmt: skip
    import_.set_defaults(command=import_commands.import_)


def _add_review(commands: Commands) -> None:
    review = commands.add_parser("review", help="decide on documents that wait to go live")
    decisions = review.add_subparsers(required=True, metavar="DECISION")
    listed = decisions.add_parser("list", help="show what is held or a draft, and what was found in it")
    listed.add_argument("--status", choices=ARTICLE_STATES, help="show the documents of this state instead")
    listed.set_defaults(command=import_commands.review_list)
    shown = decisions.add_parser("show", help="show one document with its passages")
    shown.add_argument("slug")
    shown.set_defaults(command=import_commands.review_show)
    for name, help_, command in (
        ("approve", "publish documents as they are now", import_commands.review_approve),
        ("reject", "take documents out of the search", import_commands.review_reject),
    ):
        decision = decisions.add_parser(name, help=help_)
        decision.add_argument("slugs", nargs="+", metavar="SLUG")
        decision.add_argument("--by", help="who decides; default: the user at the terminal")
        decision.set_defaults(command=command)


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, found {text!r}")
    return int(text)


def _days(text: str) -> int:
    days = _positive(text)
    if days > MOST_DAYS:
        raise argparse.ArgumentTypeError(f"expected at most {MOST_DAYS} days, found {text}")
    return days
