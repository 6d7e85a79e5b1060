"""Checks the training data for what `rasa data validate` lets pass, and runs Rasa's own validation beside it.

Rasa 3.6 ends with status 0 for an intent that no story uses and for one without examples; these are faults here.
"""

from __future__ import annotations

import argparse
import ast
import logging
import re
import sys
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tools.failure import run_command
from tools.project import ROOT
from tools.train import DATA

LEAST_INTENTS = 35
LEAST_EXAMPLES = 1500
LEAST_AN_INTENT = 25
MOST_AN_INTENT = 150  # a retrieval intent stands for all its topics and may have more
LEAST_HELD_OUT = 10  # an intent
HELD_OUT = "tests/nlu/heldout.yml"
MEASURING = "tests/nlu"  # everything in here is for measuring and must not be trained on
CODE = ("actions", "rasa_addons", "frontdesk")  # where responses are named in Python
# Intents that no customer writes: Rasa or the router sets them, so they have no examples.
SET_BY_CODE = frozenset(
    {"nlu_fallback", "clarify", "out_of_scope", "several_wishes", "session_start", "restart", "back"}
)
_PAYLOAD_ENTITY = re.compile(r'"(\w+)"\s*:')
ANY = "\0"  # stands in a response's name for a part that is only known at run time


@dataclass(frozen=True)
class Example:
    """One message with its label."""

    text: str
    intent: str
    topic: str | None  # of a retrieval intent
    entities: frozenset[str]


@dataclass
class Project:
    """All that the checks look at."""

    domain: Mapping[str, Any]
    examples: list[Example]
    steps: list[Mapping[str, Any]]  # of all rules and stories
    names_in_code: set[str]  # strings in Python that name a response, ANY for what is filled in
    button_entities: set[str] = field(default_factory=set)  # that the payload of a button sets
    held_out: list[Example] = field(default_factory=list)
    measuring: dict[str, list[str]] = field(default_factory=dict)  # file: its texts


# Reading


def read_examples(files: Iterable[Path]) -> list[Example]:
    """The examples in NLU files, as Rasa itself reads them."""
    from rasa.shared.nlu.training_data.formats.rasa_yaml import RasaYAMLReader

    examples = []
    for file in files:
        for message in RasaYAMLReader().read(str(file)).training_examples:
            if message.get("text") and message.get("intent"):
                key = message.get("intent_response_key")
                entities = frozenset(entity["entity"] for entity in message.get("entities") or [])
                topic = key.split("/", 1)[1] if key else None
                examples.append(Example(message.get("text"), message.get("intent"), topic, entities))
    return examples


def read_steps(files: Iterable[Path]) -> list[Mapping[str, Any]]:
    """All steps of all rules and stories; the branches of an `or` count as steps."""
    steps: list[Mapping[str, Any]] = []
    for file in files:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        for block in [*(content.get("rules") or []), *(content.get("stories") or [])]:
            for step in [*(block.get("steps") or []), *(block.get("condition") or [])]:
                steps += step.get("or") or [step]
    return steps


def strings_in(source: str) -> Iterator[str]:
    """The strings in a Python source, with `ANY` where an f-string fills something in."""
    nodes = list(ast.walk(ast.parse(source)))
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        text = ""
        if id(node) in parts:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else ANY for part in node.values)
        if text:
            yield text


def entities_set(payload: str) -> Iterator[str]:
    """The entities that the payload of a button sets: `/inform{"wish": "refund"}`."""
    if payload.startswith("/") and "{" in payload:
        yield from _PAYLOAD_ENTITY.findall(payload)


def payloads_in(content: Any) -> Iterator[str]:
    """Every payload in the responses of a domain."""
    if isinstance(content, dict):
        for key, value in content.items():
            if key == "payload":
                yield str(value)
            else:
                yield from payloads_in(value)
    elif isinstance(content, list):
        for item in content:
            yield from payloads_in(item)


def yaml_files(*folders: Path) -> list[Path]:
    """The YAML files in folders, in a fixed order."""
    return [file for folder in folders for file in sorted(folder.rglob("*.yml"))]


