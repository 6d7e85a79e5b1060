"""Each fault in the training data is found, and sound data has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import validate_data as module
from tools.validate_data import (
    ANY,
    Example,
    Project,
    ambiguous_examples,
    faults_of,
    intents_without_examples,
    read_project,
    strings_in,
    unannotated_entities,
    unasked_slots,
    unused_intents,
    unused_responses,
    weak_held_out,
    wrong_counts,
)

Check = Callable[[Project], Iterator[str]]


def example(text: str, intent: str, *entities: str, topic: str | None = None) -> Example:
    return Example(text, intent, topic, frozenset(entities))


def project(**changes: Any) -> Project:
    """A small project without a fault (of its counts apart), with `changes` made to it."""
    domain = {
        "intents": ["greet", {"track_order": {"use_entities": []}}, "chitchat", "nlu_fallback"],
        "entities": ["order_number", {"amount": {"roles": ["max"]}}],
        "forms": {"order_form": {"required_slots": ["order_number"]}},
        "responses": {"utter_greet": [], "utter_ask_order_number": [], "utter_chitchat/ask_name": []},
        "actions": ["action_track_order"],
        **changes.pop("domain", {}),
    }
    settings: dict[str, Any] = {
        "examples": [
            example("hello", "greet"),
            example("where is order 1043", "track_order", "order_number"),
            example("is it under £50", "track_order", "amount"),
            example("your name?", "chitchat", topic="ask_name"),
        ],
        "steps": [
            {"intent": "greet"},
            {"action": "utter_greet"},
            {"intent": "track_order"},
            {"action": "order_form"},
            {"intent": "chitchat/ask_name"},
            {"action": "utter_chitchat"},
        ],
        "names_in_code": set(),
        **changes,
    }
    return Project(domain=domain, **settings)


STRUCTURE: list[Check] = [
    unused_intents,
    intents_without_examples,
    unannotated_entities,
    unused_responses,
    unasked_slots,
    ambiguous_examples,
]


@pytest.mark.parametrize("check", STRUCTURE)
def test_sound_data_has_no_fault(check: Check) -> None:
    assert list(check(project())) == []


def test_an_intent_that_no_rule_or_story_uses_is_found() -> None:
    faults = list(unused_intents(project(steps=[{"intent": "greet"}, {"intent": "chitchat"}])))
    assert faults == ["intent track_order: no rule or story uses it"]


def test_an_intent_of_a_story_that_the_domain_does_not_have_is_found() -> None:
    steps = [*project().steps, {"intent": "trak_order"}]
    assert list(unused_intents(project(steps=steps))) == [
        "intent trak_order: a rule or story uses it, the domain does not have it"
    ]


def test_an_intent_without_examples_is_found() -> None:
    assert list(
        intents_without_examples(project(domain={"intents": ["greet", "track_order", "chitchat", "thank"]}))
    ) == ["intent thank: no examples"]


def test_an_intent_that_only_the_examples_have_is_found() -> None:
    examples = [*project().examples, example("ta", "thank")]
    assert list(intents_without_examples(project(examples=examples))) == [
        "intent thank: has examples, but the domain does not have it"
    ]


def test_an_entity_that_is_never_annotated_is_found() -> None:
    faults = list(unannotated_entities(project(domain={"entities": ["order_number", "amount", "email"]})))
    assert faults == ["entity email: never annotated"]


def test_an_annotated_entity_that_the_domain_does_not_have_is_found() -> None:
    assert list(unannotated_entities(project(domain={"entities": ["amount"]}))) == [
        "entity order_number: annotated, but the domain does not have it"
    ]


def test_a_response_that_is_never_used_is_found() -> None:
    responses = {**project().domain["responses"], "utter_forgotten": []}
    assert list(unused_responses(project(domain={"responses": responses}))) == ["response utter_forgotten: never used"]


@pytest.mark.parametrize("name", ["utter_order_state", f"utter_order_{ANY}", f"{'utter_'}{ANY}"])
def test_a_response_that_code_names_is_used(name: str) -> None:
    responses = {**project().domain["responses"], "utter_order_state": []}
    assert list(unused_responses(project(domain={"responses": responses}, names_in_code={name}))) == []


def test_strings_are_read_from_code_with_a_mark_for_what_is_filled_in() -> None:
    source = 'say("utter_plain")\nsay(f"utter_order_{state}")\n'
    assert set(strings_in(source)) == {"utter_plain", f"utter_order_{ANY}"}


def test_an_entity_that_only_a_button_sets_needs_no_annotation() -> None:
    domain = {"entities": ["order_number", "amount", "wish"]}
    assert list(unannotated_entities(project(domain=domain, button_entities={"wish"}))) == []


def test_a_form_slot_that_nothing_asks_for_is_found() -> None:
    forms = {"order_form": {"required_slots": ["order_number", "reason"]}}
    assert list(unasked_slots(project(domain={"forms": forms}))) == [
        "form order_form: nothing asks for reason (utter_ask_reason or utter_ask_order_form_reason)"
    ]


@pytest.mark.parametrize(
    "where", [{"actions": ["action_ask_reason"]}, {"responses": {"utter_ask_order_form_reason": []}}]
)
def test_a_form_slot_may_be_asked_for_by_an_action_or_by_a_response_of_the_form(where: dict[str, Any]) -> None:
    forms = {"order_form": {"required_slots": ["reason"]}}
    assert list(unasked_slots(project(domain={"forms": forms, **where}))) == []


@pytest.mark.parametrize("text", ["hello", "Hello!", " hello "])
def test_an_example_under_two_intents_is_found(text: str) -> None:
    examples = [*project().examples, example(text, "track_order")]
    assert list(ambiguous_examples(project(examples=examples))) == [
        "example 'hello': stands under greet and track_order"
    ]


def test_an_example_under_two_topics_of_a_retrieval_intent_is_found() -> None:
    examples = [*project().examples, example("your name?", "chitchat", topic="ask_creator")]
    assert len(list(ambiguous_examples(project(examples=examples)))) == 1


def test_messages_of_punctuation_only_are_told_apart() -> None:
    examples = [*project().examples, example("?", "greet"), example("!", "track_order")]
    assert list(ambiguous_examples(project(examples=examples))) == []


def many(intent: str, amount: int, topic: str | None = None) -> list[Example]:
    return [example(f"{intent} {number}", intent, topic=topic) for number in range(amount)]


def test_enough_intents_and_examples_are_no_fault() -> None:
    examples = [item for number in range(35) for item in many(f"intent_{number}", 50)]
    assert list(wrong_counts(project(examples=examples))) == []


@pytest.mark.parametrize(
    ("examples", "fault"),
    [
        (many("greet", 50), "1 intents: at least 35 are wanted"),
        (many("greet", 50), "50 examples: at least 1500 are wanted"),
        (many("greet", 24), "intent greet: 24 examples, at least 25 are wanted"),
        (many("greet", 151), "intent greet: 151 examples, at most 150 are wanted"),
    ],
)
def test_wrong_counts_are_found(examples: list[Example], fault: str) -> None:
    assert fault in list(wrong_counts(project(examples=examples)))


def test_a_retrieval_intent_may_have_more_examples() -> None:
    faults = wrong_counts(project(examples=many("chitchat", 300, topic="ask_name")))
    assert not [fault for fault in faults if "at most" in fault]


def test_an_intent_with_too_few_held_out_messages_is_found() -> None:
    faults = list(weak_held_out(project(examples=many("greet", 25), held_out=many("greet", 9))))
    assert faults == ["intent greet: 9 held-out messages, at least 10 are wanted"]


def test_a_held_out_message_that_is_trained_on_is_found() -> None:
    faults = weak_held_out(project(measuring={"heldout.yml": ["Hello!!", "good day"]}))
    assert [fault for fault in faults if "trained on" in fault] == [
        "message 'Hello!!' of heldout.yml: is trained on too"
    ]


BUTTON = {"title": "Refund", "payload": '/inform{{"wish": "refund"}}'}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    files: dict[str, Any] = {
        "domain.yml": {
            "version": "3.1",
            "intents": ["greet", "thank"],
            "entities": ["order_number"],
            "responses": {
                "utter_greet": [{"text": "hi"}],
                "utter_state": [{"buttons": [{"title": "Refund", "payload": '/inform{{"wish": "refund"}}'}]}],
            },
        },
        "data/nlu/all.yml": {
            "version": "3.1",
            "nlu": [
                {"intent": "greet", "examples": "- hello\n- hello, it is about [1043](order_number)\n"},
                {"lookup": "brand", "examples": "- Norvane\n"},
            ],
        },
        "data/rules/all.yml": {
            "version": "3.1",
            "rules": [{"rule": "greet", "steps": [{"or": [{"intent": "greet"}, {"intent": "thank"}]}]}],
        },
        "tests/nlu/heldout.yml": {"version": "3.1", "nlu": [{"intent": "greet", "examples": "- good day\n"}]},
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(yaml.safe_dump(content))
    (tmp_path / "actions").mkdir()
    (tmp_path / "actions" / "orders.py").write_text(
        'NAME = "utter_state"\npayload = f\'/inform{{"item": "{number}"}}\'\n'
    )
    return tmp_path


def test_a_checkout_is_read_as_rasa_reads_it(checkout: Path) -> None:
    found = read_project(checkout)
    assert [(item.text, item.intent) for item in found.examples] == [
        ("hello", "greet"),
        ("hello, it is about 1043", "greet"),
    ]
    assert found.examples[1].entities == {"order_number"}
    assert found.steps == [{"intent": "greet"}, {"intent": "thank"}]
    assert found.names_in_code == {"utter_state"}
    assert found.button_entities == {"wish", "item"}
    assert [item.text for item in found.held_out] == ["good day"]


def test_the_command_line_lists_the_faults_and_fails(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module.sys, "argv", ["validate_data"])
    monkeypatch.setattr(module, "read_project", lambda: read_project(checkout))
    assert module.main() == 1
    said = capsys.readouterr().out
    assert "intent thank: no examples" in said
    assert "response utter_greet: never used" in said
    assert said.strip().endswith("faults")


def test_all_checks_are_run() -> None:
    assert faults_of(project(domain={"intents": ["greet", "track_order", "chitchat", "thank"]}))
