"""The labelled pairs of the groundedness benchmark: our own set, and pairs made by code from Doc2Dial's dialogues."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import ROOT
from llm_component.checks.gate import take_marks
from llm_component.checks.language import content_keys
from llm_component.checks.sentences import split_sentences
from llm_component.protocol import Passage

OWN = ROOT / "benchmarks" / "data" / "groundedness"
ALTERED = frozenset({"number", "date", "price", "unit", "name", "negation", "antonym"})
DOC2DIAL_EACH = 250  # replies taken; each gives the alterations that it has something for
_LEAST_CONTENT = 3  # content words, below which a reply claims nothing that could be checked


@dataclass(frozen=True)
class Pair:
    """A sentence with the passage it cites. `group` is its article or document, which is never in both halves."""

    sentence: str
    passage: Passage
    supported: bool
    kind: str
    half: str
    group: str
    question: str = ""


def own_pairs(folder: Path = OWN) -> list[Pair]:
    """The pairs in `folder`: passages.jsonl and pairs.jsonl."""
    passages = {}
    for line in (folder / "passages.jsonl").read_text(encoding="utf-8").splitlines():
        read = json.loads(line)
        passages[read["id"]] = (Passage(read["title"], read["text"], heading=read["heading"]), read["article"])
    found = []
    for line in (folder / "pairs.jsonl").read_text(encoding="utf-8").splitlines():
        read = json.loads(line)
        passage, article = passages[read["passage"]]
        found.append(Pair(read["sentence"], passage, read["supported"], read["kind"], read["half"], article))
    return found


def doc2dial_pairs(folder: Path, seed: int = 1, replies: int = DOC2DIAL_EACH) -> list[Pair]:
    """Pairs from `folder`, which holds documents.jsonl and grounded_turns.jsonl.

    Supported: an agent's reply and the paragraphs of the spans that it rests on, as the annotators marked them.
    Unsupported: the reply with a number, a negation or a name altered, or with the paragraphs of another document.
    Only replies of one sentence that claim something are taken, as the gate sees sentences: no questions, no replies
    of fewer than three content words, no hand-overs ("here is a link"). Only what stands in the paragraphs is
    altered, so that the altered reply contradicts them.
    """
    rng = random.Random(seed)
    turns = [json.loads(line) for line in (folder / "grounded_turns.jsonl").read_text(encoding="utf-8").splitlines()]
    rng.shuffle(turns)
    read = [json.loads(line) for line in (folder / "documents.jsonl").read_text(encoding="utf-8").splitlines()]
    texts = {each["doc_id"]: each["text"] for each in read}

    def passage_of(turn: dict[str, Any]) -> Passage:
        """The paragraphs that hold the turn's spans: what a knowledge base would have found."""
        text = texts[turn["doc_id"]]
        starts = turn["grounding"]["answer_start"]
        ends = [start + len(span.strip()) for start, span in zip(starts, turn["grounding"]["text"], strict=True)]
        paragraphs = [
            each.group() for each in re.finditer(r"(?:(?!\n\s*\n).)+", text, re.DOTALL)
            if any(start < each.end() and end > each.start() for start, end in zip(starts, ends, strict=True))
        ]  # fmt: skip
        return Passage(turn["doc_id"].split("#")[0], _tidy("\n".join(paragraphs)))

    documents = sorted({turn["doc_id"] for turn in turns})
    halves = {document: "ab"[index % 2] for index, document in enumerate(documents)}
    claims = [turn for turn in turns if turn["response"] and turn["grounding"] and _claims(turn["response"])]
    names = sorted({name for turn in claims for name in _names(turn["response"])})
    # Numbers and names are rarer than verbs: replies that hold one come first, so that each kind has enough.
    rich = [turn for turn in claims if re.search(r"\d", turn["response"]) or _names(turn["response"])]
    chosen = rich[: replies // 2]
    chosen += [turn for turn in claims if turn not in chosen][: replies - len(chosen)]
    pairs: list[Pair] = []
    for turn in chosen:
        # "[18]" is a link's number in the corpus; the gate takes such marks off before it looks.
        text, question = take_marks(_tidy(turn["response"]))[0], turn["history"][-1][1]
        passage = passage_of(turn)
        half, group = halves[turn["doc_id"]], turn["doc_id"]
        pairs.append(Pair(text, passage, True, "reply", half, group, question))
        for kind, altered in (
            ("number", _other_number(text, passage, rng)),
            ("negation", _other_polarity(text, passage)),
            ("name", _other_name(text, passage, names, rng)),
        ):
            if altered is not None and altered != text:
                pairs.append(Pair(altered, passage, False, kind, half, group, question))
        other = rng.choice([each for each in claims if halves[each["doc_id"]] == half and each["doc_id"] != group])
        pairs.append(Pair(text, passage_of(other), False, "wrong_passage", half, group, question))
    return pairs


def _tidy(text: str) -> str:
    """The corpus separates signs by spaces ("800 - 325 , ") and has lost apostrophes ("can t", "you re")."""
    text = re.sub(r"(?<=\d) - (?=\d)", "-", re.sub(r"[^\S\n]+", " ", text))
    text = re.sub(
        r"\b(can|(?:do|does|did|is|are|was|were|has|have|had|wo|would|could|should|must)n) t\b", r"\1't", text
    )
    text = re.sub(r"\b(we|you|they) re\b", r"\1're", re.sub(r"(?<=[a-z]) s (?=[a-z])", "'s ", text))
    return re.sub(r" +([,.;:!?])", r"\1", text).strip()


def _claims(reply: str) -> bool:
    if "?" in reply or len(content_keys(reply)) < _LEAST_CONTENT or len(split_sentences(_tidy(reply))) > 1:
        return False
    return re.search(r"\b(?:link|click|here is|here's|this page|glad|sorry)\b", reply, re.IGNORECASE) is None


def _other_number(text: str, passage: Passage, rng: random.Random) -> str | None:
    numbers = list(re.finditer(r"(?<![\w.-])\d{1,3}(?:,\d{3})*(?:\.\d+)?(?![\w-])", text))
    numbers = [each for each in numbers if re.search(rf"(?<!\d){re.escape(each.group())}(?!\d)", passage.text)]
    if not numbers:
        return None
    chosen = rng.choice(numbers)
    value = float(chosen.group().replace(",", ""))
    other = value + rng.choice([1, 2, 5, 10]) if value < 10 else value * rng.choice([2, 3]) - rng.choice([1, 3])
    said = f"{other:,.2f}" if "." in chosen.group() else f"{int(other):,}" if value >= 1000 else str(int(other))
    return text[: chosen.start()] + said + text[chosen.end() :]


_AUXILIARY = re.compile(
    r"\b(is|are|was|were|will|can|may|must|should|would|could|do|does|has been|have been)\b(?! not\b)", re.IGNORECASE
)
_NOT = re.compile(r"\b(is|are|was|were|will|can|may|must|should|would|could|do|does) not\b|\b(can)not\b", re.IGNORECASE)
_SHORT = re.compile(
    r"\b(is|are|was|were|could|would|should|does|do|did)n['’]t\b|\bcan['’]t\b|\bwon['’]t\b", re.IGNORECASE
)


def _other_polarity(text: str, passage: Passage) -> str | None:
    """The reply with its first "not" taken away, or, where there is none, put behind its first auxiliary verb; None
    where the content word behind it does not stand in the passage, since then nothing there would be contradicted."""
    found = _NOT.search(text)
    short = _SHORT.search(text)
    if found:
        altered, end = text[: found.start()] + (found[1] or found[2]) + text[found.end() :], found.end()
    elif short:
        full = {"can": "can", "won": "will"}.get(short.group().lower()[:3], short[1] or "can")
        altered, end = text[: short.start()] + full + text[short.end() :], short.end()
    elif re.search(r"\b(?:no|never|without|unless|neither|nor)\b", text, re.IGNORECASE):
        return None
    else:
        auxiliary = _AUXILIARY.search(text)
        if auxiliary is None:
            return None
        altered, end = text[: auxiliary.end()] + " not" + text[auxiliary.end() :], auxiliary.end()
    behind = content_keys(text[end:])
    return altered if behind and behind[0] in content_keys(passage.text) else None


def _names(text: str) -> list[str]:
    return re.findall(r"(?<=[a-z,] )[A-Z][a-z]{3,}(?: [A-Z][a-z]{3,})*", text)


def _other_name(text: str, passage: Passage, names: Sequence[str], rng: random.Random) -> str | None:
    found = [name for name in _names(text) if name.lower() in (passage.text + passage.title).lower()]
    if not found:
        return None
    chosen = rng.choice(found)
    spoken = (passage.text + " " + passage.title + " " + text).lower()
    others = [name for name in names if not any(word.lower() in spoken for word in name.split())]
    return text.replace(chosen, rng.choice(others)) if others else None
