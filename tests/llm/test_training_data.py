"""Data for training: each set's form is read, licences are kept, nothing comes twice or from an evaluation."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from llm_component.training.data.contamination import Contamination, Overlap
from llm_component.training.data.corpus import build, split_sentences
from llm_component.training.data.duplicates import Deduplicator
from llm_component.training.data.example_files import read_examples, write_examples
from llm_component.training.data.examples import Example, Passage
from llm_component.training.data.labelled import read_labelled
from llm_component.training.data.licences import check, licence_of
from llm_component.training.data.readers import as_text, data_root, read
from llm_component.training.data.report import measure, report
from llm_component.training.data.texts import documents
from llm_component.training.errors import TrainingError
from llm_component.training.options import weighted
from llm_component.training.own_tokenizer import train_tokenizer
from tests.llm import training_runs

KNOWLEDGE = {"hotel": {"7": {"name": "THE LODGE", "docs": {"3": {"title": "Pets?", "body": "No pets."}}}}}
REVIEWS = {
    "hotel": {
        "7": {
            "name": "THE LODGE",
            "reviews": {"0": {"sentences": {"1": "Clean rooms."}}},
            "faqs": {"2": {"question": "Parking?", "answer": "Yes, free."}},
        }
    }
}
REVIEW = {"domain": "hotel", "entity_id": 7, "doc_type": "review", "doc_id": 0, "sent_id": 1}
FAQ = {"domain": "hotel", "entity_id": 7, "doc_type": "faq", "doc_id": 2}
SAID = [{"role": "user", "content": "It is broken."}, {"role": "agent", "content": "I am sorry."}]
WORDS = "a stretch of text that is long enough to hold a good many words in a row"


def put(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")


def put_zip(path: Path, name: str, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """One made-up file of each data set, with the quirks of the real one."""
    put(
        tmp_path / "doc2dial_qga" / "test_set.tsv",
        'questions\tcontexts\tanswers\nHow long ?\t"Ten days ,\nno more ."\tTen days. Are ten days more?\nonly one\n'
        'How long ?\t"Ten days ,\nno more ."\tTen days. Are ten days more?\n'
        "And why?\tTen days, no more.\tBecause nobody asked anything else.\n"
        "Why?\tA span.\tUnfortunately, no relevant information is found.\n",
    )
    turns = [["user", "Hi"], ["agent", "Hello"], ["user", "How long?"]]
    grounded = {"doc_id": "Guide#3_0", "history": turns, "grounding": {"text": ["Ten days ."]}, "response": "Ten days"}
    put(
        tmp_path / "doc2dial_val" / "grounded_turns.jsonl",
        "\n".join(json.dumps(grounded | {"response": said}) for said in ("Ten days", None)),
    )
    label = {"target": True, "knowledge": [{"domain": "hotel", "entity_id": 7, "doc_id": 3}], "response": "No pets."}
    for folder, labels in (("data", "val"), ("data_eval", "test")):
        put(tmp_path / "dstc9_track1" / folder / labels / "labels.json", [{"target": False}, label])
        put(tmp_path / "dstc9_track1" / folder / "knowledge.json", KNOWLEDGE)
    dstc11 = tmp_path / "dstc11_track5" / "data"
    put(dstc11 / "knowledge.json", REVIEWS)
    put(dstc11 / "val" / "labels.json", [{"target": True, "knowledge": [REVIEW, FAQ, FAQ], "response": "Yes."}])
    put(dstc11 / "val" / "logs.json", [[{"speaker": "U", "text": "Clean?"}]])
    put(dstc11 / "test" / "labels.json", [{"target": True, "knowledge": [FAQ], "response": "Free."}])
    bitext = "instruction,response\ncancel it,See {{Order Details}}.\ncancel it,See {{Order Details}}.\n"
    put(tmp_path / "bitext_responses" / "one.csv", bitext)
    put_zip(tmp_path / "cucom_ecommerce" / "ecommerce" / "ecommerce_v_0_1.jsonl.zip", "m", json.dumps({"turns": SAID}))
    log = [{"text": "I want a hotel ."}, {"text": "Where ?"}]
    for name in ("val", "test"):
        put_zip(tmp_path / "multiwoz_valtest" / f"{name}.json.zip", name, json.dumps({"A": {"log": log}}, indent=1))
    spoken = [{"speaker": "USER", "utterance": "A table"}, {"speaker": "SYSTEM", "utterance": "Where?"}]
    put(tmp_path / "sgd" / "train.compact.jsonl", {"turns": spoken})
    coffee = [{"speaker": "user", "text": "a latte"}, {"speaker": "assistant", "text": "Large?"}]
    put(tmp_path / "taskmaster4" / "data" / "data_00.json", [{"utterances": coffee}])
    talk = [{"message": "Do you read?", "agent": "agent_1"}, {"message": "Yes.", "agent": "agent_2"}]
    put(tmp_path / "topical_chat" / "conversations" / "a.json", {"t": {"content": talk}})
    meeting = {
        "meeting_transcripts": [
            {"speaker": "Ann", "content": "{vocalsound} We need red ."},
            {"speaker": "Bob", "content": "Yes ."},
        ],
        "specific_query_list": [{"answer": "Ann wanted red .", "relevant_text_span": [["0", "1"]]}],
    }
    put(tmp_path / "qmsum" / "ALL" / "train" / "m.json", meeting)
    shop = [["agent", "Hi!"], ["customer", "A return"], ["action", "Pulled up."], ["agent", "Your name?"]]
    put(tmp_path / "abcd_meta" / "abcd_sample.json", [{"original": shop}])
    return tmp_path


class TestReaders:
    @pytest.mark.parametrize(
        ("name", "split", "question", "target"),
        [
            ("doc2dial_qga", "training", "How long?", "Ten days. [1] Are ten days more?"),
            ("doc2dial_val", "evaluation", "How long?", "Ten days [1]"),
            ("dstc9_track1", "training", "Pets?", "No pets. [1]"),
            ("dstc9_track1", "evaluation", "Pets?", "No pets. [1]"),
            ("dstc11_track5", "training", "Clean?", "Yes. [1][2]"),
            ("dstc11_track5", "evaluation", "Parking?", "Free. [1]"),
            ("bitext_responses", "training", "cancel it", "See our order details."),
            ("cucom_ecommerce", "training", "It is broken.", "I am sorry."),
            ("sgd", "training", "A table", "Where?"),
            ("taskmaster4", "training", "a latte", "Large?"),
            ("topical_chat", "training", "Do you read?", "Yes."),
            ("qmsum", "training", "", "Ann wanted red."),
            ("abcd_meta", "training", "A return", "Your name?"),
        ],
    )
    def test_a_set_gives_its_one_example(self, root: Path, name: str, split: str, question: str, target: str) -> None:
        assert [(one.question, one.target) for one in read(name, root, split)] == [(question, target)]

    def test_signs_that_stand_apart_are_put_right(self, root: Path) -> None:
        assert [one.target for one in read("multiwoz_valtest", root)] == ["Where?", "Where?"]

    def test_passages_are_tidy(self, root: Path) -> None:
        assert next(read("doc2dial_qga", root)).passages[0].text == "Ten days, no more."

    def test_the_conversation_is_kept(self, root: Path) -> None:
        assert [turn.content for turn in next(read("doc2dial_val", root, "evaluation")).history] == ["Hi", "Hello"]

    def test_who_speaks_in_a_meeting_is_kept(self, root: Path) -> None:
        assert [turn.content for turn in next(read("qmsum", root)).history] == ["Ann: We need red.", "Bob: Yes."]

    @pytest.mark.parametrize(
        ("name", "split", "says"),
        [
            ("doc2dial_val", "training", "for evaluation alone"),
            ("doc2dial_qga", "evaluation", "for training alone"),
            ("nothing", "training", "is no data set"),
        ],
    )
    def test_a_set_is_kept_to_its_use(self, root: Path, name: str, split: str, says: str) -> None:
        with pytest.raises(TrainingError, match=says):
            read(name, root, split)

    def test_a_set_that_is_absent(self, tmp_path: Path) -> None:
        with pytest.raises(TrainingError, match="holds no sgd"):
            read("sgd", tmp_path)

    def test_the_root_must_be_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("FRONTDESK_DATA_SETS", raising=False)
        with pytest.raises(TrainingError, match="--data-root"):
            data_root()

    def test_an_example_as_text(self, root: Path) -> None:
        assert as_text(next(read("dstc9_track1", root))) == "The Lodge Pets? No pets.\nPets?\nNo pets. [1]"

    def test_the_report_counts(self, root: Path) -> None:
        text = report(root, ["doc2dial_qga", "dstc11_track5"], ["doc2dial_val"])
        assert "| doc2dial_qga |  | 1 | 0 | 0 | 1.0 |" in text


class TestLicences:
    def manifest(self, tmp_path: Path, commercial: str) -> Path:
        put(tmp_path / "MANIFEST.json", [{"folder": "set", "licence": "L", "commercial": commercial}])
        return tmp_path

    @pytest.mark.parametrize("commercial", ["yes", "yes; share-alike on data only", "Yes, SA"])
    def test_commercial_use_is_allowed(self, tmp_path: Path, commercial: str) -> None:
        check([licence_of(self.manifest(tmp_path, commercial), "set")], research_only=False)

    @pytest.mark.parametrize("commercial", ["no", "", "unknown", "research only"])
    def test_anything_else_is_refused(self, tmp_path: Path, commercial: str) -> None:
        with pytest.raises(TrainingError, match="--research-only"):
            check([licence_of(self.manifest(tmp_path, commercial), "set")], research_only=False)

    def test_research_may(self, tmp_path: Path) -> None:
        check([licence_of(self.manifest(tmp_path, "no"), "set")], research_only=True)

    def test_a_set_without_any_note_is_unknown(self, tmp_path: Path) -> None:
        assert not licence_of(tmp_path, "set").allows_commercial_use

    def test_the_folder_has_a_note_of_its_own(self, tmp_path: Path) -> None:
        put(tmp_path / "set" / "PROVENANCE.txt", "licence: MIT\ncommercial use: yes\n")
        assert licence_of(tmp_path, "set").allows_commercial_use

    def test_a_run_on_forbidden_data_is_refused_and_marked(self, root: Path, tmp_path: Path) -> None:
        put(root / "MANIFEST.json", [{"folder": "dstc9_track1", "licence": "CC BY-NC 4.0", "commercial": "no"}])
        model = training_runs.make_compact(tmp_path / "compact")
        settings: dict[str, Any] = {"data_root": str(root), "steps": 1}
        with pytest.raises(TrainingError, match="CC BY-NC"):
            training_runs.finetune(tmp_path / "out", model, Path("dstc9_track1"), **settings)
        ran = training_runs.finetune(tmp_path / "out", model, Path("dstc9_track1"), research_only=True, **settings)
        assert json.loads((ran.out / "model" / "training.json").read_text())["research_only"] is True


class TestDuplicates:
    def kept(self, *texts: str) -> list[str]:
        return list(Deduplicator().kept(texts))

    def test_a_paragraph_comes_once(self) -> None:
        assert self.kept(f"{WORDS}\n\nOne and more", f"{WORDS}!\n\nTwo and other words of its own here") == [
            f"{WORDS}\n\nOne and more",
            "Two and other words of its own here",
        ]

    def test_signs_and_capitals_make_no_difference(self) -> None:
        assert self.kept(WORDS, WORDS.upper() + ".") == [WORDS]

    def test_a_document_much_like_another_goes(self) -> None:
        words = [f"word{number}" for number in range(400)]
        assert len(self.kept(" ".join(words), " ".join([*words[:-2], "other", "end"]))) == 1

    def test_documents_that_share_a_part_stay(self) -> None:
        first, second = ([f"{name}{number}" for number in range(200)] for name in ("a", "b"))
        assert len(self.kept(" ".join(first), " ".join(first[:60] + second))) == 2

    def test_a_short_text_comes_once(self) -> None:
        assert self.kept("Thank you.", "thank you", "Goodbye.") == ["Thank you.", "Goodbye."]


class TestContamination:
    def example(self, question: str, passage: str = "") -> Example:
        return Example("answer", question, "Yes.", passages=(Passage("", "", passage),))

    def test_eight_words_in_a_row_are_found(self) -> None:
        overlap = Overlap()
        known = Contamination.of([self.example(f"Is it {WORDS}?")])
        kept = list(known.without([self.example(f"So, {WORDS.upper()}!"), self.example("Is it red?")], overlap))
        assert ([one.question for one in kept], overlap.overlapping) == (["Is it red?"], 1)

    def test_seven_are_not(self) -> None:
        known = Contamination.of([self.example("one two three four five six seven EIGHT")])
        assert not known.touches(["one two three four five six seven nine"])

    def test_passages_count_where_asked_for(self) -> None:
        examples = [self.example("Is it?", WORDS)]
        assert not Contamination.of(examples).touches([WORDS])
        assert Contamination.of(examples, passages=True).touches([WORDS])

    def test_the_report_counts_overlap(self) -> None:
        examples = [self.example(WORDS), self.example("Is it red?")]
        assert measure(examples, Contamination.of([self.example(WORDS)])).overlap.share == 0.5


class TestFiles:
    def test_examples_come_back_as_they_were(self, tmp_path: Path) -> None:
        made = training_runs.examples()
        write_examples(made, tmp_path / "a.jsonl")
        assert list(read_examples(tmp_path / "a.jsonl")) == made

    def test_a_broken_example_is_named(self, tmp_path: Path) -> None:
        put(tmp_path / "a.jsonl", '{"question": "Why?"}')
        with pytest.raises(TrainingError, match=r"example 1: .*target"):
            list(read_examples(tmp_path / "a.jsonl"))

    def test_labels_from_rasa(self, tmp_path: Path) -> None:
        lines = 'nlu:\n- intent: greet\n  examples: |\n    - hi [Ann](name)\n    - hello [A]{"entity": "x"}\n'
        put(tmp_path / "nlu.yml", lines + "- synonym: x\n  examples: |\n    - y\n")
        assert list(read_labelled(tmp_path / "nlu.yml")) == [("hi Ann", "greet"), ("hello A", "greet")]

    def test_labels_from_json(self, tmp_path: Path) -> None:
        put(tmp_path / "a.jsonl", {"text": "hi", "intent": "greet"})
        assert list(read_labelled(tmp_path / "a.jsonl")) == [("hi", "greet")]

    def test_a_column_that_is_missing_is_named(self, tmp_path: Path) -> None:
        put(tmp_path / "a.csv", "text,other\nhi,x\n")
        with pytest.raises(TrainingError, match="has no label"):
            list(read_labelled(tmp_path / "a.csv"))

    def test_texts_of_each_kind(self, tmp_path: Path) -> None:
        put(tmp_path / "a.md", "One")
        put(
            tmp_path / "b.jsonl", '{"text": "Two"}\n"Three"\n{"messages": [{"content": "Four"}, {"content": "Five"}]}\n'
        )
        assert list(documents(tmp_path)) == ["One", "Two", "Three", "Four\nFive"]

    def test_a_folder_without_text(self, tmp_path: Path) -> None:
        with pytest.raises(TrainingError, match="holds no text"):
            list(documents(tmp_path))

    @pytest.mark.parametrize(
        ("said", "meant"), [("sgd", ("sgd", 1.0)), ("sgd=0.5", ("sgd", 0.5)), ("a=b", ("a=b", 1.0))]
    )
    def test_weights(self, said: str, meant: tuple[str, float]) -> None:
        assert weighted(said) == meant


class TestCorpus:
    def test_sentences_joined_give_the_text_back(self) -> None:
        text = "One. Two costs £4.95!\n\nThree?  Four"
        assert "".join(split_sentences(text)) == text

    def test_no_token_is_lost(self, tmp_path: Path) -> None:
        texts = [training_runs.document(name) for name in training_runs.PRODUCTS]
        tokenizer = train_tokenizer("causal", lambda: texts, 400, 256)
        training, _ = build(texts, tokenizer, 2, tmp_path / "corpus", "key", evaluation_share=0.0)
        assert tokenizer.decode(training.tokens.tolist()) == "".join(f"{text}</s>" for text in texts)

    def test_a_word_piece_tokenizer_is_the_same_every_time(self) -> None:
        texts = [training_runs.document(name) for name in training_runs.PRODUCTS]
        made = [train_tokenizer("masked", lambda: texts, 400, 256).get_vocab() for _ in range(3)]
        assert made[0] == made[1] == made[2]
