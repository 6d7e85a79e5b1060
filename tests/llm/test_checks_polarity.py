"""Sentences that say yes where their source says no."""

import pytest

from llm_component.checks.negation import denies_alone
from llm_component.checks.polarity import conflict

FLIPS = [
    ("Saved cards can be moved.", "Saved cards and passwords cannot be moved."),
    ("Drops and knocks are covered.", "Not covered are drops and knocks, and lightning."),
    ("You need to register the product.", "You need not register the product."),
    ("The label is charged.", "The return label is free."),
    ("You can cancel an order after it is dispatched.", "You can cancel an order until it is dispatched."),
    ("Commercial use does not void the warranty.", "Household use only: commercial use voids the warranty."),
    ("A photo ID is needed for orders under £200.", "A photo ID is needed for orders over £200."),
    ("The password must have at most 10 characters.", "The password must have at least 10 characters."),
    ("Unopened headphones cannot be exchanged.", "Opened headphones cannot be exchanged."),
    ("Press it until the light turns green.", "Press it until the light turns red."),
    ("Nobody else can collect the parcel.", "Someone else can collect the parcel."),
    ("The card is charged when you pre-order, not at dispatch.", "It is charged at dispatch, not when you pre-order."),
    ("Six digits are an order number and not a code.", "Six digits are not an order number but a code."),
    ("We can sell without VAT to companies.", "All prices contain VAT, and we cannot sell without VAT."),
    ("They cannot apply to have the lien removed online.", "They can file to have the lien removed online."),
    # One clause of a longer sentence.
    ("Enter the date on the form, and the tool can foresee your payments.", "The tool cannot foresee your payments."),
    (
        "If you wait until after the sale you may not be eligible.",
        "If you wait until after the sale, you may be eligible.",
    ),
]


@pytest.mark.parametrize(("sentence", "source"), FLIPS)
def test_a_flip_is_a_conflict(sentence: str, source: str) -> None:
    assert conflict(sentence, [source])


AGREE = [
    ("We don't take cash or cheques.", "We accept no cash and no cheques."),
    ("It costs nothing.", "It is free of charge."),
    ("The gift message is added at no charge.", "A gift message is free."),
    ("Opened earbuds can't be swapped unless faulty.", "Opened earbuds cannot be exchanged unless they are faulty."),
    ("You can only cancel before dispatch.", "After dispatch an order cannot be cancelled."),
    ("After dispatch it is too late to stop it.", "After dispatch an order cannot be stopped."),
    ("The order can't be stopped.", "You can cancel until dispatch. An order cannot be stopped then."),
    ("Not only the lid but also the jug is replaced.", "The lid and the jug are replaced."),
    ("A six-digit number is not an order number.", "A number with six digits is a code, not an order number."),
    ("It takes up to 5 days.", "It takes 3 to 5 days."),
    ("It is charged at dispatch rather than when you order.", "It is charged at dispatch, not when you order."),
    ("You can't combine it or spend it on vouchers.", "You cannot combine it and you can't spend it on vouchers."),
    # What is negated there stands far from what is said here.
    (
        "You can use our calculator to estimate your future benefits.",
        "If you want one, or you do not have enough social security credits, use our calculator to estimate your future"
        " benefits.",
    ),
]


@pytest.mark.parametrize(("sentence", "source"), AGREE)
def test_the_same_said_otherwise_is_none(sentence: str, source: str) -> None:
    assert not conflict(sentence, source.split(". "))


def test_nothing_to_compare_with_is_no_conflict() -> None:
    assert not conflict("It is not free.", [])


@pytest.mark.parametrize(
    ("sentence", "alone"),
    [
        ("We do not have a planner for survivors.", True),
        ("We have a planner for survivors.", False),
        ("The office does not accept cheques.", False),
        ("You never pay for parking.", False),
    ],
)
def test_a_denial_that_no_passage_shares_is_seen(sentence: str, alone: bool) -> None:
    source = ["Use our planner for survivors.", "Cheques are not accepted by the office.", "Parking is always free."]
    assert denies_alone(sentence, source) is alone
