"""Commands on the shop: `show order`, `outbox`, `catalog export-lookups` and `catalog export-facts`."""

from __future__ import annotations

import argparse
import getpass
import time
from pathlib import Path

from sqlalchemy import select

from knowledge_base.cli.context import EXIT_OK, CommandFailed, Context
from knowledge_base.lookups import export_lookups
from knowledge_base.orders import get_order
from knowledge_base.principal import Principal
from knowledge_base.product_facts import export_facts
from knowledge_base.returns import refunds
from knowledge_base.schema import OutboxMail
from knowledge_base.views import OrderView, RefundView

POLL_SECONDS = 1.0


def show_order(context: Context, arguments: argparse.Namespace) -> int:
    """Show one order, whoever's it is: whoever can run this command can read the database anyway."""
    operator = Principal.operator(getpass.getuser())
    with context.prepared_database().reading() as session:
        order = get_order(session, operator, arguments.number)
        if order is None:
            raise CommandFailed(f"there is no order {arguments.number}")
        money_back = refunds(session, operator, order.number)
    context.out.print(f"Acting as operator {operator.operator_name}: no identity check, every order is visible.\n")
    for line in _order_lines(order, money_back):
        context.out.print(line, markup=False)
    return EXIT_OK


def outbox(context: Context, arguments: argparse.Namespace) -> int:
    """Show the mails that development mode kept instead of sending them."""
    database = context.prepared_database()
    last = 0
    try:
        while True:
            with database.reading() as session:
                mails = list(session.scalars(select(OutboxMail).where(OutboxMail.id > last).order_by(OutboxMail.id)))
            for mail in mails:
                last = mail.id
                context.out.print(
                    f"To: {mail.to_address}\nDate: {mail.created_at:%Y-%m-%d %H:%M:%S} UTC\n"
                    f"Subject: {mail.subject}\n\n{mail.body.rstrip()}\n",
                    markup=False,
                )
            if not arguments.follow:
                if not last:
                    context.out.print("The outbox is empty.")
                return EXIT_OK
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:  # the way to end --follow
        return EXIT_OK


def export_lookup_tables(context: Context, arguments: argparse.Namespace) -> int:
    """Write the catalogue's names for training."""
    with context.prepared_database().reading() as session:
        changed = export_lookups(session, Path(arguments.folder))
    names = ", ".join(file.name for file in changed)
    context.out.print(f"Wrote {names} to {arguments.folder}." if changed else "Nothing changed.", markup=False)
    return EXIT_OK


def export_product_facts(context: Context, arguments: argparse.Namespace) -> int:
    """Write the catalogue's products with their specifications for training."""
    file = Path(arguments.file)
    with context.prepared_database().reading() as session:
        count = export_facts(session, file)
    context.out.print(f"Wrote {count} products to {file}.", markup=False)
    return EXIT_OK


def _order_lines(order: OrderView, money_back: list[RefundView]) -> list[str]:
    lines = [
        f"Order {order.number}: {order.state}",
        f"  placed     {order.placed_at:%Y-%m-%d %H:%M} UTC, {order.payment_method}, {order.delivery_method}",
        f"  expected   {order.expected_on or '-'}",
        f"  delivered  {order.delivered_on or '-'}",
        f"  customer   {order.customer_email_masked}",
        f"  to         {order.address.recipient}, {order.address.line1}, {order.address.city}, "
        f"{order.address.postcode}",
    ]
    for item in order.items:
        returned = f" ({item.returned_quantity} going or gone back)" if item.returned_quantity else ""
        lines.append(f"  {item.quantity} x {item.name} [{item.sku}] at {item.unit_price} {order.currency}{returned}")
    lines.append(f"  total      {order.total} {order.currency}, of it {order.delivery_charge} for delivery")
    if order.shipment is not None:
        lines.append(f"  parcel     {order.shipment.carrier} {order.shipment.tracking_code}: {order.shipment.state}")
        lines += [f"    {at:%Y-%m-%d %H:%M} {text}" for at, text in order.shipment.events]
    for refund in money_back:
        due = refund.completed_on or refund.expected_on or "-"
        lines.append(f"  refund     {refund.amount} {refund.currency} to {refund.method}: {refund.state} ({due})")
    return lines
