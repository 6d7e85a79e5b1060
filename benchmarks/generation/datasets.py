"""The data sets of the benchmark as cases. References stay letter by letter as published, so that scores compare."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import ROOT
from llm_component.encoder import SentenceEncoder
from llm_component.evaluation.cases import Case, turns
from llm_component.protocol import Turn
from llm_component.training.data.documents import sections
from llm_component.training.data.examples import Example, Passage
from llm_component.training.data.reading import cited, tidy

OWN = ROOT / "benchmarks" / "data" / "generation"
HISTORY_TURNS = 8
SECTIONS = 5  # passages that a model is given


def fingerprint(files: Sequence[Path]) -> str:
    """SHA-256 over the contents of files, its first 16 digits."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _lines(path: Path) -> Iterator[Any]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)


# Doc2Dial


def doc2dial_files(data: Path) -> list[Path]:
    """The files of Doc2Dial's validation set."""
    return [data / "doc2dial_val" / "documents.jsonl", data / "doc2dial_val" / "grounded_turns.jsonl"]


def doc2dial(data: Path) -> list[tuple[Case, str, str]]:
    """Turns that have a reply, with the gold span (as it stands in the document) and the document's id."""
    found = []
    for line in _lines(data / "doc2dial_val" / "grounded_turns.jsonl"):
        response = line["response"]
        said = list(turns(line["history"]))
        if not response or not response.strip() or not said or said[-1].role != "user":
            continue
        span = " ".join(line["grounding"]["text"])
        example = Example(
            "answer",
            said[-1].content,
            cited(response),
            history=tuple(said[-1 - HISTORY_TURNS : -1]),
            passages=(Passage(line["doc_id"].split("#")[0], "", tidy(span)),),
            cites=(1,),
            source="doc2dial_val",
        )
        found.append((Case(line["id"], example, wanted=response), span, line["doc_id"]))
    return found


def documents(data: Path) -> dict[str, str]:
    """The texts of Doc2Dial's documents by their ids."""
    return {line["doc_id"]: line["text"] for line in _lines(data / "doc2dial_val" / "documents.jsonl")}


class Sections:
    """The sections of documents with their vectors, each computed once."""

    def __init__(self, texts: dict[str, str], encoder: SentenceEncoder) -> None:
        self._texts = texts
        self._encoder = encoder
        self._known: dict[str, tuple[list[str], np.ndarray]] = {}

    def best(self, document: str, question: str, history: Sequence[Turn]) -> list[Passage]:
        """The sections nearest to the question and to the conversation, half each, the best first."""
        if document not in self._known:
            cut = sections(self._texts[document])
            self._known[document] = cut, self._encoder.encode(cut)
        cut, vectors = self._known[document]
        whole = " ".join([*(turn.content for turn in history), question])
        asked = self._encoder.encode([question, whole])
        order = np.argsort(-(vectors @ asked.sum(axis=0)), kind="stable")[:SECTIONS]
        return [Passage(document.split("#")[0], "", cut[index]) for index in order]


def with_sections(case: Case, document: str, found: Sections) -> Case:
    """The case with what was found in its document in place of the gold span; which passage is right is not known."""
    passages = tuple(found.best(document, case.example.question, case.example.history))
    return replace(case, example=replace(case.example, passages=passages, cites=()))


# DSTC9 track 1


def dstc9_files(data: Path) -> list[Path]:
    """The files of DSTC9's validation set."""
    return [data / "dstc9_track1" / "data" / name for name in ("knowledge.json", "val/labels.json")]


def dstc9(data: Path) -> list[tuple[Case, str]]:
    """Replies that rest on a snippet, with the snippet's text.

    The conversations are no part of the set here, so the snippet's own question stands for the customer's last turn.
    """
    knowledge, labels = (json.loads(file.read_text(encoding="utf-8")) for file in dstc9_files(data))
    found = []
    for number, label in enumerate(labels):
        if not label["target"]:
            continue
        snippet = label["knowledge"][0]
        entity = knowledge[snippet["domain"]][str(snippet["entity_id"])]
        document = entity["docs"][str(snippet["doc_id"])]
        name = entity.get("name") or snippet["domain"]
        example = Example(
            "answer",
            document["title"],
            cited(label["response"]),
            passages=(Passage(name.title(), document["title"], document["body"]),),
            cites=(1,),
            source="dstc9_val",
        )
        found.append((Case(f"dstc9-{number}", example, wanted=label["response"]), document["body"]))
    return found
