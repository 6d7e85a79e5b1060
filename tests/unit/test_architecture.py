"""Who may import whom, and where the shop is named."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
OURS = frozenset({"frontdesk", "knowledge_base", "llm_component", "rasa_addons", "actions", "tools", "benchmarks"})
NOT_TEXT = frozenset({".png", ".jpg", ".jpeg", ".gif", ".ico", ".webp", ".woff2", ".gz", ".lock", ".pdf", ".mp4"})


@dataclass(frozen=True)
class Room:
    """What a package may import of this project and of the frameworks that tie code to one process.

    `where` names what only one module of the package may import, because that module puts the process together.
    """

    ours: frozenset[str]
    frameworks: frozenset[str]
    where: tuple[tuple[str, str], ...] = ()


FRAMEWORKS = frozenset({"rasa", "rasa_sdk", "sqlalchemy", "torch", "transformers", "sentence_transformers"})
ROOMS = {
    "frontdesk": Room(frozenset(), frozenset()),
    "knowledge_base": Room(
        frozenset({"frontdesk"}),
        frozenset({"sqlalchemy"}),
        where=(("__main__", "llm_component.encoder"), ("__main__", "llm_component.reranker")),
    ),
    "llm_component": Room(frozenset(), frozenset({"torch", "transformers", "sentence_transformers"})),
    "rasa_addons": Room(
        frozenset(
            {
                "frontdesk",
                "llm_component.client",
                "llm_component.protocol",
                "llm_component.encoder",
                "llm_component.encoder_training",
                "llm_component.manifest",
            }
        ),
        frozenset({"rasa"}),
    ),
    "actions": Room(
        # A ticket's summary is asked for over HTTP: neither the client nor the wire form needs torch.
        frozenset({"frontdesk", "knowledge_base", "llm_component.client", "llm_component.protocol"}),
        frozenset({"rasa_sdk", "sqlalchemy"}),
        where=(
            ("server", "llm_component.encoder"),
            ("server", "llm_component.reranker"),
            ("__main__", "llm_component.encoder"),
        ),
    ),
}


def imports_of(source: str, package: str) -> Iterator[str]:
    """The dotted names that a source imports; a relative import counts as one of its own package."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                yield package
            else:
                yield from (f"{base}.{alias.name}" for alias in node.names)


def within(name: str, allowed: str) -> bool:
    """Whether a dotted name is `allowed` or lies in it."""
    return name == allowed or name.startswith(allowed + ".")


def forbidden(source: str, package: str, module: str) -> list[str]:
    """The imports of a module that its room does not allow."""
    room = ROOMS[package]
    allowed = {package, *room.ours, *room.frameworks, *(name for where, name in room.where if where == module)}
    watched = OURS | FRAMEWORKS | {"tests"}
    return sorted(
        name
        for name in set(imports_of(source, package))
        if name.split(".")[0] in watched and not any(within(name, good) for good in allowed)
    )


@pytest.mark.parametrize(
    ("package", "module", "source", "expected"),
    [
        ("knowledge_base", "orders", "import rasa.core", ["rasa.core"]),
        (
            "knowledge_base",
            "search",
            "from llm_component.encoder import load_encoder",
            ["llm_component.encoder.load_encoder"],
        ),
        ("knowledge_base", "__main__", "from llm_component.encoder import load_encoder", []),
        ("actions", "orders", "from knowledge_base.orders import get_order", []),
        ("actions", "orders", "from llm_component import encoder", ["llm_component.encoder"]),
        ("actions", "server", "from llm_component import encoder", []),
        ("rasa_addons", "router", "def late():\n    import knowledge_base", ["knowledge_base"]),
        ("rasa_addons", "nlg", "from llm_component.client import LlmClient", []),
        ("rasa_addons", "nlg", "from llm_component.engines import batch", ["llm_component.engines.batch"]),
        ("actions", "ticket_summary", "from llm_component.protocol import SummaryRequest", []),
        ("actions", "handoff", "from llm_component.settings import Settings", ["llm_component.settings.Settings"]),
        ("llm_component", "server", "import frontdesk.logs", ["frontdesk.logs"]),
        ("actions", "orders", "from tests import data", ["tests.data"]),
    ],
)
def test_the_rules_see_what_they_forbid(package: str, module: str, source: str, expected: list[str]) -> None:
    assert forbidden(source, package, module) == expected


@pytest.mark.parametrize("package", sorted(ROOMS))
def test_a_package_imports_only_what_its_room_allows(package: str) -> None:
    faults = {
        str(file.relative_to(ROOT)): names
        for file in sorted((ROOT / package).rglob("*.py"))
        if (names := forbidden(file.read_text(encoding="utf-8"), package, file.stem))
    }
    assert faults == {}


@pytest.mark.parametrize("package", sorted(OURS))
def test_nothing_imports_the_tests(package: str) -> None:
    faults = [
        str(file.relative_to(ROOT))
        for file in sorted((ROOT / package).rglob("*.py"))
        if any(within(name, "tests") for name in imports_of(file.read_text(encoding="utf-8"), package))
    ]
    assert faults == []


def project_files() -> list[Path]:
    """Every file of the project that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def prose(file: Path) -> str:
    """The text of a file; of the README without its code blocks, where transcripts show the demo shop."""
    text = file.read_text(encoding="utf-8", errors="replace")
    return "".join(text.split("```")[::2]) if file.name == "README.md" else text


def test_only_the_brand_file_names_the_shop() -> None:
    brand = yaml.safe_load((ROOT / "brand.yml").read_text(encoding="utf-8"))
    name = brand["name"].casefold()
    faults = [
        str(file.relative_to(ROOT))
        for file in project_files()
        if file.name != "brand.yml" and file.suffix not in NOT_TEXT and name in prose(file).casefold()
    ]
    assert faults == []
