"""Commands that prepare a database: `init`, `seed` and `demo`."""

from __future__ import annotations

import argparse
import json
import time

from rich.table import Table

from knowledge_base.cli.context import EXIT_FAILED, EXIT_OK, EXIT_REFUSED, CommandFailed, Context
from knowledge_base.orders import get_order
from knowledge_base.principal import Principal
from knowledge_base.seed.demo import demo_customers
from knowledge_base.seed.generator import generate
from knowledge_base.seed.writer import CustomerDataPresent, write_seed

COUNTED_TABLES = ("products", "stores", "customers", "orders", "returns")


def init(context: Context, _arguments: argparse.Namespace) -> int:
    """Bring the database to its newest schema."""
    context.database.migrate()
    context.out.print(
        f"The database is at its newest schema: {context.settings.masked()['database_url']}", markup=False
    )
    return EXIT_OK


def seed(context: Context, arguments: argparse.Namespace) -> int:
    """Fill in the demo shop."""
    database = context.prepared_database()
    day = arguments.date or context.now().date()
    started = time.monotonic()
    context.out.print(f"Making the demo shop of {day} ...")
    rows = generate(day, context.brand)
    try:
        with database.transaction() as session:
            counts = write_seed(session, rows, reset=arguments.reset)
    except CustomerDataPresent as error:
        raise CommandFailed(
            f"{error}; nothing was changed. `seed --reset` deletes them and fills in the demo shop anew.", EXIT_REFUSED
        ) from error
    listed = ", ".join(f"{counts[name]} {name}" for name in COUNTED_TABLES)
    context.out.print(f"Filled in {listed} in {time.monotonic() - started:.1f} s.")
    return EXIT_OK


def demo(context: Context, arguments: argparse.Namespace) -> int:
    """Show the demo customers and what each is good for."""
    operator = Principal.operator("demo")
    found = []
    with context.prepared_database().reading() as session:
        for customer in demo_customers():
            order = get_order(session, operator, str(customer.order_number))
            # Another shop may have an order of this number; the demo's is to the demo customer's name.
            name = f"{customer.person.first_name} {customer.person.last_name}"
            if order is None or order.address.recipient != name:
                continue
            found.append(
                {
                    "name": name,
                    "email": customer.person.email,
                    "order": order.number,
                    "state": order.state,
                    "try": customer.shows,
                }
            )
    if arguments.json:
        context.out.print(json.dumps(found, indent=2), markup=False)
        return EXIT_OK
    if not found:
        context.err.print("There are no demo customers in this database; run: python -m knowledge_base seed")
        return EXIT_FAILED
    table = Table(title="Demo customers (verification codes: python -m knowledge_base outbox)", title_justify="left")
    for heading in found[0]:
        table.add_column(heading.capitalize(), no_wrap=heading != "try")
    for row in found:
        table.add_row(*row.values())
    context.out.print(table)
    return EXIT_OK
