"""From cases to replies, measures and the card, with an engine that says what it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_component.engines.echo import Reply as Scripted
from llm_component.engines.echo import ScriptedEngine
from llm_component.engines.interface import EngineUnavailable
from llm_component.evaluation import baselines, measures
from llm_component.evaluation.cases import Case, EvaluationError, read_cases, sample
from llm_component.evaluation.measures import Said
from llm_component.evaluation.model_card import Described, card
from llm_component.evaluation.passage_files import read_passages
from llm_component.evaluation.replies import Replier
from llm_component.protocol import Turn
from llm_component.training.data.examples import ABSTENTION, Example, Passage

DELIVERY = Passage("Delivery", "Costs", "Standard delivery costs £4.95. It is free from £50.")
PRICE = Case(
    "price",
    Example("answer", "What is it?", "It costs £4.95. [1]", passages=(DELIVERY,), cites=(1,)),
    must=(("£4.95",),),
)
UNKNOWN = Case("unknown", Example("answer", "Pay later?", ABSTENTION, passages=(DELIVERY,)))


async def test_what_the_model_wrote_is_kept_with_its_citations() -> None:
    (reply,) = await Replier(ScriptedEngine("It costs £4.95. [1] Free from £50. [1]")).replies([PRICE])
    assert reply.raw == "It costs £4.95. [1] Free from £50. [1]"
    assert (reply.text, reply.citations) == ("It costs £4.95. Free from £50.", (1,))
    assert reply.tokens == 8


async def test_an_abstention_is_seen_in_both_forms() -> None:
    (reply,) = await Replier(ScriptedEngine("I don't know.")).replies([UNKNOWN])
    assert (reply.abstained, reply.raw_abstained, reply.verdict) == (True, True, "abstained")


async def test_replies_come_in_the_order_of_the_cases() -> None:
    engine = ScriptedEngine(
        lambda request: Scripted.of("Pay later." if "later" in request.messages[-1].content else "No.")
    )
    cases = [UNKNOWN, PRICE, UNKNOWN]
    assert [reply.raw for reply in await Replier(engine, at_once=2).replies(cases)] == [
        "Pay later.",
        "No.",
        "Pay later.",
    ]


async def test_an_engine_that_fails_counts_against_the_model() -> None:
    engine = ScriptedEngine([Scripted.of(EngineUnavailable("gone"))])
    (reply,) = await Replier(engine).replies([PRICE])
    assert (reply.raw, reply.verdict, reply.error) == ("", "quoted", "unavailable")


async def test_a_summary_is_measured_as_it_was_written() -> None:
    case = Case("talk", Example("summary", "", "Order 1043.", history=(Turn("user", "Where is order 1043?"),)))
    (reply,) = await Replier(ScriptedEngine("The customer asks about an order.")).replies([case])
    assert (reply.raw, reply.verdict, reply.error) == (
        "The customer asks about an order.",
        "fallback",
        "missing_order_number",
    )


async def test_a_rewrite_goes_the_way_of_the_assistant() -> None:
    case = Case(
        "follow-up",
        Example(
            "rewrite", "And to Leeds?", "Is it free to Leeds?", history=(Turn("user", "Is delivery to York free?"),)
        ),
    )
    (reply,) = await Replier(ScriptedEngine("Is delivery to Leeds free?")).replies([case])
    assert (reply.raw, reply.verdict) == ("Is delivery to Leeds free?", "generated")


def found(cases: list[Case], said: list[Said]) -> dict[str, float]:
    return {one.metric: one.value for one in measures.answer_measures(cases, said, samples=10, seed=1)}


def test_measures_of_answers_are_counted_over_the_right_cases() -> None:
    pytest.importorskip("sacrebleu")
    values = found([PRICE, UNKNOWN], [Said("It costs £4.95.", (1,)), Said("", (), abstained=True)])
    assert values["sacrebleu"] == pytest.approx(100.0)
    assert (values["facts_exact"], values["must_recall"], values["citation_precision"]) == (1.0, 1.0, 1.0)
    assert (values["abstention_recall"], values["false_abstention"]) == (1.0, 0.0)


def test_a_fact_that_no_passage_has_is_neither_exact_nor_right() -> None:
    pytest.importorskip("sacrebleu")
    values = found([PRICE], [Said("It costs £4.95, or £9.95 for express.", (1,))])
    assert (values["facts_exact"], values["facts_right"], values["must_recall"]) == (0.0, 0.0, 1.0)


def test_a_case_without_a_reference_has_facts_alone() -> None:
    case = Case("bare", Example("answer", "What is it?", "", passages=(DELIVERY,)), must=(("£4.95",),))
    values = found([case], [Said("It costs £4.95, free from £50.")])
    assert values["facts_right"] == 1.0
    assert "sacrebleu" not in values and "facts_exact" not in values


def test_an_unanswerable_case_has_no_facts_to_get_right() -> None:
    values = found([UNKNOWN], [Said("It costs £4.95.")])
    assert values == {"abstention_recall": 0.0}


def test_a_sample_keeps_its_order_and_depends_on_the_seed() -> None:
    numbers = list(range(100))
    drawn = sample(numbers, 10, 1)
    assert drawn == sorted(drawn) == sample(numbers, 10, 1) != sample(numbers, 10, 2)
    assert sample(numbers, 0, 1) == numbers


def test_cases_are_read_with_alternatives(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text('{"question": "?", "target": "It is 5. [1]", "must": ["five", ["5", "five"]], "passages": ["p"]}\n')
    (case,) = read_cases(path)
    assert (case.name, case.reference, case.must) == ("one-1", "It is 5.", (("five",), ("5", "five")))


@pytest.mark.parametrize("line", ["", "[]", '{"target": 1, "task": "poem"}', "{"])
def test_what_is_no_case_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"bad\.jsonl"):
        read_cases(path)


class FakeEncoder:
    """Vectors by the words of a text."""

    def encode(self, texts):  # type: ignore[no-untyped-def]
        import numpy as np

        words = sorted({word for text in texts for word in text.lower().split()})
        vectors = np.array([[float(word in text.lower().split()) for word in words] for text in texts])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_the_best_sentence_is_the_nearest_one() -> None:
    sentences = baselines.sentences_of(["Returns are free. Standard delivery costs money. 1."])
    assert sentences == ["Returns are free.", "Standard delivery costs money."]
    assert baselines.best_sentence("what delivery costs", sentences, FakeEncoder()) == "Standard delivery costs money."  # type: ignore[arg-type]


def test_a_quoted_passage_cites_itself() -> None:
    assert baselines.quoted_passage([DELIVERY]) == ("Standard delivery costs £4.95. It is free from £50.", (1,))
    assert baselines.quoted_passage([]) == ("", ())


def test_the_lead_is_the_first_sentence() -> None:
    assert baselines.lead([DELIVERY.text]) == "Standard delivery costs £4.95."


def test_a_card_shows_what_was_measured_and_says_what_was_not() -> None:
    row = {
        "dataset": "shop",
        "system": "m",
        "metric": "facts_exact",
        "value": 0.9,
        "low": 0.85,
        "high": 0.95,
        "count": 300,
    }
    text = card(Described("m", limits=["It makes no small talk."]), [{"meta": {"seed": 1}, "rows": [row]}])
    assert "| shop | m | facts_exact | 0.900 | 0.850 to 0.950 | 300 |" in text
    assert "- It makes no small talk." in text and "| licence | not stated |" in text
    assert "Not measured yet." in card(Described("m"), [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.md", "# Delivery\nIntro.\n## Costs\n£4.95\n"),
        (
            "p.jsonl",
            '{"title": "Delivery", "text": "Intro."}\n{"title": "Delivery", "heading": "Costs", "text": "£4.95"}\n',
        ),
        (
            "p.json",
            '[{"title": "Delivery", "text": "Intro."}, {"title": "Delivery", "heading": "Costs", "text": "£4.95"}]',
        ),
    ],
)
def test_passages_are_read_from_three_kinds_of_files(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert [(one.title, one.heading, one.text) for one in read_passages(path)] == [
        ("Delivery", "", "Intro."),
        ("Delivery", "Costs", "£4.95"),
    ]


def test_passages_without_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"title": "Delivery"}\n', encoding="utf-8")
    with pytest.raises(EvaluationError, match="text"):
        read_passages(path)
