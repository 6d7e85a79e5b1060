"""The intent model without Rasa: trained, saved, checked, loaded, and gone on with."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from llm_component.manifest import MANIFEST, ManifestError
from rasa_addons.intents.model import IntentModel, IntentSettings, train_intent_model
from rasa_addons.intents.ngrams import COLUMNS, ngram_rows
from tests.unit.knowledge_base.hashing_encoder import HashingEncoder

EXAMPLES = {
    "greet": ["hello", "good morning", "hello there", "hi there", "hi", "good evening"],
    "track_order": ["where is my order", "track my order", "where is the parcel", "has my order been sent"],
    "return_item": ["I want to return it", "send it back", "return this kettle", "how do returns work"],
}
TEXTS = [text for texts in EXAMPLES.values() for text in texts]
LABELS = [label for label, texts in EXAMPLES.items() for _ in texts]
UNSEEN = ["where is it", "hello you", "", "£ 👍"]


def trained(**settings: object) -> IntentModel:
    return train_intent_model(TEXTS, LABELS, IntentSettings(**settings), encoder=HashingEncoder())  # type: ignore[arg-type]


def test_probabilities_are_rows_over_the_labels() -> None:
    model = trained()

    found = model.probabilities(TEXTS)

    assert model.labels == ["greet", "return_item", "track_order"]
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-5)
    assert [model.labels[index] for index in found.argmax(axis=1)] == LABELS
    assert model.probabilities([]).shape == (0, 3)


def test_vectors_that_are_at_hand_are_not_encoded_again() -> None:
    encoder = HashingEncoder()
    model = train_intent_model(TEXTS, LABELS, IntentSettings(), encoder=encoder)
    vectors = HashingEncoder().encode(UNSEEN)
    encoder.encoded.clear()

    found = model.probabilities(UNSEEN, vectors)

    assert encoder.encoded == []
    np.testing.assert_array_equal(found, model.probabilities(UNSEEN))


def test_a_message_alone_scores_as_it_does_among_others() -> None:
    model = trained()

    together = model.probabilities(UNSEEN)

    np.testing.assert_allclose(np.concatenate([model.probabilities([text]) for text in UNSEEN]), together, atol=1e-6)


def test_what_was_saved_is_what_is_loaded(tmp_path: Path) -> None:
    model = trained()
    model.save(tmp_path)

    loaded = IntentModel.load(tmp_path, HashingEncoder())

    assert (loaded.labels, loaded.temperature, loaded.settings) == (model.labels, model.temperature, model.settings)
    np.testing.assert_array_equal(loaded.probabilities(UNSEEN), model.probabilities(UNSEEN))


def test_training_again_gives_the_same_probabilities() -> None:
    np.testing.assert_array_equal(trained().probabilities(UNSEEN), trained().probabilities(UNSEEN))


def test_a_changed_file_is_refused_with_its_name(tmp_path: Path) -> None:
    trained().save(tmp_path)
    weights = tmp_path / "head.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")

    with pytest.raises(ManifestError, match=r"head\.safetensors is not the file .*; train the model anew"):
        IntentModel.load(tmp_path)


def test_a_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    trained().save(tmp_path)
    (tmp_path / "head.safetensors").unlink()

    with pytest.raises(ManifestError, match=r"lacks the file head\.safetensors"):
        IntentModel.load(tmp_path)


@pytest.mark.parametrize("name", ["../outside", "/etc/hostname"])
def test_a_manifest_names_files_of_its_own_folder_only(tmp_path: Path, name: str) -> None:
    trained().save(tmp_path)
    content = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    content["files"][name] = {"sha256": "0", "bytes": 1}
    (tmp_path / MANIFEST).write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(ManifestError, match="no file of its folder"):
        IntentModel.load(tmp_path)


def test_a_folder_of_another_version_is_refused(tmp_path: Path) -> None:
    trained().save(tmp_path)
    content = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    content["about"]["settings"]["no_such_setting"] = 1
    (tmp_path / MANIFEST).write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(ManifestError, match="no intent model of this version"):
        IntentModel.load(tmp_path)


def test_training_goes_on_from_a_model_of_the_same_intents() -> None:
    model = trained()

    again = train_intent_model(
        [*TEXTS, "morning all"], [*LABELS, "greet"], IntentSettings(), encoder=HashingEncoder(), start=model
    )

    assert again.probabilities(["morning all"])[0].argmax() == again.labels.index("greet")


def test_a_new_intent_cannot_be_added_to_a_model() -> None:
    with pytest.raises(ValueError, match=r"other intents \(goodbye\)"):
        train_intent_model(
            [*TEXTS, "bye"], [*LABELS, "goodbye"], IntentSettings(), encoder=HashingEncoder(), start=trained()
        )


def test_one_intent_is_nothing_to_tell_apart() -> None:
    with pytest.raises(ValueError, match="at least two intents"):
        train_intent_model(["hi", "hello"], ["greet", "greet"], IntentSettings(), encoder=HashingEncoder())


def test_a_model_of_foreign_vectors_encodes_nothing_itself() -> None:
    model = train_intent_model(TEXTS, LABELS, IntentSettings(), vectors=HashingEncoder().encode(TEXTS))

    with pytest.raises(ValueError, match="hand them in"):
        model.probabilities(["hello"])


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"mode": "melted"}, "mode"), ({"inverse_regularisation": 0}, "inverse_reg"), ({"ngram_weight": -1}, "ngram")],
)
def test_a_setting_that_means_nothing_is_refused(settings: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        IntentSettings(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("weight", [1.0, 0.5])
def test_ngrams_weigh_the_same_however_long_the_message(weight: float) -> None:
    rows = ngram_rows(["a cab", "a cab " * 20], weight)

    assert rows.shape == (2, COLUMNS)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), weight, atol=1e-5)


def test_a_word_with_a_slip_shares_most_of_its_ngrams() -> None:
    right, slip, other = ngram_rows(["refund", "refnud", "kettle"], 1.0)

    assert right @ slip > right @ other + 0.2


def test_ngrams_can_be_left_out() -> None:
    assert ngram_rows(["a cab"], 0).shape == (1, 0)
