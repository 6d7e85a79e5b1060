"""Data sets with summaries of what was said."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llm_component.protocol import Turn
from llm_component.training.data.examples import Example
from llm_component.training.data.reading import load_json

MOST_WORDS = 900  # of the stretch of a meeting that a summary is about; longer ones say too little of each line
_SOUND = re.compile(r"\{[^{}]*\}|<[^<>]*>")
_SPACED = re.compile(r"\s+([,.;:!?])")


def qmsum(root: Path) -> Iterator[Example]:
    """qmsum, training part: questions about meetings whose answer sums up a marked stretch of the talk.

    Who asks and who answers is lost in a meeting: the first speaker of the stretch stands for the customer, all
    others for the assistant; names are kept in the text. Files that were cut off at the source are left out.
    """
    for file in sorted((root / "qmsum" / "ALL" / "train").glob("*.json")):
        meeting = load_json(file)
        for query in meeting.get("specific_query_list") or []:
            turns = _stretch(meeting["meeting_transcripts"], query.get("relevant_text_span") or [])
            words = sum(len(turn.content.split()) for turn in turns)
            answer = _clean(query.get("answer") or "")
            if answer and turns and words <= MOST_WORDS:
                yield Example("summary", "", answer, history=tuple(turns), source="qmsum")


def _stretch(transcript: list[dict[str, Any]], spans: list[list[str]]) -> list[Turn]:
    turns: list[Turn] = []
    first = ""
    for start, stop in spans:
        for said in transcript[int(start) : int(stop) + 1]:
            text = _clean(said["content"])
            if not text:
                continue
            first = first or said["speaker"]
            turns.append(Turn("user" if said["speaker"] == first else "assistant", f"{said['speaker']}: {text}"))
    return turns


def _clean(text: str) -> str:
    """Without the marks of noises, and with signs where they belong."""
    return _SPACED.sub(r"\1", " ".join(_SOUND.sub(" ", text).split()))
