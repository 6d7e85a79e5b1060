"""What an import speaks for: the collection it belongs to, and the part of it that was named."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from knowledge_base.documents.document import DocumentError
from knowledge_base.settings import PROJECT_ROOT

COLLECTION_CHARACTERS = 200


@dataclass(frozen=True)
class ImportScope:
    """`path` lies in the collection's `root`, or is it. Only what comes from `path` may be retired."""

    path: Path
    root: Path

    @property
    def collection(self) -> str:
        """The collection's name: its path in the project, or from the file system's root."""
        return collection_name(self.root)

    @property
    def folder(self) -> Path:
        """The folder from which the names of sources count."""
        return self.root.parent if self.root == self.path and self.path.is_file() else self.root

    def covers(self, collection: str, source: str) -> bool:
        """Whether a stored document should have been found by this import."""
        if collection != self.collection:
            return False
        if self.path == self.root:
            return True
        part = self.path.relative_to(self.root).as_posix()
        return source == part or source.startswith(f"{part}/")


def scope_of(path: Path, collections: Collection[str]) -> ImportScope:
    """The scope of an import of `path`, given the names of the collections that there are.

    A path within a collection is a part of it; any other is a collection of its own. Raises `DocumentError`.
    """
    resolved = path.resolve()
    if not resolved.exists():
        raise DocumentError(f"{path}: there is no such file or folder")
    root = next((folder for folder in resolved.parents if collection_name(folder) in collections), resolved)
    if len(collection_name(root)) > COLLECTION_CHARACTERS:
        raise DocumentError(f"{path}: its path is longer than {COLLECTION_CHARACTERS} characters")
    return ImportScope(resolved, root)


def collection_name(root: Path) -> str:
    """How a collection at this path is called."""
    if root.is_relative_to(PROJECT_ROOT) and root != PROJECT_ROOT:
        return root.relative_to(PROJECT_ROOT).as_posix()
    return root.as_posix()
