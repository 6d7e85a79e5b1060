"""The shipped coefficients and threshold on our own labelled set: floors that a change of the checks must not break."""

import json
from collections import Counter

import numpy as np
import pytest

from benchmarks.groundedness import Measured, auroc, code_hash, measure, with_rules
from benchmarks.groundedness_pairs import own_pairs
from llm_component.checks.support import SUPPORT_FILE, SupportModel
from llm_component.encoder import SentenceEncoder, load_encoder


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return load_encoder()


@pytest.fixture(scope="module")
def held_out(encoder: SentenceEncoder) -> Measured:
    """Half `b`, whose articles the coefficients and the threshold were not made on."""
    return measure([pair for pair in own_pairs() if pair.half == "b"], encoder)


@pytest.fixture(scope="module")
def scores(held_out: Measured) -> np.ndarray:
    model = SupportModel.read()
    plain = [model.score(dict(zip(model.means, row, strict=True))) for row in _columns(held_out, model)]
    return with_rules(np.array(plain), held_out.rules)


def _columns(measured: Measured, model: SupportModel) -> np.ndarray:
    from llm_component.checks.support import FEATURES

    return measured.rows[:, [FEATURES.index(name) for name in model.means]]


def test_altered_facts_are_told_from_supported_sentences(held_out: Measured, scores: np.ndarray) -> None:
    chosen = held_out.altered | held_out.supported
    assert auroc(scores[chosen], held_out.supported[chosen]) >= 0.94


def test_few_supported_sentences_are_dropped(held_out: Measured, scores: np.ndarray) -> None:
    assert (scores[held_out.supported] < SupportModel.read().threshold).mean() <= 0.20


def test_few_altered_facts_pass(held_out: Measured, scores: np.ndarray) -> None:
    assert (scores[held_out.altered] >= SupportModel.read().threshold).mean() <= 0.12


@pytest.mark.parametrize("kind", ["number", "date", "unit", "price"])
def test_altered_quantities_hardly_pass(held_out: Measured, scores: np.ndarray, kind: str) -> None:
    chosen = np.array([pair.kind == kind and not pair.supported for pair in held_out.pairs])
    assert (scores[chosen] >= SupportModel.read().threshold).sum() <= 1


def test_the_rules_hardly_stop_what_is_supported(held_out: Measured) -> None:
    assert (held_out.rules[held_out.supported] != "").mean() <= 0.03


def test_the_labelled_set_is_large_and_split_by_article() -> None:
    pairs = own_pairs()
    halves = {pair.group: {other.half for other in pairs if other.group == pair.group} for pair in pairs}
    assert len(pairs) >= 450
    assert 0.4 <= Counter(pair.supported for pair in pairs)[True] / len(pairs) <= 0.6
    assert all(len(each) == 1 for each in halves.values())


def test_the_coefficients_belong_to_the_encoder(encoder: SentenceEncoder) -> None:
    provenance = json.loads(SUPPORT_FILE.read_text(encoding="utf-8"))["provenance"]
    assert provenance["encoder"] == encoder.fingerprint()


def test_the_coefficients_belong_to_the_code() -> None:
    """Calibrate again after a change of the features: python -m benchmarks.groundedness --calibrate."""
    provenance = json.loads(SUPPORT_FILE.read_text(encoding="utf-8"))["provenance"]
    assert provenance["code"] == code_hash()