def read_project(root: Path = ROOT) -> Project:
    """Reads everything from a checkout."""
    held_out = root / HELD_OUT
    domain = yaml.safe_load((root / "domain.yml").read_text(encoding="utf-8"))
    code = [
        text
        for folder in CODE
        for file in sorted((root / folder).rglob("*.py"))
        for text in strings_in(file.read_text(encoding="utf-8"))
    ]
    payloads = [*code, *payloads_in(domain.get("responses"))]
    return Project(
        domain=domain,
        examples=read_examples(yaml_files(root / DATA[0])),
        steps=read_steps(yaml_files(*(root / folder for folder in DATA[1:]))),
        names_in_code={text for text in code if text.startswith("utter_")},
        button_entities={entity for payload in payloads for entity in entities_set(payload)},
        held_out=read_examples([held_out]) if held_out.exists() else [],
        measuring={
            file.name: [example.text for example in read_examples([file])] for file in yaml_files(root / MEASURING)
        },
    )


# Checks: each yields a sentence a fault


def names_of(entries: Iterable[Any] | None) -> list[str]:
    """The names in a list of a domain, whose entries are a name or a name with settings."""
    return [next(iter(entry)) if isinstance(entry, dict) else str(entry) for entry in entries or ()]


def normalised(text: str) -> str:
    """A text without what hardly tells two messages apart: capitals, punctuation, spaces."""
    return re.sub(r"[\W_]+", " ", text.casefold()).strip() or text


def unused_intents(project: Project) -> Iterator[str]:
    """An intent of the domain that no rule or story uses."""
    used = {str(step["intent"]).split("/")[0] for step in project.steps if step.get("intent")}
    for intent in names_of(project.domain.get("intents")):
        if intent not in used and intent not in SET_BY_CODE:
            yield f"intent {intent}: no rule or story uses it"
    for intent in sorted(used - set(names_of(project.domain.get("intents"))) - SET_BY_CODE):
        yield f"intent {intent}: a rule or story uses it, the domain does not have it"


def intents_without_examples(project: Project) -> Iterator[str]:
    """An intent of the domain with no example, or the other way round."""
    trained = {example.intent for example in project.examples}
    known = set(names_of(project.domain.get("intents")))
    for intent in sorted(known - trained - SET_BY_CODE):
        yield f"intent {intent}: no examples"
    for intent in sorted(trained - known):
        yield f"intent {intent}: has examples, but the domain does not have it"


def unannotated_entities(project: Project) -> Iterator[str]:
    """An entity of the domain that no example annotates and no button sets, or one that the domain does not have."""
    annotated = {entity for example in project.examples for entity in example.entities}
    known = set(names_of(project.domain.get("entities")))
    for entity in sorted(known - annotated - project.button_entities):
        yield f"entity {entity}: never annotated"
    for entity in sorted(annotated - known):
        yield f"entity {entity}: annotated, but the domain does not have it"


def required_slots(form: Mapping[str, Any] | None) -> list[str]:
    """The slots that a form asks for."""
    return names_of((form or {}).get("required_slots") or [])


def unused_responses(project: Project) -> Iterator[str]:
    """A response that no rule, story, form or Python source names."""
    used = {str(step["action"]) for step in project.steps if step.get("action")}
    for name, form in (project.domain.get("forms") or {}).items():
        for slot in required_slots(form):
            used |= {f"utter_ask_{slot}", f"utter_ask_{name}_{slot}"}
    patterns = [re.compile(".+".join(re.escape(part) for part in name.split(ANY))) for name in project.names_in_code]
    for response in sorted(project.domain.get("responses") or {}):
        base = response.split("/")[0]  # utter_chitchat/ask_name is said by the action utter_chitchat
        if base not in used and not any(pattern.fullmatch(response) for pattern in patterns):
            yield f"response {response}: never used"


def unasked_slots(project: Project) -> Iterator[str]:
    """A slot that a form requires and that nothing asks for."""
    said = {*(project.domain.get("responses") or {}), *names_of(project.domain.get("actions") or [])}
    for name, form in (project.domain.get("forms") or {}).items():
        for slot in required_slots(form):
            asks = {f"{kind}_ask_{target}" for kind in ("utter", "action") for target in (slot, f"{name}_{slot}")}
            if not asks & said:
                yield f"form {name}: nothing asks for {slot} (utter_ask_{slot} or utter_ask_{name}_{slot})"


def ambiguous_examples(project: Project) -> Iterator[str]:
    """An example that stands under two intents, or under two topics of a retrieval intent."""
    labels: dict[str, set[str]] = defaultdict(set)
    for example in project.examples:
        labels[normalised(example.text)].add(f"{example.intent}/{example.topic}" if example.topic else example.intent)
    for text, names in sorted(labels.items()):
        if len(names) > 1:
            yield f"example {text!r}: stands under {' and '.join(sorted(names))}"


