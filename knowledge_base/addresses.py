"""UK delivery addresses as customers type them: checked and put into their usual form."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

# Shape of a UK postcode without its space, after appendix C of the Royal Mail Programmers' Guide.
POSTCODE = re.compile(
    r"([A-PR-UWYZ](?:[0-9]{1,2}|[A-HK-Y][0-9](?:[0-9ABEHMNPRV-Y])?|[0-9][A-HJKPS-UW]))([0-9][ABD-HJLNP-UW-Z]{2})"
)
OUTSIDE_UK = ("GY", "JE", "IM")  # Guernsey, Jersey and the Isle of Man use the scheme but are not in the UK
LONGEST_LINE = 120
LONGEST_CITY = 80


class InvalidAddress(ValueError):
    """A part of an address cannot be used; `field` is line1, line2, city or postcode."""

    def __init__(self, field: str) -> None:
        super().__init__(f"invalid address: {field}")
        self.field = field


@dataclass(frozen=True)
class AddressInput:
    """An address as the customer gave it."""

    line1: str
    line2: str | None
    city: str
    postcode: str


def checked_address(address: AddressInput) -> AddressInput:
    """`address` with tidy spaces and a postcode like "LS1 4AB". Raises InvalidAddress."""
    line2 = _line("line2", address.line2, LONGEST_LINE) if address.line2 and address.line2.strip() else None
    return AddressInput(
        line1=_line("line1", address.line1, LONGEST_LINE),
        line2=line2,
        city=_line("city", address.city, LONGEST_CITY),
        postcode=checked_postcode(address.postcode),
    )


def checked_postcode(postcode: str) -> str:
    """`postcode` in capitals with its space. Raises InvalidAddress("postcode"), also outside the UK."""
    compact = re.sub(r"\s", "", unicodedata.normalize("NFKC", postcode)).upper()
    match = POSTCODE.fullmatch(compact)
    if match is None or compact.startswith(OUTSIDE_UK):
        raise InvalidAddress("postcode")
    return f"{match[1]} {match[2]}"


def _line(field: str, text: str, longest: int) -> str:
    line = " ".join(text.split())
    usable = any(character.isalnum() for character in line) and all(
        unicodedata.category(character)[0] != "C" for character in line
    )
    if not usable or len(line) > longest:
        raise InvalidAddress(field)
    return line
