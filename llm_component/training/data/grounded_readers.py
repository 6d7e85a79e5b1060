"""Data sets whose replies rest on a passage: each reader yields examples as the files come, and holds little."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llm_component.training.data.documents import Documents
from llm_component.training.data.examples import Example, Passage
from llm_component.training.data.reading import HISTORY_TURNS, cited, joined, load_json, load_lines, tidy, turn

LEAST_SUPPORTED = 0.5
_WORD = re.compile(r"[a-z0-9]{4,}")
NO_INFORMATION = re.compile(r"no relevant information|could not find any|couldn't find any", re.I)


def doc2dial_questions(folder: Path, file: str) -> Iterator[Example]:
    """Question, grounding and reply, tab-separated, without a conversation. Lines without three fields are left out.

    So are repeated lines, and replies that say much that their grounding does not: nobody should learn that.
    """
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    seen: set[tuple[str, ...]] = set()
    with (folder / file).open(encoding="utf-8", newline="") as opened:
        for fields in csv.reader(opened, delimiter="\t"):
            if len(fields) != 3 or fields[0] == "questions":
                continue
            question, context, answer = line = tuple(tidy(field) for field in fields)
            # A reply that found nothing stands beside a span that has nothing to do with it.
            if not (question and context and answer) or NO_INFORMATION.search(answer) or line in seen:
                continue
            seen.add(line)
            if supported_share(answer, context) >= LEAST_SUPPORTED:
                passage = Passage("", "", context)
                yield Example("answer", question, cited(answer), passages=(passage,), cites=(1,), source="doc2dial_qga")


def supported_share(answer: str, context: str) -> float:
    """The share of an answer's longer words that stand in the context; 0 where it has none."""
    words, known = _WORD.findall(answer.casefold()), set(_WORD.findall(context.casefold()))
    return sum(word in known for word in words) / len(words) if words else 0.0


def doc2dial_test_set(root: Path) -> Iterator[Example]:
    """doc2dial_qga, its test set, which has other dialogues than the validation set.

    Each question comes with its span alone, and where the documents lie beside it (doc2dial_val) once more with
    sections of the document that the span is from: the questions before it, as far as they are about that document,
    are then its history.
    """
    file = root / "doc2dial_val" / "documents.jsonl"
    documents = Documents((line["doc_id"], line["text"]) for line in load_lines(file)) if file.is_file() else None
    for number, example in enumerate(doc2dial_questions(root / "doc2dial_qga", "test_set.tsv")):
        yield example
        if documents is not None:
            placed = documents.placed(example, number)
            if placed is not None:
                yield placed


def doc2dial_validation(root: Path) -> Iterator[Example]:
    """doc2dial_val: whole conversations and the spans that the replies rest on. For evaluation alone."""
    for line in load_lines(root / "doc2dial_val" / "grounded_turns.jsonl"):
        turns = joined(turn(speaker, text) for speaker, text in line["history"])
        if not turns or turns[-1].role != "user" or not line["response"]:
            continue  # the dialogue ends there, or the assistant goes on speaking
        passage = Passage(line["doc_id"].split("#")[0], "", tidy(" ".join(line["grounding"]["text"])))
        yield Example(
            "answer",
            turns[-1].content,
            cited(line["response"]),
            history=tuple(turns[-1 - HISTORY_TURNS : -1]),
            passages=(passage,),
            cites=(1,),
            source="doc2dial_val",
        )


def _dstc9(folder: Path, labels: str, knowledge: str) -> Iterator[Example]:
    known = load_json(folder / knowledge)
    for label in load_json(folder / labels):
        if not label.get("target"):
            continue
        snippet = label["knowledge"][0]
        entity = known[snippet["domain"]][str(snippet["entity_id"])]
        document = entity["docs"][str(snippet["doc_id"])]
        name = entity.get("name") or snippet["domain"]
        passage = Passage(name.title(), document["title"], document["body"])
        # The conversations are not part of the set: the snippet's own question stands for the customer's.
        yield Example(
            "answer",
            document["title"],
            cited(label["response"]),
            passages=(passage,),
            cites=(1,),
            source="dstc9_track1",
        )


def dstc9_test(root: Path) -> Iterator[Example]:
    """dstc9_track1, the labels of its evaluation data, which are not those that results are compared on here."""
    folder = root / "dstc9_track1"
    return _dstc9(folder, "data_eval/test/labels.json", "data_eval/knowledge.json")


def dstc9_validation(root: Path) -> Iterator[Example]:
    """dstc9_track1, validation: for evaluation alone."""
    return _dstc9(root / "dstc9_track1", "data/val/labels.json", "data/knowledge.json")


def dstc11_validation(root: Path) -> Iterator[Example]:
    """dstc11_track5, validation with its conversations: what guests write and the answers that sum it up."""
    folder = root / "dstc11_track5" / "data"
    labels, logs = load_json(folder / "val" / "labels.json"), load_json(folder / "val" / "logs.json")
    known = load_json(folder / "knowledge.json")
    for label, log in zip(labels, logs, strict=True):
        if not label.get("target"):
            continue
        turns = joined(turn("user" if said["speaker"] == "U" else "assistant", said["text"]) for said in log)
        if turns and turns[-1].role == "user":
            yield from _dstc11_example(known, label, turns[-1].content, tuple(turns[-1 - HISTORY_TURNS : -1]))


def dstc11_test(root: Path) -> Iterator[Example]:
    """dstc11_track5, the test labels; their conversations are absent, so only answers to a FAQ have a question."""
    folder = root / "dstc11_track5" / "data"
    known = load_json(folder / "knowledge.json")
    for label in load_json(folder / "test" / "labels.json"):
        snippets = label.get("knowledge") or []
        if label.get("target") and len(snippets) == 1 and snippets[0]["doc_type"] == "faq":
            faq = known[snippets[0]["domain"]][str(snippets[0]["entity_id"])]["faqs"][str(snippets[0]["doc_id"])]
            yield from _dstc11_example(known, label, faq["question"], ())


def _dstc11_example(known: Any, label: Any, question: str, history: tuple[Any, ...]) -> Iterator[Example]:
    passages: list[Passage] = []
    for snippet in label["knowledge"]:
        entity = known[snippet["domain"]][str(snippet["entity_id"])]
        if snippet["doc_type"] == "review":
            review = entity["reviews"][str(snippet["doc_id"])]
            text = review["sentences"][str(snippet["sent_id"])]
            passage = Passage(entity["name"].title(), "Review", text)
        else:
            faq = entity["faqs"][str(snippet["doc_id"])]
            passage = Passage(entity["name"].title(), faq["question"], faq["answer"])
        if passage not in passages:
            passages.append(passage)
    passages = passages[:5]
    marks = "".join(f"[{number}]" for number in range(1, len(passages) + 1))
    answer = " ".join(label["response"].split())
    yield Example(
        "answer",
        question,
        f"{answer} {marks}",
        history=history,
        passages=tuple(passages),
        cites=tuple(range(1, len(passages) + 1)),
        source="dstc11_track5",
    )
