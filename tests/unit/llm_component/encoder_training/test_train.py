"""Training of an encoder: it learns, stops in time, is the same each time, and leaves its base as it was."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from llm_component.encoder import SentenceEncoder, load_encoder
from llm_component.encoder_training.batches import by_length, in_pairs
from llm_component.encoder_training.losses import contrastive_loss, head_loss
from llm_component.encoder_training.options import EncoderTraining
from llm_component.encoder_training.train import Head, train_encoder
from tests.unit.llm_component.encoder_training.tiny_encoder import tiny_encoder

WORDS = ["where", "is", "my", "order", "parcel", "return", "send", "back", "this", "kettle", "hello", "there", "hi"]
TEXTS = [
    "where is my order", "where is my parcel", "my order", "my parcel is where", "is my parcel there", "order where",
    "return this", "send back this kettle", "send this back", "return my kettle", "kettle back", "return it",
    "hello", "hello there", "hi", "hi there", "hello hello", "hi hi there",
]  # fmt: skip
TARGETS = np.repeat([0, 1, 2], 6)
OPTIONS = EncoderTraining(
    epochs=12, batch_size=6, learning_rate=3e-3, device="cpu", precision="fp32", validation_share=0
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> SentenceEncoder:
    return tiny_encoder(tmp_path_factory.mktemp("encoder"), WORDS)


def zero_head(labels: int = 3) -> Head:
    return Head(np.zeros((32, labels), dtype=np.float32), np.zeros(labels, dtype=np.float32))


def accuracy(encoder: SentenceEncoder, head: Head) -> float:
    logits = encoder.encode(TEXTS) @ head.weights + head.bias
    return float((logits.argmax(axis=1) == TARGETS).mean())


def spread(encoder: SentenceEncoder) -> float:
    """How much nearer texts of one label are than texts of two, in cosine."""
    vectors = encoder.encode(TEXTS)
    likeness, same = vectors @ vectors.T, TARGETS[:, None] == TARGETS[None, :]
    return float(likeness[same].mean() - likeness[~same].mean())


def test_training_learns_the_labels_and_leaves_the_base_alone(base: SentenceEncoder) -> None:
    before = base.encode(TEXTS)

    encoder, head = train_encoder(base, TEXTS, TARGETS, zero_head(), OPTIONS)

    assert accuracy(encoder, head) == 1.0
    np.testing.assert_array_equal(base.encode(TEXTS), before)
    assert encoder.fingerprint() != base.fingerprint()


def test_contrastive_epochs_draw_the_texts_of_a_label_together(base: SentenceEncoder) -> None:
    gentle = replace(OPTIONS, epochs=1, learning_rate=1e-3)

    without, _ = train_encoder(base, TEXTS, TARGETS, zero_head(), gentle)
    drawn, _ = train_encoder(base, TEXTS, TARGETS, zero_head(), replace(gentle, contrastive_epochs=8))

    assert spread(drawn) > spread(without) + 0.1


def test_the_same_seed_gives_the_same_weights(base: SentenceEncoder) -> None:
    options = replace(OPTIONS, epochs=2, contrastive_epochs=1)
    first, second, other = (
        train_encoder(base, TEXTS, TARGETS, zero_head(), replace(options, seed=seed)) for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(first[0].encode(TEXTS), second[0].encode(TEXTS))
    np.testing.assert_array_equal(first[1].weights, second[1].weights)
    assert not np.array_equal(first[1].weights, other[1].weights)


def test_what_does_not_help_the_held_out_examples_is_taken_back(base: SentenceEncoder) -> None:
    """With wrong labels held out, every epoch makes them worse: the head given comes back."""
    wrong = TARGETS.copy()
    held_out = [0, 6, 12]
    wrong[held_out] = [1, 2, 0]

    _, head = train_encoder(base, TEXTS, wrong, zero_head(), OPTIONS, held_out)

    np.testing.assert_array_equal(head.weights, zero_head().weights)


def test_a_trained_encoder_is_saved_as_safetensors_and_loads_again(base: SentenceEncoder, tmp_path: Path) -> None:
    encoder, _ = train_encoder(base, TEXTS, TARGETS, zero_head(), replace(OPTIONS, epochs=1))

    encoder.save(tmp_path / "saved")

    assert {file.suffix for file in (tmp_path / "saved").rglob("*.*") if file.is_file()} <= {
        ".safetensors",
        ".json",
        ".txt",
    }
    np.testing.assert_allclose(load_encoder(str(tmp_path / "saved")).encode(TEXTS), encoder.encode(TEXTS), atol=1e-6)


def test_training_in_bf16_learns_the_same(base: SentenceEncoder) -> None:
    encoder, head = train_encoder(base, TEXTS, TARGETS, zero_head(), replace(OPTIONS, precision="bf16"))

    assert accuracy(encoder, head) == 1.0


def test_batches_hold_every_text_once_and_texts_of_similar_length() -> None:
    lengths = list(range(1, 65))

    batches = list(by_length(lengths, 8, random.Random(1)))

    assert sorted(index for batch in batches for index in batch) == list(range(64))
    assert all(
        max(lengths[index] for index in batch) - min(lengths[index] for index in batch) == 7 for batch in batches
    )


def test_each_text_of_a_contrastive_batch_has_a_partner() -> None:
    targets = [0] * 5 + [1] * 4 + [2]

    batches = list(in_pairs(targets, 4, random.Random(1)))

    assert batches
    for batch in batches:
        labels = [targets[index] for index in batch]
        assert len(set(labels)) > 1
        assert all(labels.count(label) >= 2 for label in labels)


def test_rare_labels_weigh_more_in_the_loss() -> None:
    logits, targets = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.tensor([0, 1])
    each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")

    loss = head_loss(logits, targets, torch.tensor([1.0, 3.0]))

    assert float(loss) == pytest.approx(float((each[0] + 3 * each[1]) / 2))


def test_the_contrastive_loss_is_that_of_the_paper() -> None:
    vectors = torch.nn.functional.normalize(torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0], [0.6, 0.8]]), dim=1)
    targets = torch.tensor([0, 0, 1, 1])
    likeness = (vectors @ vectors.T / 0.1).exp()
    by_hand = [
        -(likeness[i, j] / (likeness[i].sum() - likeness[i, i])).log() for i, j in ((0, 1), (1, 0), (2, 3), (3, 2))
    ]

    assert float(contrastive_loss(vectors, targets)) == pytest.approx(float(sum(by_hand) / 4), rel=1e-4)
    with pytest.raises(ValueError, match="no two texts"):
        contrastive_loss(vectors, torch.tensor([0, 1, 2, 3]))


@pytest.mark.parametrize(
    "wrong", [{"epochs": 0}, {"validation_share": 1.0}, {"contrastive_epochs": -1}, {"precision": "fp8"}]
)
def test_a_setting_that_means_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EncoderTraining(**wrong)  # type: ignore[arg-type]
