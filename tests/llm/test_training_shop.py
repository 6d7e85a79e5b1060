"""Training examples from the shop: right, varied, repeatable, and within what the model can read."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest

from llm_component.training.data.article_sections import read_articles
from llm_component.training.data.catalogue import read_catalogue
from llm_component.training.data.draws import Text, phrasings
from llm_component.training.data.examples import ABSTENTION, Example
from llm_component.training.data.rendering import MOST_PASSAGES
from llm_component.training.data.shop import ShopExamples, main, rough_pieces
from llm_component.training.data.worlds import product_kinds, service_kinds

KNOWLEDGE = Path(__file__).resolve().parents[2] / "data" / "knowledge"
COUNT = 5000
_CITED = re.compile(r"(.+?) ((?:\[\d\])+)(?= |\Z)", re.S)
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as `catalog export-facts` writes it."""
    products = [
        {
            "sku": f"{noun[:3].upper()}-{number}",
            "name": f"Tamsin {noun.title()} {number}",
            "singular": noun,
            "price": f"{number}9.99",
            "warranty_months": 24,
            "specifications": {
                "Capacity": f"{number}.5 litres",
                "Power": f"{number}00 W",
                "Boil-dry protection": "Yes" if number % 2 else "No",
                "Colour": ["black", "white", "cream"][number % 3],
                "Weight": f"1.{number} kg",
            },
        }
        for noun in ("kettle", "blender")
        for number in range(2, 7)
    ]
    file = tmp_path_factory.mktemp("catalogue") / "products.json"
    file.write_text(json.dumps({"products": products}), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def shop(catalogue: Path) -> ShopExamples:
    return ShopExamples(11, articles=KNOWLEDGE, catalogue=catalogue)


@pytest.fixture(scope="module")
def examples(shop: ShopExamples) -> list[Example]:
    return list(islice(shop.stream(), COUNT))


@pytest.fixture(scope="module")
def answers(examples: list[Example]) -> list[Example]:
    return [example for example in examples if example.task == "answer"]


def said_in(example: Example, number: int) -> str:
    passage = example.passages[number - 1]
    return f"{passage.title} {passage.heading} {passage.text}"


def test_the_same_seed_gives_the_same_examples(catalogue: Path, examples: list[Example]) -> None:
    again = ShopExamples(11, articles=KNOWLEDGE, catalogue=catalogue)

    assert list(islice(again.stream(), 300)) == examples[:300]


def test_another_seed_gives_other_examples(catalogue: Path, examples: list[Example]) -> None:
    other = ShopExamples(12, articles=KNOWLEDGE, catalogue=catalogue)

    assert not set(map(repr, islice(other.stream(), 300))) & set(map(repr, examples))


def test_readers_share_a_stream(shop: ShopExamples, examples: list[Example]) -> None:
    first, second = (list(islice(shop.stream(start, 2), 50)) for start in (0, 1))

    assert [example for pair in zip(first, second, strict=True) for example in pair] == examples[:100]


def test_no_two_examples_are_equal(examples: list[Example]) -> None:
    assert len({repr(example) for example in examples}) == COUNT


def test_every_source_and_task_occurs(examples: list[Example]) -> None:
    assert {example.task for example in examples} == {"answer", "rewrite", "summary"}
    sources = Counter(example.source for example in examples)
    assert set(sources) == {
        "shop world",
        "shop article",
        "shop unanswered",
        "shop catalogue",
        "shop guide",
        "shop rule",
        "shop rewrite",
        "shop conversation",
    }
    assert min(sources.values()) > 0.03 * COUNT


def test_between_a_quarter_and_three_tenths_cannot_be_answered(answers: list[Example]) -> None:
    share = sum(not example.answerable for example in answers) / len(answers)

    assert 0.25 <= share <= 0.30


def test_every_sentence_of_an_answer_is_cited(answers: list[Example]) -> None:
    for example in answers:
        if example.answerable:
            assert "".join(match[0] for match in _CITED.finditer(example.target)).replace(
                " ", ""
            ) == example.target.replace(" ", "")


def test_cites_are_the_numbers_in_the_target(answers: list[Example]) -> None:
    for example in answers:
        numbers = {int(number) for match in _CITED.finditer(example.target) for number in re.findall(r"\d+", match[2])}
        assert tuple(sorted(numbers)) == example.cites
        assert not numbers or max(numbers) <= len(example.passages)


def test_numbers_of_an_answer_stand_in_each_cited_passage(answers: list[Example]) -> None:
    for example in answers:
        for match in _CITED.finditer(example.target):
            for cite in re.findall(r"\d+", match[2]):
                source = said_in(example, int(cite))
                assert all(number in source for number in _NUMBER.findall(match[1])), (example.target, source)


def test_values_in_words_stand_in_a_cited_passage(answers: list[Example]) -> None:
    """Names, places and lists too: what is written with a capital inside a sentence comes from the passage."""
    for example in answers:
        for match in _CITED.finditer(example.target):
            source = " ".join(said_in(example, int(cite)) for cite in re.findall(r"\d+", match[2])).casefold()
            names = re.findall(r"(?<=[a-z] )[A-Z]\w+", match[1])
            assert all(name.casefold() in source for name in names), (example.target, source)


def test_unanswerable_examples_abstain_and_cite_nothing(answers: list[Example]) -> None:
    for example in answers:
        assert (example.target == ABSTENTION) == (not example.cites)


def test_the_attribute_of_the_product_is_not_in_the_passages_of_an_unanswerable_question(catalogue: Path) -> None:
    """For questions that name product and label, rows that hold both are looked for."""
    made = ShopExamples(5, catalogue=catalogue, shares={"catalogue": 1.0}, unanswerable_share=1.0)
    labels = ("capacity", "colour", "weight")
    looked = 0
    for example in islice(made.stream(), 400):
        named = re.search(r"tamsin (?:kettle|blender) \d", example.question.casefold())
        asked = [label for label in labels if label in example.question.casefold()]
        if example.history or not named or len(asked) != 1:
            continue
        looked += 1
        own = [
            passage.text.casefold()
            for passage in example.passages
            if named[0] in f"{passage.title} {passage.text}".casefold()
        ]
        assert not any(asked[0] in text for text in own), example
    assert looked > 40


def test_passages_hold_text_and_are_three_to_five_as_a_rule(answers: list[Example]) -> None:
    sizes = Counter(len(example.passages) for example in answers)

    assert set(sizes) <= set(range(1, MOST_PASSAGES + 1))
    assert sum(sizes[size] for size in (3, 4, 5)) > 0.85 * len(answers)
    for example in answers:
        assert all(len(passage.text.split()) >= 2 for passage in example.passages)
        assert len(set(example.passages)) == len(example.passages)


def test_the_right_passage_stands_at_every_place(answers: list[Example]) -> None:
    places = Counter(example.cites[0] for example in answers if len(example.cites) == 1)

    assert all(places[place] > 0.08 * sum(places.values()) for place in (1, 2, 3))


def test_the_model_can_read_all_that_is_given(examples: list[Example]) -> None:
    for example in examples:
        asked = " ".join([example.question, *(turn.content for turn in example.history)])
        assert example.task == "summary" or rough_pieces(asked) <= 112
        assert all(rough_pieces(f"{p.title}. {p.heading}: {p.text}") <= 170 for p in example.passages)
        assert rough_pieces(example.target) <= 140


def test_nothing_of_the_notation_is_left(examples: list[Example]) -> None:
    for example in examples:
        texts = [example.question, example.target, *(turn.content for turn in example.history)]
        texts += [f"{passage.title} {passage.heading} {passage.text}" for passage in example.passages]
        assert not re.search(r"[{}<≫\x00-\x08]| \| (?!.*\|)", "\n".join(texts[:2]))
        assert not any(re.search(r"[{}≫\x00-\x08]", text) for text in texts)


def test_a_rewritten_question_is_whole(examples: list[Example]) -> None:
    for example in (one for one in examples if one.task == "rewrite"):
        assert example.history
        assert example.target.endswith("?")
        assert example.target[0] == example.target[0].upper()
        assert not example.passages


def test_a_note_has_the_order_and_its_number_was_said(examples: list[Example]) -> None:
    for example in (one for one in examples if one.task == "summary"):
        match = re.search(r"order (\d{4,5}), ", example.target)
        assert match is not None
        assert any(match[1] in turn.content for turn in example.history if turn.role == "user")
        assert 3 <= len(example.history) <= 24


def test_numbers_of_a_note_were_said(examples: list[Example]) -> None:
    for example in (one for one in examples if one.task == "summary"):
        said = " ".join(turn.content for turn in example.history)
        assert all(number in said for number in _NUMBER.findall(example.target)), example


def test_follow_ups_and_typing_errors_occur(answers: list[Example]) -> None:
    with_history = sum(bool(example.history) for example in answers) / len(answers)

    assert 0.15 <= with_history <= 0.4


def test_phrasings_are_broad() -> None:
    attributes = {key for kind in product_kinds() for key in kind.facts}
    policies = {(kind.name, key) for kind in service_kinds() for key in kind.facts}

    assert len(product_kinds()) >= 15
    assert len(attributes) >= 120
    assert len(policies) + len(phrasings("policies")["rules"]) >= 80


def test_every_attribute_can_be_asked_and_said() -> None:
    known = {key for kind in (*product_kinds(), *service_kinds()) for key in kind.facts}
    for kind in (*product_kinds(), *service_kinds()):
        for fact in kind.facts.values():
            assert len(fact.ask) >= 2, (kind.name, fact.key)
            assert (len(fact.say) >= 2 and fact.values) or (fact.yes and fact.no), (kind.name, fact.key)
            assert all("{v}" in text for text in fact.say), (kind.name, fact.key)
            assert all("{p}" in text for text in fact.ask), (kind.name, fact.key)
            assert all(text.startswith("{P} ") for text in (*fact.yes, *fact.no)), (kind.name, fact.key)
            assert fact.near <= known, (kind.name, fact.key)


def test_a_sentence_names_nothing_that_its_label_does_not() -> None:
    """A row says only label and value: what is said of it must not add a name, such as a standard or a day."""
    for kind in (*product_kinds(), *service_kinds()):
        for fact in kind.facts.values():
            for sentence in (*fact.say, *fact.yes, *fact.no):
                names = re.findall(r"(?<= )[A-Z]\w+", sentence.replace("{P}", "it"))
                assert all(name in label for name in names for label in fact.labels), (kind.name, fact.key, sentence)


def test_more_than_five_hundred_examples_a_second_of_processor_time(shop: ShopExamples) -> None:
    started = time.process_time()
    for number in range(10_000, 10_500):
        shop[number]

    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("text", ["<2..9 days", "<when/<2..3>>", "<@nothing>"])
def test_a_wrong_bracket_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"closed|called"):
        Text(text)


