"""Names of lookup tables in messages: shortened, misspelt, and not where only ordinary words stand."""

from __future__ import annotations

import pytest

from rasa_addons.entities.lookups import LookupTables, Run
from rasa_addons.entities.words import split_words

TABLES = {
    "product": [
        "Norvane Swift 1.7",
        "Kestrelle Barista One",
        "Quillon V8 Cordless",
        "Sonarra Quiet 700",
        "Sonarra Quiet 500",
        "Orbiq CrispAir 5",
        "Veridia 55 QLED",
        "Norvane Tower Fan",
    ],
    "category": ["kettle", "tower fan", "fan", "air fryer"],
    "brand": ["Norvane", "Kestrelle", "Quillon", "Sonarra", "Orbiq", "Veridia"],
}
LOOKUPS = LookupTables(TABLES, ordinary=["quite", "the", "is", "my", "one", "swiftly"])


def runs(text: str, table: str) -> list[tuple[str, Run]]:
    """What is found of a table, with the words of the message."""
    words = [word.text for word in split_words(text)]
    return [(" ".join(words[run.start : run.end]), run) for run in LOOKUPS.runs(words) if run.table == table]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("how much is the norvane swft kettle", "norvane swft"),
        ("kestrel barista please", "kestrel barista"),
        ("eta on my quillion v8?", "quillion v8"),
        ("is the Crisp Air 5 back", "Crisp Air 5"),
        ("price of the 55 qld", "55 qld"),
        ("The QUIET 700", "QUIET 700"),
    ],
)
def test_a_misspelt_or_shortened_name_is_found(text: str, found: str) -> None:
    assert [words for words, run in runs(text, "product") if run.telling] == [found]


def test_figures_have_to_be_equal() -> None:
    assert [words for words, _ in runs("the quiet 600", "product")] == ["quiet"]
    assert [words for words, _ in runs("a v9 cordless", "product")] == ["cordless"]


@pytest.mark.parametrize("text", ["it is quite swiftly done", "wild roses bloom", "is it the one", "a 55 inch screen"])
def test_ordinary_words_are_no_telling_name(text: str) -> None:
    assert not [words for words, run in runs(text, "product") if run.telling and run.near]


def test_an_ordinary_word_ends_a_name_though_it_is_like_one() -> None:
    assert [words for words, _ in runs("sonara quite 700", "product")] == ["sonara", "700"]


def test_words_of_two_names_make_two_runs() -> None:
    assert [words for words, _ in runs("barista one or quiet 700", "product")] == ["barista one", "quiet 700"]


def test_what_another_table_holds_tells_nothing() -> None:
    ((_, brand_and_category),) = runs("norvane fan", "product")
    ((_, own),) = runs("norvane swift", "product")
    assert not brand_and_category.telling
    assert own.telling


def test_a_whole_name_is_told_from_a_part() -> None:
    ((_, whole),) = runs("norvane swift 1.7", "product")
    ((_, part),) = runs("the swift 1.7", "product")
    assert (whole.whole, whole.near) == (True, False)
    assert not part.whole
