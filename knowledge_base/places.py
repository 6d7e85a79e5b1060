"""Where a place in the United Kingdom is: a postcode or a town, as a point on the map."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import yaml
from rapidfuzz import fuzz, process

PLACES_FILE = Path(__file__).with_name("uk_places.yml")
EARTH_RADIUS_KM = 6371.0
# "Manchestr" and "Manchester" are 95 alike, "Brimingham" and "Birmingham" 90; "Bath" and "Bat" 86.
SPELLING_FLOOR = 87.0

_POSTCODE_AREA = re.compile(r"\b([A-Za-z]{1,2})\d[A-Za-z\d]?(?:\s*\d[A-Za-z]{2})?\b")

_SHORT_TOWN = re.compile(r"( upon |-on-).*")  # "Newcastle" is the one upon Tyne


class Place(NamedTuple):
    """A point in degrees."""

    latitude: float
    longitude: float


@lru_cache(maxsize=1)
def _areas() -> Mapping[str, tuple[str, Place]]:
    content = yaml.safe_load(PLACES_FILE.read_text(encoding="utf-8"))
    return {area: (town, Place(latitude, longitude)) for area, (town, latitude, longitude) in content.items()}


def locate(text: str, towns: Mapping[str, Place] | None = None) -> Place | None:
    """The place that `text` names by a UK postcode or by a town, or None where it names none that is known.

    `towns` adds towns to those of the postcode areas. A town may be misspelt, and may stand in a sentence.
    """
    postcode = _POSTCODE_AREA.search(text)
    if postcode and postcode.group(1).upper() in _areas():
        return _areas()[postcode.group(1).upper()][1]
    known = {_SHORT_TOWN.sub("", town).casefold(): place for town, place in _areas().values()}
    known.update({town.casefold(): place for town, place in _areas().values()})
    known.update({town.casefold(): place for town, place in (towns or {}).items()})
    wanted = " ".join(re.findall(r"[^\W\d_]+", text.casefold()))
    plain = {" ".join(re.findall(r"[^\W\d_]+", town)): town for town in known}
    contained = [town for town in plain if f" {town} " in f" {wanted} "]
    if contained:
        return known[plain[max(contained, key=lambda town: (len(town), town))]]
    words = wanted.split()
    for span in [wanted, *(" ".join(pair) for pair in pairwise(words)), *words]:
        match = process.extractOne(span, list(plain), scorer=fuzz.ratio, score_cutoff=SPELLING_FLOOR)
        if match is not None:
            return known[plain[match[0]]]
    return None


def distance_km(left: Place, right: Place) -> float:
    """Length of the great circle between two points (haversine formula)."""
    lat1, lon1, lat2, lon2 = (math.radians(value) for value in (*left, *right))
    half = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(half))