def test_steps_of_an_article_are_given_whole(catalogue: Path) -> None:
    examples = islice(ShopExamples(5, articles=KNOWLEDGE, catalogue=catalogue, shares={"article": 1.0}).stream(), 400)
    whole = 0
    for example in examples:
        if example.target == ABSTENTION:
            continue
        passage = example.passages[example.cites[0] - 1]
        steps = re.findall(r"(?m)^\d+\. (.+)$", passage.text)
        said = [step for step in steps if step.replace("**", "") in example.target]
        if len(said) > 1:  # one alone answers a question about that step
            assert said == steps
            whole += 1
    assert whole > 20


def test_questions_without_an_answer_come_with_passages_that_a_search_finds() -> None:
    examples = list(islice(ShopExamples(5, articles=KNOWLEDGE, shares={"unanswered": 1.0}).stream(), 300))
    assert all(example.target == ABSTENTION and len(example.passages) >= 2 for example in examples)
    assert all("{" not in f"{example.question} {example.passages}" for example in examples)
    assert len({example.question.casefold() for example in examples}) > 200
    named = [
        (name, example)
        for example in examples
        for name in ("CrispAir Dual 9", "Soup Maker", "RoboClean S2", "Boom 2")
        if name.casefold() in example.question.casefold()
    ]
    assert len(named) > 5
    near = [any(name in f"{one.title} {one.heading} {one.text}" for one in example.passages) for name, example in named]
    assert sum(near) > 0.8 * len(near)


def test_an_empty_folder_of_articles_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no articles"):
        read_articles(tmp_path)


def test_another_file_is_no_catalogue(tmp_path: Path) -> None:
    file = tmp_path / "other.json"
    file.write_text("[]", encoding="utf-8")

    with pytest.raises(ValueError, match="no file of products"):
        read_catalogue(file)


def test_the_command_prints_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--articles", str(KNOWLEDGE), "--count", "3", "--seed", "1"]) == 0

    assert capsys.readouterr().out.count("target: ") == 3


def test_the_command_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--articles", str(tmp_path)]) == 1

    assert "no articles" in capsys.readouterr().err
