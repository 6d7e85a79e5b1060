"""Invented people for the demo data: names, email addresses, phone numbers and postal addresses in the UK."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

PEOPLE_FILE = Path(__file__).with_name("people.yml")
SLOW_AREAS = ("BT", "IV")
EMAIL_DOMAINS = ("example.com", "example.org", "example.net")
# The letters that the second half of a postcode may have.
POSTCODE_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"


@dataclass(frozen=True)
class Person:
    """A customer to be: name, contact and one postal address."""

    first_name: str
    last_name: str
    email: str
    phone: str | None
    line1: str
    line2: str | None
    city: str
    postcode: str

    @property
    def is_remote(self) -> bool:
        """Whether only standard delivery goes there."""
        return self.postcode.startswith(SLOW_AREAS)


def invent_people(random_source: random.Random, count: int, taken_emails: frozenset[str]) -> list[Person]:
    """`count` people with different email addresses, none of them in `taken_emails`."""
    parts = yaml.safe_load(PEOPLE_FILE.read_text(encoding="utf-8"))
    towns = list(parts["towns"].items())
    people: list[Person] = []
    taken = set(taken_emails)
    while len(people) < count:
        first, last = random_source.choice(parts["first_names"]), random_source.choice(parts["last_names"])
        city, outward_codes = random_source.choice(towns)
        email = _email(random_source, first, last)
        person = Person(
            first_name=first,
            last_name=last,
            email=email,
            # 07700 900000 to 900999 are reserved for fiction.
            phone=f"07700 900{random_source.randrange(1000):03d}" if random_source.random() < 0.7 else None,
            line1=f"{random_source.randrange(1, 180)} {random_source.choice(parts['streets'])}",
            line2=f"Flat {random_source.randrange(1, 30)}" if random_source.random() < 0.2 else None,
            city=city,
            postcode=f"{random_source.choice(outward_codes)} {_inward_code(random_source)}",
        )
        if email not in taken:
            taken.add(email)
            people.append(person)
    return people


def _email(random_source: random.Random, first: str, last: str) -> str:
    name = re.sub(r"[^a-z]", "", first.casefold()), re.sub(r"[^a-z]", "", last.casefold())
    form = random_source.choice(("{0}.{1}", "{0}{1}", "{0}.{1}{2}", "{0}_{1}", "{3}.{1}"))
    local = form.format(*name, random_source.randrange(2, 99), name[0][0])
    return f"{local}@{random_source.choice(EMAIL_DOMAINS)}"


def _inward_code(random_source: random.Random) -> str:
    letters = "".join(random_source.choice(POSTCODE_LETTERS) for _ in range(2))
    return f"{random_source.randrange(1, 10)}{letters}"
