"""Changed messages keep their spans on the words that were annotated, and share no wording between dev and test."""

from __future__ import annotations

import random

import pytest

from benchmarks.nlu.perturbations import PERTURBATIONS, Annotated, Wordings, edited, mistyped

TEXT = "Where's order #1043? The Norvane Swift 1.7, I mean; mail w.a@example.net."
MESSAGE = Annotated(TEXT, ((15, 19, "order_number"), (25, 42, "product"), (57, 72, "email")))
WORDINGS = Wordings.read("dev")


def changed(name: str, seed: int = 1) -> Annotated:
    return PERTURBATIONS[name](MESSAGE, random.Random(seed), WORDINGS)


def named(message: Annotated) -> list[str]:
    return [message.text[start:end] for start, end, _ in message.spans]


@pytest.mark.parametrize("name", PERTURBATIONS)
@pytest.mark.parametrize("seed", range(10))
def test_figures_and_addresses_are_never_changed(name: str, seed: int) -> None:
    number, product, email = named(changed(name, seed))
    assert (number, email) == ("1043", "w.a@example.net")
    assert product.lower().endswith("1.7")


def test_what_is_put_beside_a_span_stays_outside() -> None:
    assert named(edited(MESSAGE, [(15, 15, "x"), (19, 19, "y")]))[0] == "1043"


def test_what_is_put_inside_a_span_belongs_to_it() -> None:
    assert named(edited(MESSAGE, [(26, 27, "OO")]))[1] == "NOOrvane Swift 1.7"


def test_overlapping_edits_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        edited(MESSAGE, [(0, 5, "a"), (4, 6, "b")])


def test_punctuation_goes_but_not_within_figures_and_addresses() -> None:
    assert changed("no_punctuation").text == "Wheres order #1043 The Norvane Swift 1.7 I mean mail w.a@example.net"


def test_a_greeting_and_a_signature_stand_around_the_message() -> None:
    text = changed("pasted").text
    assert TEXT in text
    assert text.startswith(tuple(WORDINGS.greetings)) and text.endswith(tuple(WORDINGS.signatures))


@pytest.mark.parametrize("seed", range(30))
def test_a_mistyped_word_differs_by_one_slip_behind_its_first_letter(seed: int) -> None:
    slip = mistyped("kettle", random.Random(seed))
    assert slip != "kettle"
    assert slip[0] == "k"
    assert abs(len(slip) - len("kettle")) <= 1


def test_the_same_seed_makes_the_same_change() -> None:
    assert changed("typos", 4) == changed("typos", 4) != MESSAGE


def test_measuring_uses_other_wordings_than_choosing() -> None:
    test = Wordings.read("test")
    for one, other in ((WORDINGS.greetings, test.greetings), (WORDINGS.signatures, test.signatures)):
        assert not {text.strip() for text in one} & {text.strip() for text in other}
    assert not set(WORDINGS.emoji) & set(test.emoji)