def wrong_counts(project: Project) -> Iterator[str]:
    """Too few intents or examples, or an intent with too few or too many."""
    amounts = Counter(example.intent for example in project.examples)
    retrieval = {example.intent for example in project.examples if example.topic}
    if len(amounts) < LEAST_INTENTS:
        yield f"{len(amounts)} intents: at least {LEAST_INTENTS} are wanted"
    if len(project.examples) < LEAST_EXAMPLES:
        yield f"{len(project.examples)} examples: at least {LEAST_EXAMPLES} are wanted"
    for intent, amount in sorted(amounts.items()):
        if amount < LEAST_AN_INTENT:
            yield f"intent {intent}: {amount} examples, at least {LEAST_AN_INTENT} are wanted"
        if amount > MOST_AN_INTENT and intent not in retrieval:
            yield f"intent {intent}: {amount} examples, at most {MOST_AN_INTENT} are wanted"


def weak_held_out(project: Project) -> Iterator[str]:
    """An intent with too few held-out messages, or a message for measuring that is trained on too."""
    amounts = Counter(example.intent for example in project.held_out)
    trained = {example.intent for example in project.examples}
    for intent in sorted(trained):
        if amounts[intent] < LEAST_HELD_OUT:
            yield f"intent {intent}: {amounts[intent]} held-out messages, at least {LEAST_HELD_OUT} are wanted"
    for intent in sorted(set(amounts) - trained):
        yield f"intent {intent}: held out, but not trained"
    texts = {normalised(example.text) for example in project.examples}
    for file, messages in project.measuring.items():
        for text in messages:
            if normalised(text) in texts:
                yield f"message {text!r} of {file}: is trained on too"


CHECKS = (
    unused_intents,
    intents_without_examples,
    unannotated_entities,
    unused_responses,
    unasked_slots,
    ambiguous_examples,
    wrong_counts,
    weak_held_out,
)


def faults_of(project: Project) -> list[str]:
    """All faults that our own checks find."""
    return [fault for check in CHECKS for fault in check(project)]


# Rasa's own validation, in this process: another start of Rasa would take seconds

# Rasa says this of a response that only an action or a form uses; `unused_responses` knows better.
# The others are said of every project: of one without auto-fill too, and of every retrieval intent.
_NOT_A_FAULT = re.compile(
    r"The utterance '[^']+' is not used in any story or rule"
    r"|Slot auto-fill has been removed in 3\.0"
    r"|duplicated intents have been found across multiple domain files"
)
_SET_BY_CODE = re.compile(r"The intent '(\w+)' is (listed in the domain file, but|not used in any story)")


def rasa_faults(root: Path = ROOT) -> list[str]:
    """What `rasa data validate` objects to, its warnings included."""
    from rasa.shared.importers.importer import TrainingDataImporter
    from rasa.validator import Validator

    logging.getLogger("rasa").setLevel(logging.ERROR)
    importer = TrainingDataImporter.load_from_config(
        config_path=str(root / "config.yml"),
        domain_path=str(root / "domain.yml"),
        training_data_paths=[str(root / folder) for folder in DATA if (root / folder).is_dir()],
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        validator = Validator.from_importer(importer)
        passed = {
            "domain": validator.verify_domain_validity(),
            "actions": validator.verify_actions_in_stories_rules(),
            "forms": validator.verify_forms_in_stories_rules(),
            "form slots": validator.verify_form_slots(),
            "slot mappings": validator.verify_slot_mappings(),
            "intents, examples and responses": validator.verify_nlu(ignore_warnings=False),
        }
    said = [str(warning.message) for warning in caught if issubclass(warning.category, UserWarning)]
    faults = []
    for message in dict.fromkeys(said):
        set_by_code = _SET_BY_CODE.match(message)
        if _NOT_A_FAULT.search(message) or (set_by_code and set_by_code.group(1) in SET_BY_CODE):
            continue
        faults.append(message)
    if not faults and not all(passed.values()) and not said:
        faults = [f"not valid: {', '.join(name for name, valid in passed.items() if not valid)}"]
    return [f"rasa: {fault}" for fault in faults]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.validate_data", description=__doc__.splitlines()[0])
    parser.add_argument("--rasa", action="store_true", help="run Rasa's own validation too")
    arguments = parser.parse_args()
    project = read_project()
    faults = faults_of(project) + (rasa_faults() if arguments.rasa else [])
    for fault in faults:
        print(fault)
    intents = len({example.intent for example in project.examples})
    print(
        f"{intents} intents, {len(project.examples)} examples, {len(project.held_out)} held-out messages, "
        f"{len(project.steps)} steps of rules and stories: {len(faults)} faults"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(run_command(main))
