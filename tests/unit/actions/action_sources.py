"""The responses that the actions can utter, read from their sources: every name, and the values that go with it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from actions.asides import ASIDE_INTENTS
from actions.catalogue import TOPICS
from actions.flow import FlowValidation
from actions.turn import OTHER_SCRIPT
from knowledge_base.schema import ORDER_STATES, RETURN_WISHES
from knowledge_base.schema_service import REFUND_STATES
from rasa_addons.routing.turns import TOPICS as ROUTED_TOPICS

ROOT = Path(__file__).resolve().parents[3]
FOREIGN = (*ROUTED_TOPICS, OTHER_SCRIPT)
# Methods that utter a response, and the place of its name among their arguments.
UTTERING = {"say": 0, "end": 1, "Rejected": 0}
# Keywords of `utter_message` that are no values.
# A key of Rasa's reply selection, no response.
NO_RESPONSES = frozenset({"utter_action"})
NO_VALUES = frozenset({"response", "buttons", "custom", "text", "json_message", "image"})


@dataclass(frozen=True)
class Utterance:
    """One place that utters: the pattern of the names ("utter_order_{order.state}") and the values given."""

    where: str
    pattern: str
    values: frozenset[str]


def refused_by(module: str, function: str = "") -> frozenset[str]:
    """Reasons for which a module of the knowledge base says no.

    Of the whole module: what NotAllowed is raised with, and the table WHY_UNCHANGEABLE; of a function: the constant
    texts that it assigns or returns.
    """
    tree: ast.AST = ast.parse((ROOT / "knowledge_base" / f"{module}.py").read_text(encoding="utf-8"))
    if function:
        tree = next(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == function)
    found: list[ast.expr | None] = []
    for node in ast.walk(tree):
        if function and isinstance(node, (ast.Return, ast.Assign)):
            found.append(node.value)
        if not function and isinstance(node, ast.Call) and ast.unparse(node.func) == "NotAllowed":
            found += node.args
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "WHY_UNCHANGEABLE":
            assert isinstance(node.value, ast.Dict)
            found += node.value.values
    return frozenset(str(node.value) for node in found if isinstance(node, ast.Constant) and node.value is not None)


CHANGE_REASONS = refused_by("orders")
CLAIM_REASONS = refused_by("returns", "_why_no_claim")
ELIGIBILITY_REASONS = refused_by("returns", "_eligibility")
# `create_return` raises these, and what `_eligibility` says; it looks for a replacement only in an exchange.
GOODS_REASONS = refused_by("returns") | ELIGIBILITY_REASONS
REPLACEMENT_REASONS = frozenset({"replacement_unknown", "replacement_out_of_stock"})
KINDS = ("return", "exchange", "damage")


def goods_refusals(found: frozenset[str]) -> frozenset[str]:
    """`utter_cannot_<kind>_<reason>` for every reason that can meet the kind."""
    return frozenset(
        f"utter_cannot_{kind}_{reason}"
        for kind in KINDS
        for reason in found
        if reason not in REPLACEMENT_REASONS or kind == "exchange"
    )


def flows() -> list[type[FlowValidation]]:
    """Every form's validation of the package."""
    found: list[type[FlowValidation]] = []
    waiting = list(FlowValidation.__subclasses__())
    while waiting:
        flow = waiting.pop()
        waiting += flow.__subclasses__()
        if isinstance(getattr(flow, "form", None), str) and flow.__module__.startswith("actions."):
            found.append(flow)
    return sorted(found, key=lambda flow: str(flow.form))


def steps() -> frozenset[str]:
    """Slots that a flow asks for."""
    return frozenset(step.slot for flow in flows() for step in flow.steps)  # type: ignore[attr-defined]


