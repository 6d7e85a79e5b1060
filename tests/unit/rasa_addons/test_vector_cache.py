"""The cache of vectors: exact, by encoder, bounded, and never the reason that a training fails."""

from __future__ import annotations

import logging
import multiprocessing
from pathlib import Path

import numpy as np
import pytest

from rasa_addons.vector_cache import CACHE_VARIABLE, VectorCache, cache_file

VECTORS = {
    "hello": np.array([[0.1, 0.2, 0.3]], dtype=np.float32),
    "two tokens": np.arange(6, dtype=np.float32).reshape(2, 3),
}


def cache(folder: Path, fingerprint: str = "encoder@1", most_bytes: int = 1000) -> VectorCache:
    return VectorCache(folder / "cache" / "vectors.sqlite", fingerprint, 3, most_bytes)


def test_vectors_come_back_bit_for_bit(tmp_path: Path) -> None:
    cache(tmp_path).put(VECTORS)

    found = cache(tmp_path).get([*VECTORS, "unknown"])

    assert set(found) == set(VECTORS)
    for text, vectors in VECTORS.items():
        np.testing.assert_array_equal(found[text], vectors)


def test_another_encoder_has_vectors_of_its_own(tmp_path: Path) -> None:
    cache(tmp_path).put(VECTORS)

    assert cache(tmp_path, "encoder@2").get(["hello"]) == {}


def test_more_texts_than_one_query_takes(tmp_path: Path) -> None:
    many = {f"text {number}": VECTORS["hello"] for number in range(1200)}
    large = cache(tmp_path, most_bytes=1_000_000)
    large.put(many)

    assert set(large.get(list(many))) == set(many)


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr("time.time", lambda: float(next(clock)))
    small = cache(tmp_path, most_bytes=3 * 12)
    for text in ("a", "b", "c"):
        small.put({text: VECTORS["hello"]})
    small.get(["a"])

    small.put({"d": VECTORS["hello"]})

    assert set(small.get(["a", "b", "c", "d"])) == {"a", "c", "d"}


def test_a_file_that_is_no_database_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    broken = cache(tmp_path)
    broken.put(VECTORS)
    file = tmp_path / "cache" / "vectors.sqlite"
    file.write_bytes(b"this is no database, and long enough to be one" * 100)

    with caplog.at_level(logging.WARNING):
        assert broken.get(["hello"]) == {}
    broken.put(VECTORS)

    assert "made anew" in caplog.text
    assert set(broken.get(["hello"])) == {"hello"}


def test_a_place_that_cannot_be_written_is_done_without(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")

    with caplog.at_level(logging.WARNING):
        cache(tmp_path).put(VECTORS)
        assert cache(tmp_path).get(["hello"]) == {}

    assert "is not used" in caplog.text


def _write(folder: Path, first: int) -> None:
    for number in range(first, first + 20):
        cache(folder, most_bytes=100_000).put({f"text {number}": np.full((1, 3), number, dtype=np.float32)})


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    both = [context.Process(target=_write, args=(tmp_path, first)) for first in (0, 20)]
    for process in both:
        process.start()
    for process in both:
        process.join()

    found = cache(tmp_path).get([f"text {number}" for number in range(40)])

    assert [process.exitcode for process in both] == [0, 0]
    assert {text: float(vectors[0, 0]) for text, vectors in found.items()} == {f"text {n}": float(n) for n in range(40)}


def test_the_environment_names_the_file_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, "/elsewhere/vectors.sqlite")
    assert cache_file() == Path("/elsewhere/vectors.sqlite")
    monkeypatch.setenv(CACHE_VARIABLE, "")
    assert cache_file() is None
    monkeypatch.delenv(CACHE_VARIABLE)
    assert cache_file() == Path("var/cache/vectors.sqlite")
