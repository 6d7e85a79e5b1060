"""Stamps: what a step was made from, so that a second run can leave it alone."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Iterable, Iterator, Mapping


def files_in(paths: Iterable[Path], suffixes: Iterable[str] = ()) -> Iterator[Path]:
    """All files named by `paths`, folders searched through, in a fixed order; caches and hidden files are left out."""
    wanted = tuple(suffixes)
    for path in paths:
        found = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in found:
            hidden = any(part.startswith(".") or part == "__pycache__" for part in file.relative_to(path).parts)
            if file.is_file() and not hidden and (not wanted or file.name.endswith(wanted)):
                yield file


def hash_of(
    root: Path,
    paths: Iterable[Path],
    suffixes: Iterable[str] = (),
    settings: Mapping[str, str] | None = None,
) -> str:
    """SHA-256 over the names (relative to `root`) and contents of all files in `paths`, and over `settings`."""
    digest = hashlib.sha256()
    for file in files_in(paths, suffixes):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(root).as_posix()} {content}\n".encode())
    for name, value in sorted((settings or {}).items()):
        digest.update(f"{name}={value}\n".encode())
    return digest.hexdigest()


class Stamp:
    """A small JSON file that holds the hashes a step was last finished with."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Mapping[str, str]:
        """What was stamped, or nothing if there is no stamp that can be read."""
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return {str(key): str(value) for key, value in content.items()} if isinstance(content, dict) else {}

    def matches(self, hashes: Mapping[str, str]) -> bool:
        """Whether the step was last finished with just these hashes."""
        return dict(self.read()) == dict(hashes)

    def write(self, hashes: Mapping[str, str]) -> None:
        """Records a finished step; in one move, so that a broken-off write leaves no half stamp."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(self.path.name + ".new")
        temporary.write_text(json.dumps(dict(hashes), indent=2) + "\n", encoding="utf-8")
        temporary.replace(self.path)

    def clear(self) -> None:
        """Takes the stamp away, before the step begins."""
        if self.path.exists():
            self.path.unlink()
