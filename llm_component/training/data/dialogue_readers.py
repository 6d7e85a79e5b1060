"""Data sets of conversations without passages: how people ask and how an assistant answers, for the language itself."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from llm_component.training.data.examples import Example
from llm_component.training.data.reading import load_json, load_lines, replies, tidy, turn

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
_ANNOTATION = re.compile(r"\s*\bAnonymized\b", re.I)


def bitext_responses(root: Path) -> Iterator[Example]:
    """bitext_responses: requests with replies. Both files hold the same requests, so a pair comes once.

    Placeholders such as {{Order Number}} become their plain names: a model must not learn to write braces.
    """
    seen: set[tuple[str, str]] = set()
    for file in sorted((root / "bitext_responses").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as opened:
            for line in csv.DictReader(opened):
                question, answer = (_plain(line.get(name) or "") for name in ("instruction", "response"))
                if question and answer and (question, answer) not in seen:
                    seen.add((question, answer))
                    yield Example("answer", question, answer, source="bitext_responses")


def _plain(text: str) -> str:
    text = _PLACEHOLDER.sub(lambda found: "our " + _ANNOTATION.sub("", found[1]).lower(), text)
    return text.replace("our our ", "our ").strip()


def cucom_ecommerce(root: Path) -> Iterator[Example]:
    """cucom_ecommerce: complaints to an online shop, in English. The file `sample.jsonl` is another language's."""
    for line in load_lines(root / "cucom_ecommerce" / "ecommerce" / "ecommerce_v_0_1.jsonl.zip"):
        turns = [turn(said["role"], said["content"]) for said in line.get("turns") or [] if said.get("content")]
        yield from replies(turns, "cucom_ecommerce")


def multiwoz_valtest(root: Path) -> Iterator[Example]:
    """multiwoz_valtest: booking in a town. The customer speaks first, then both in turn."""
    for name in ("val", "test"):
        for dialogue in load_json(root / "multiwoz_valtest" / f"{name}.json.zip").values():
            speakers = ("user", "assistant")
            turns = [turn(speakers[at % 2], tidy(said["text"])) for at, said in enumerate(dialogue["log"])]
            yield from replies(turns, "multiwoz_valtest")


def sgd(root: Path) -> Iterator[Example]:
    """sgd: tasks with services, the training part. The files are one dialogue a line."""
    for line in load_lines(root / "sgd" / "train.compact.jsonl"):
        yield from replies([turn(said["speaker"], said["utterance"]) for said in line["turns"]], "sgd")


def taskmaster4(root: Path) -> Iterator[Example]:
    """taskmaster4: ordering coffee."""
    for file in sorted((root / "taskmaster4" / "data").glob("data_*.json")):
        for dialogue in load_json(file):
            turns = [turn(said["speaker"], said.get("text") or "") for said in dialogue.get("utterances") or []]
            yield from replies(turns, "taskmaster4")


def topical_conversations(root: Path) -> Iterator[Example]:
    """topical_chat: talk between two people; the second is taken for the assistant."""
    for file in sorted((root / "topical_chat" / "conversations").glob("*.json")):
        for dialogue in load_json(file).values():
            turns = [
                turn("assistant" if said["agent"] == "agent_2" else "user", said.get("message") or "")
                for said in dialogue["content"]
            ]
            yield from replies(turns, "topical_chat")


def abcd_meta(root: Path) -> Iterator[Example]:
    """abcd_meta: three conversations of a shop's desk. What the system did (`action`) is no turn."""
    for dialogue in load_json(root / "abcd_meta" / "abcd_sample.json"):
        turns = [turn(speaker, text) for speaker, text in dialogue["original"] if speaker in ("agent", "customer")]
        yield from replies(turns, "abcd_meta")
