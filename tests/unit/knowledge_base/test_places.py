"""Where a place is, as far as the nearest store needs it."""

from __future__ import annotations

import pytest

from knowledge_base.places import Place, distance_km, locate

LEEDS = Place(53.80, -1.55)


@pytest.mark.parametrize(
    "text",
    ["Leeds", "leeds", "LS1 4AP", "ls14ap", "LS6", "I live near Leeds, is there one?", "Leds and around, LS2 9JT"],
)
def test_towns_and_postcodes_are_found_in_a_text(text: str) -> None:
    assert locate(text) == LEEDS


def test_a_misspelt_town_is_found() -> None:
    assert locate("manchestr") == locate("Manchester")


def test_the_short_name_of_a_town_is_enough() -> None:
    assert locate("Newcastle") == locate("NE1 4ST")


@pytest.mark.parametrize("text", ["", "Timbuktu", "order 1043", "12345"])
def test_unknown_places_are_none(text: str) -> None:
    assert locate(text) is None


def test_towns_can_be_added() -> None:
    assert locate("Hebden Bridge", {"Hebden Bridge": Place(53.74, -2.01)}) == Place(53.74, -2.01)


def test_the_distance_from_leeds_to_london_is_about_270_km() -> None:
    assert distance_km(LEEDS, Place(51.51, -0.13)) == pytest.approx(272, abs=5)
