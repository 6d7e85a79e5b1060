"""The committed bundle of the widget: made from the committed source, small enough, and with no address in it."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

WIDGET = Path(__file__).parents[2] / "widget"
BUNDLE = WIDGET / "dist" / "support-chat.js"
MOST_BYTES = 45_000  # gzipped
BESIDE_THE_SOURCE = ("build.mjs", "package-lock.json", "package.json", "tsconfig.json")
# Namespaces of SVG and MathML in Preact, and marked's address for reports of its own errors: names, never requested.
NAMES = re.compile(r"https?://(www\.w3\.org/|github\.com/markedjs/)")


def _source_hash() -> str:
    """As widget/build.mjs counts it."""
    sources = [path.relative_to(WIDGET).as_posix() for path in (WIDGET / "src").rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for name in sorted([*BESIDE_THE_SOURCE, *sources]):
        digest.update(name.encode() + b"\0" + (WIDGET / name).read_bytes() + b"\0")
    return digest.hexdigest()


def test_the_bundle_was_made_from_this_source() -> None:
    recorded = (WIDGET / "dist" / "sources.sha256").read_text(encoding="utf-8").strip()
    assert recorded == _source_hash(), "widget/src has changed since: run `make widget` and commit widget/dist"


def test_the_bundle_is_what_the_source_gives(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None or not (WIDGET / "node_modules").is_dir():
        pytest.skip("no node, or widget/node_modules is not installed (`make widget` does it); the hash is compared")
    subprocess.run([node, "build.mjs", str(tmp_path)], cwd=WIDGET, check=True, timeout=120)
    for path in (WIDGET / "dist").iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_the_bundle_is_small() -> None:
    assert len(gzip.compress(BUNDLE.read_bytes(), 9)) <= MOST_BYTES


def test_the_bundle_names_no_address_that_it_could_ask() -> None:
    addresses = re.findall(r"https?://[\w.-]+\.\w+/?[\w./-]*", BUNDLE.read_text(encoding="utf-8"))
    assert [address for address in addresses if not NAMES.match(address)] == []


def test_what_a_content_security_policy_forbids_is_not_in_the_bundle() -> None:
    text = BUNDLE.read_text(encoding="utf-8")
    assert re.findall(r"\beval\(|new Function\(|document\.write|setAttribute\(\"style\"", text) == []


@pytest.mark.parametrize("source", sorted((WIDGET / "src").rglob("*.ts*")), ids=lambda path: path.name)
def test_the_source_makes_no_html(source: Path) -> None:
    text = source.read_text(encoding="utf-8")
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|dangerouslySet", text) == []
    assert len(text.splitlines()) < 300