def names_of(pattern: str) -> frozenset[str]:
    """The names that a pattern can become. Raises KeyError for one that nobody has thought of."""
    if "{" not in pattern:
        return frozenset({pattern})
    product_steps = {"product", "first_product", "second_product"}
    return {
        "utter_product_{topic}": frozenset(f"utter_product_{topic}" for topic in TOPICS.values()),
        "utter_{turn.intent}": frozenset(f"utter_{intent}" for intent in ASIDE_INTENTS - set(TOPICS) - {"chitchat"}),
        "utter_invalid_{asked.slot}": frozenset(f"utter_invalid_{slot}" for slot in steps()),
        "utter_help_{step.slot}": frozenset(f"utter_help_{slot}" for slot in steps()),
        "utter_invalid_{self.slot}": frozenset(f"utter_invalid_{slot}" for slot in product_steps),
        "utter_order_{order.state}": frozenset(f"utter_order_{state}" for state in ORDER_STATES),
        "utter_refund_{refund.state}": frozenset(f"utter_refund_{state}" for state in REFUND_STATES),
        "utter_cannot_cancel_{allowed.reason}": _each("cancel", CHANGE_REASONS),
        "utter_cannot_change_address_{allowed.reason}": _each("change_address", CHANGE_REASONS),
        "utter_cannot_claim_{reason}": _each("claim", CLAIM_REASONS),
        "utter_cannot_{self.kind}_{eligible.reason}": goods_refusals(ELIGIBILITY_REASONS),
        "utter_{self.refusal}_{error.reason}": goods_refusals(GOODS_REASONS)
        | _each("cancel", CHANGE_REASONS)
        | _each("change_address", CHANGE_REASONS)
        | _each("claim", CLAIM_REASONS),
        "utter_{self.kind}_created": frozenset(
            {"utter_return_created", "utter_exchange_created", *(f"utter_damage_created_{w}" for w in RETURN_WISHES)}
        ),
        "utter_out_of_scope_{Turn.of(tracker).topic}": frozenset(f"utter_out_of_scope_{topic}" for topic in FOREIGN),
        "utter_out_of_scope_{turn.topic}_in_form": frozenset(
            f"utter_out_of_scope_{topic}_in_form" for topic in FOREIGN
        ),
        "utter_describe_{intent}": frozenset(),  # only those that exist are offered
    }[pattern]


def is_known(pattern: str) -> bool:
    """Whether `names_of` knows the pattern; one it doesn't is a failure of test_names_in_domain.py."""
    try:
        names_of(pattern)
    except KeyError:
        return False
    return True


def _each(what: str, found: frozenset[str]) -> frozenset[str]:
    return frozenset(f"utter_cannot_{what}_{reason}" for reason in found)


def utterances() -> Iterator[Utterance]:
    """Every place in actions/ that utters a response by a name that can be read there."""
    for path in sorted((ROOT / "actions").glob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for node in ast.walk(function):
                    if isinstance(node, ast.Call):
                        yield from _of_call(path.stem, node, function)


def _of_call(module: str, call: ast.Call, function: ast.AST) -> Iterator[Utterance]:
    method = ast.unparse(call.func).rpartition(".")[2]
    named: ast.expr | None = None
    if method == "utter_message":
        named = next((keyword.value for keyword in call.keywords if keyword.arg == "response"), None)
    elif method in UTTERING and len(call.args) > UTTERING[method]:
        named = call.args[UTTERING[method]]
    if named is None:
        return
    values = {keyword.arg for keyword in call.keywords if keyword.arg} - NO_VALUES
    if method == "Rejected" and len(call.args) > 1 and isinstance(call.args[1], ast.Dict):
        values |= {key.value for key in call.args[1].keys if isinstance(key, ast.Constant)}
    for pattern in {pattern for source in _sources_of(named, function) for pattern in patterns(source)}:
        yield Utterance(f"{module}.py:{call.lineno}", pattern, frozenset(map(str, values)))


def _sources_of(named: ast.expr, function: ast.AST) -> list[ast.expr]:
    """The expression itself, or for a variable what the function assigns to it."""
    if not isinstance(named, ast.Name):
        return [named]
    assigned = (node for node in ast.walk(function) if isinstance(node, ast.Assign))
    return [node.value for node in assigned if ast.unparse(node.targets[0]) == named.id]


def patterns(node: ast.expr) -> Iterator[str]:
    """The names in an expression: constants, f-strings with their fields, both arms of an `if`, the start of a sum."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith("utter_"):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        text = "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{" + ast.unparse(part.value) + "}"  # type: ignore[attr-defined]
            for part in node.values
        )
        if text.startswith("utter_"):
            yield text
    elif isinstance(node, ast.IfExp):
        yield from patterns(node.body)
        yield from patterns(node.orelse)
    elif isinstance(node, ast.BinOp):
        yield from patterns(node.left)


def all_patterns() -> frozenset[str]:
    """Every name of a response in the sources, wherever it stands."""
    found: set[str] = set()
    for path in sorted((ROOT / "actions").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.expr)
                and id(node) not in inside
                and isinstance(node, (ast.Constant, ast.JoinedStr))
            ):
                found |= set(patterns(node))
    return frozenset(found) - NO_RESPONSES
