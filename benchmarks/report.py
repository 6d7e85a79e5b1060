"""The one form of all benchmark results: `{"meta": {...}, "rows": [...]}` as JSON, and a Markdown table of it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PACKAGES = ("rasa", "rasa-sdk", "torch", "transformers", "sentence-transformers", "scikit-learn", "sqlalchemy")


@dataclass(frozen=True)
class Row:
    """One measured value; rates are fractions, `unit` is empty for them."""

    dataset: str
    system: str
    metric: str
    value: float
    unit: str = ""


def machine(device: str = "") -> str:
    """Processor, cores, memory and the GPU that was used (`device`), in words."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {device or 'no GPU used'}"


def data_hash(paths: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of files, folders taken with all that is in them; the first 16 digits."""
    digest = hashlib.sha256()
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    for file in files:
        if file.is_file():
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def commit() -> str:
    """The commit that was measured, `+` if the tree differed from it."""
    try:
        name = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + ("+" if changed.stdout.strip() else "")


def versions() -> dict[str, str]:
    """Versions of the packages that matter, as far as this environment has them, and of Python."""
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[package] = metadata.version(package)
    return found | {"python": platform.python_version()}


def write(
    name: str,
    rows: Sequence[Row],
    *,
    seed: int,
    data: Mapping[str, str],
    seconds: float,
    title: str = "",
    notes: str = "",
    device: str = "",
    parts: Mapping[str, Mapping[str, object]] | None = None,
) -> Path:
    """Writes `benchmarks/results/NAME.json` and returns its path; with a title also the table, as NAME.md.

    Args:
        parts: where parts were measured one at a time: machine, versions, commit, seed and data of each.
        notes: Markdown between title and table.
        device: the GPU's name; empty: none was used.
    """
    meta = {
        "machine": machine(device),
        "versions": versions(),
        "seed": seed,
        "data": dict(data),
        "commit": commit(),
        "seconds": round(seconds, 1),
    } | ({"parts": dict(parts)} if parts is not None else {})
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(
        json.dumps({"meta": meta, "rows": [asdict(row) for row in rows]}, indent=1) + "\n", encoding="utf-8"
    )
    if title:
        used = ", ".join(f"{package} {version}" for package, version in versions().items())
        page = f"# {title}\n\n{notes}\n{table(rows)}\nMachine: {meta['machine']}. Commit {meta['commit']}. {used}.\n"
        path.with_suffix(".md").write_text(page, encoding="utf-8")
    return path


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| data | system | metric | value |", "| --- | --- | --- | ---: |"]
    for row in rows:
        value = f"{row.value:.3f}" if not row.unit else f"{row.value:.4g} {row.unit}"
        lines.append(f"| {row.dataset} | {row.system} | {row.metric} | {value} |")
    return "\n".join(lines) + "\n"
