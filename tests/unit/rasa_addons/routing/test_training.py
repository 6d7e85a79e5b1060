"""Examples, training and calibration of routing, on a small set of turns with made vectors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rasa_addons.routing.calibration import Calibration, CalibrationError, calibrate
from rasa_addons.routing.evidence import Evidence, ngram_rows
from rasa_addons.routing.model import LABELS, RoutingModel, RoutingSettings, TrainingSet, train_routing_model
from rasa_addons.routing.signals import IntentExample
from rasa_addons.routing.text_signs import SIGNS, LetterModel, text_signs
from rasa_addons.routing.turns import (
    IN_SCOPE,
    NO_FORM,
    OPEN_QUESTION,
    OUT_OF_SCOPE,
    DialogueState,
    LabelledTurn,
    TurnsError,
    read_folder,
    read_turns,
)

CODE = DialogueState("order_form", "code")
SETTINGS = RoutingSettings(expects={"code": "code", "confirm": "yes_no"}, folds=3)


def made_vectors(by_kind: dict[str, list[str]], dimension: int = 12) -> dict[str, np.ndarray]:
    """Vectors of length 1 that lie near each other for texts of one kind."""
    random = np.random.default_rng(3)
    vectors: dict[str, np.ndarray] = {}
    for texts in by_kind.values():
        centre = random.normal(size=dimension)
        for text in texts:
            vector = centre + 0.5 * random.normal(size=dimension)
            vectors[text] = (vector / np.linalg.norm(vector)).astype(np.float32)
    return vectors


@pytest.fixture(scope="module")
def trained() -> tuple[RoutingModel, TrainingSet, dict[str, np.ndarray]]:
    said = {
        "track": [f"where is parcel {number}" for number in range(12)],
        "affirm": [f"yes {word}" for word in "abcdef"],
        OPEN_QUESTION: [f"how do i clean part {number}" for number in range(12)],
        "clarify": [f"my order number {number}" for number in range(8)],
        "rude": [f"you fool {number}" for number in range(6)],
        "nonsense": [f"asdf qwer {number}" for number in range(6)],
        "elsewhere": [f"what is the capital of land {number}" for number in range(6)],
        "answer": [f"12345{number}" for number in range(6)],
    }
    vectors = made_vectors(said)
    examples = [IntentExample(text, name) for name in ("track", "affirm") for text in said[name]]
    turns = [LabelledTurn(text, kind) for kind in (OPEN_QUESTION, "clarify") for text in said[kind]]
    turns += [LabelledTurn(t, OUT_OF_SCOPE, topic) for topic in ("rude", "nonsense", "elsewhere") for t in said[topic]]
    turns += [LabelledTurn(text, IN_SCOPE, state=CODE) for text in said["answer"]]
    model, training = train_routing_model(examples, turns, vectors, SETTINGS)
    return model, training, vectors


def test_an_answer_belongs_to_the_dialogue_while_the_form_waits_for_it(trained) -> None:
    model, _, vectors = trained
    text = "123451"

    inside = model.probabilities(text, vectors[text], CODE)
    outside = model.probabilities(text, vectors[text], NO_FORM)

    assert max(inside, key=lambda label: inside[label]) == IN_SCOPE
    assert inside[IN_SCOPE] > outside[IN_SCOPE]


def test_a_question_stays_one_in_the_middle_of_a_form(trained) -> None:
    model, _, vectors = trained
    text = "how do i clean part 3"
    probabilities = model.probabilities(text, vectors[text], CODE)

    assert max(probabilities, key=lambda label: probabilities[label]) == OPEN_QUESTION


def test_a_stored_model_reads_messages_as_the_fitted_one_did(trained, tmp_path: Path) -> None:
    model, _, vectors = trained
    model.save(tmp_path)
    loaded = RoutingModel.load(tmp_path)

    for text in ("yes a", "how do i clean part 1", "my order number 2"):
        before, after = (one.probabilities(text, vectors[text], CODE) for one in (model, loaded))
        assert after == pytest.approx(before, abs=1e-6)


def test_signals_have_one_name_each(trained) -> None:
    model, _, vectors = trained
    signals = model.reader.read("yes a", vectors["yes a"], CODE)

    assert len(model.reader.names) == len(set(model.reader.names)) == len(signals)
    assert dict(zip(model.reader.names, signals, strict=True))["in_form"] == 1.0


def test_turns_of_a_decision_weigh_their_share_of_the_mix(trained) -> None:
    _, training, _ = trained
    share = sum(w for turn, w in zip(training.turns, training.weights, strict=True) if turn.kind == OPEN_QUESTION)

    assert share / training.weights.sum() == pytest.approx(SETTINGS.mix[OPEN_QUESTION])


def test_scores_without_oneself_are_those_of_a_fit_without_oneself() -> None:
    texts = [f"text {number}" for number in range(9)]
    labels = ["a", "b", "c"] * 3
    vectors = np.stack(list(made_vectors({"all": texts}).values()))
    _, left_out = Evidence.fit(texts, labels, vectors)
    others, _ = Evidence.fit(texts[1:], labels[1:], vectors[1:])

    assert left_out[0] == pytest.approx(others.scores(texts[0], vectors[0]), abs=1e-4)


def test_ngrams_share_what_words_with_slips_share() -> None:
    kettle, slip, other = ngram_rows(["descale my kettle", "descael my ketle", "open on sunday"])

    assert (kettle @ slip.T).sum() > (kettle @ other.T).sum()


def test_calibration_keeps_requests_in_the_dialogue_and_can_be_read_again(trained, tmp_path: Path) -> None:
    _, training, _ = trained
    calibration = calibrate(training.turns, training.held_out(SETTINGS), training.weights, most_lost=0.05)
    calibration.write(tmp_path / "calibration.json")

    assert calibration.rates is not None and calibration.rates.in_scope_to_model <= 0.05
    rising = [point["in_scope_to_model"] for point in calibration.curve]
    assert rising == sorted(rising)
    assert Calibration.read(tmp_path / "calibration.json") == calibration


def test_a_missing_calibration_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="run: python -m"):
        Calibration.read(tmp_path / "none.json")


def test_every_kind_needs_examples(trained) -> None:
    _, _, vectors = trained
    with pytest.raises(ValueError, match="rude"):
        turns = [LabelledTurn("how do i clean part 1", OPEN_QUESTION)]
        train_routing_model([IntentExample("yes a", "affirm")], turns, vectors, SETTINGS)


def test_a_kind_of_answer_that_is_unknown_is_refused(trained) -> None:
    _, training, vectors = trained
    with pytest.raises(ValueError, match="colour"):
        outside = [turn for turn in training.turns if turn.kind != IN_SCOPE]
        settings = RoutingSettings(expects={"code": "colour"})
        train_routing_model([IntentExample("yes a", "affirm")], outside, vectors, settings)


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("how do I clean it?", {"asks", "question_word", "question_mark", "first_person", "points_back"}),
        ("is my order here", {"question_verb", "first_person"}),
        ("#1043", {"order_number", "number", "one_word"}),
        ("12 34 56", {"code", "number"}),
        ("me@example.com", {"email", "one_word"}),
        ("LS1 4AP", {"postcode", "number"}),
        ("£50", {"amount", "number"}),
        ("aaaaaaa", {"repetition", "one_word"}),
    ],
)
def test_signs_are_read_off_the_text(text: str, signs: set[str]) -> None:
    found = {name for name, value in zip(SIGNS, text_signs(text), strict=True) if value == 1.0}

    assert signs <= found


def test_a_keyboard_mash_looks_less_usual_than_words() -> None:
    letters = LetterModel.fit(["where is my order", "when will the parcel come", "how do I clean the kettle"])

    assert letters.scores("xqzkj vbnmp")[0] < letters.scores("the kettle is here")[0]
    assert letters.scores("???") == (0.0, 0.0)


def test_the_examples_of_the_project_can_be_learned_from() -> None:
    turns = read_folder(Path(__file__).resolve().parents[4] / "data" / "routing")

    assert {turn.label for turn in turns} == set(LABELS)
    assert {turn.label for turn in turns if turn.state.in_form} == set(LABELS)


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("{kind: maybe, examples: [x]}", "kind"),
        ("{kind: in_scope, topic: rude, examples: [x]}", "topic"),
        ("{kind: in_scope, examples: [1043]}", "quotes"),
    ],
)
def test_a_file_of_turns_that_cannot_be_used_says_where(tmp_path: Path, group: str, message: str) -> None:
    (tmp_path / "turns.yml").write_text(f"turns:\n  - {group}\n", encoding="utf-8")

    with pytest.raises(TurnsError, match=rf"turns\.yml, group 1.*{message}"):
        read_turns(tmp_path / "turns.yml")


def test_examples_out_of_scope_need_a_topic_to_be_learned_from(tmp_path: Path) -> None:
    (tmp_path / "turns.yml").write_text("turns:\n  - {kind: out_of_scope, examples: [x]}\n", encoding="utf-8")

    assert read_turns(tmp_path / "turns.yml")[0].topic is None
    with pytest.raises(TurnsError, match="topic"):
        read_folder(tmp_path)
