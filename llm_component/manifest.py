"""A folder's manifest: size and SHA-256 of each of its files, so that a changed or missing one is noticed at load."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
_READ_BYTES = 1 << 20


class ManifestError(ValueError):
    """A folder's files are not the ones that were saved; the message says which and what to do."""


def write_manifest(folder: Path, about: Mapping[str, Any]) -> None:
    """Lists every file below `folder` in its manifest, beside `about`: whatever else belongs to what was saved."""
    files = {
        file.relative_to(folder).as_posix(): {"sha256": file_sha256(file), "bytes": file.stat().st_size}
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file != folder / MANIFEST
    }
    text = json.dumps({"files": files, "about": dict(about)}, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Checks every file of the manifest in `folder` and returns what it says beside them.

    Raises:
        ManifestError: there is no manifest, or a file is missing, changed, or not of this folder.
    """
    manifest = folder / MANIFEST
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        files, about = dict(content["files"]), dict(content["about"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{manifest} cannot be read ({error}); train the model anew") from error
    for name, said in files.items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ManifestError(f"{manifest} names {name!r}, which is no file of its folder; train the model anew")
        file = folder / name
        if not file.is_file():
            raise ManifestError(f"{folder} lacks the file {name} that {MANIFEST} speaks of; train the model anew")
        if file_sha256(file) != said["sha256"]:
            raise ManifestError(f"{file} is not the file that {MANIFEST} speaks of; train the model anew")
    return about


def file_sha256(file: Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while chunk := stream.read(_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
